"""Finished results and a destination in; what became of each out. The C-STORE user (PS3.4 B.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, _config
from pynetdicom.association import Association

from listener import settings as configuration
from listener.contexts import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from listener.results.identity import IMPLEMENTATION_CLASS_UID
from listener.spool import IMPLEMENTATION_VERSION_NAME
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
    deliveries: Sequence[Delivery],
    results: Path,
    calling_ae_title: str,
    destination: configuration.Destination,
    timeout_seconds: float,
) -> list[Attempt]:
    """Try to send every delivery over one association; files lie under ``results``."""
    application = application_entity(calling_ae_title, timeout_seconds)
    for sop_class in {delivery.sop_class_uid for delivery in deliveries}:
        application.add_requested_context(sop_class, [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN])
    association = application.associate(destination.host, destination.port, ae_title=destination.ae_title)
    if not association.is_established and accepts_none(association):
        return [_not_accepted(delivery) for delivery in deliveries]
    if not association.is_established:
        reason = why_not(association)
        return [Attempt(delivery, Outcome.LATER, reason) for delivery in deliveries]
    try:
        return [_store(association, delivery, results / delivery.path) for delivery in deliveries]
    finally:
        if association.is_established:
            association.release()


def echo(calling_ae_title: str, destination: configuration.Destination, timeout_seconds: float) -> str | None:
    """Verify a destination by C-ECHO (PS3.4 A); return what is wrong, or None."""
    application = application_entity(calling_ae_title, timeout_seconds)
    application.add_requested_context(VERIFICATION)
    association = application.associate(destination.host, destination.port, ae_title=destination.ae_title)
    if not association.is_established:
        return why_not(association)
    try:
        status = association.send_c_echo().get("Status")
    finally:
        association.release()
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


def application_entity(calling_ae_title: str, timeout_seconds: float) -> AE:
    """Make our side of an association, without any presentation context."""
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    application = AE(calling_ae_title)
    application.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    application.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    application.acse_timeout = timeout_seconds
    application.dimse_timeout = timeout_seconds
    application.network_timeout = timeout_seconds
    application.connection_timeout = timeout_seconds
    return application


def why_not(association: Association) -> str:
    """Say in plain words why there is no association."""
    if association.is_rejected:
        return "the destination rejected the association (does it know our AE title?)"
    if association.is_aborted:
        return "no connection to the destination, or it aborted the association"
    return "no association with the destination"


def accepts_none(association: Association) -> bool:
    """Whether the peer was there, and accepts nothing of what was proposed: pynetdicom then aborts."""
    return bool(association.rejected_contexts) and not association.accepted_contexts


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
    except (RuntimeError, ValueError, OSError) as error:
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
