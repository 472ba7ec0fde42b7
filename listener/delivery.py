"""Finished results and a destination in; what became of each out. The C-STORE user (PS3.4 B.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association

from listener import settings as configuration
from listener.calling import Caller, accepts_none, why_not
from listener.contexts import VERIFICATION
from listener.errors import CannotCall
from listener.study import Delivery

STORED_WITH_WARNING = frozenset((0xB000, 0xB006, 0xB007))
"""Coercion, elements discarded, data set does not match: stored all the same (PS3.4 table B.2-1)."""
DUPLICATE = 0x0111
"""Duplicate SOP instance (PS3.7 C.5.7): the destination has it already."""


MEDIUM, HIGH = 0x00, 0x01
"""Priority (0000,0700), PS3.7 9.3.1."""


class Outcome(Enum):
    """What one attempt came to."""

    SENT = auto()
    LATER = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery's attempt: what it came to, and why in plain words."""

    delivery: Delivery
    outcome: Outcome
    remark: str


def send(
    deliveries: Sequence[Delivery], results: Path, caller: Caller, destination: configuration.Destination
) -> list[Attempt]:
    """Try to send every delivery over one association; files lie under ``results``."""
    sop_classes = {delivery.sop_class_uid for delivery in deliveries}
    size = sum(_size(results / delivery.path) for delivery in deliveries)
    try:
        with caller.call(destination, sop_classes, len(deliveries), size) as association:
            if association.is_established:
                return [_store(association, delivery, results / delivery.path) for delivery in deliveries]
            if accepts_none(association):
                return [_not_accepted(delivery) for delivery in deliveries]
            reason = why_not(association)
    except CannotCall as error:
        reason = str(error)
    return [Attempt(delivery, Outcome.LATER, reason) for delivery in deliveries]


def echo(caller: Caller, destination: configuration.Destination) -> str | None:
    """Verify a destination by C-ECHO (PS3.4 A); return what is wrong, or None."""
    try:
        with caller.call(destination, [VERIFICATION]) as association:
            if not association.is_established:
                return why_not(association)
            status = association.send_c_echo().get("Status")
    except CannotCall as error:
        return str(error)
    if status is None:
        return "no answer to C-ECHO"
    return None if status == 0x0000 else f"answered 0x{status:04X} to C-ECHO"


def pause(attempts: int, settings: configuration.Delivery) -> timedelta:
    """How long to wait after ``attempts`` failed ones: doubling, up to the longest."""
    doubled = settings.first_retry_seconds * 2.0 ** min(attempts - 1, 40)
    return timedelta(seconds=min(doubled, settings.longest_retry_seconds))


def groups(deliveries: Iterable[Delivery]) -> dict[tuple[str, str], list[Delivery]]:
    """Sort deliveries by (destination, result key): what goes over one association."""
    grouped: dict[tuple[str, str], list[Delivery]] = {}
    for delivery in deliveries:
        grouped.setdefault((delivery.destination, delivery.result_key), []).append(delivery)
    return grouped


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it will say what is wrong


def _not_accepted(delivery: Delivery) -> Attempt:
    name = UID(delivery.sop_class_uid).name
    return Attempt(delivery, Outcome.REFUSED, f"the destination does not accept {name}")


def _store(association: Association, delivery: Delivery, path: Path) -> Attempt:
    if not association.is_established:
        return Attempt(delivery, Outcome.LATER, "the association ended before this result was sent")
    if not any(
        context.abstract_syntax == UID(delivery.sop_class_uid) for context in association.accepted_contexts
    ):
        return _not_accepted(delivery)
    try:
        answer = association.send_c_store(dcmread(path), priority=HIGH if delivery.is_urgent else MEDIUM)
    except CannotCall as error:
        return Attempt(delivery, Outcome.LATER, str(error))
    except Exception as error:  # noqa: BLE001  (the edge of one result: the others go out all the same)
        return Attempt(delivery, Outcome.LATER, f"could not be sent ({type(error).__name__})")
    return _judge(delivery, answer)


def _judge(delivery: Delivery, answer: Dataset) -> Attempt:
    status = answer.get("Status")
    if status is None:
        return Attempt(delivery, Outcome.LATER, "no answer to C-STORE")
    if status == 0x0000:
        return Attempt(delivery, Outcome.SENT, "")
    if status in STORED_WITH_WARNING or status == DUPLICATE:
        return Attempt(delivery, Outcome.SENT, f"stored with 0x{status:04X}")
    if status & 0xFF00 == 0xA700:
        return Attempt(delivery, Outcome.LATER, f"the destination is out of resources (0x{status:04X})")
    return Attempt(delivery, Outcome.REFUSED, f"the destination answered 0x{status:04X}")
