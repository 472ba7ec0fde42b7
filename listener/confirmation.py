"""Sent results and their destination in; whether it says that it keeps them out.

Storage Commitment (PS3.4 J) where the destination offers it, C-FIND at IMAGE level (PS3.4 C) otherwise, or
where commitments go unanswered.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from listener import settings as configuration
from listener.calling import Caller, accepts_none, why_not
from listener.commitment import (
    PROCESSING_FAILURE,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    SUCCESS,
    CommitmentReport,
    read_report,
)  # fmt: skip
from listener.errors import CannotCall
from listener.study import Delivery

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
REQUEST_COMMITMENT: Final = 1
"""The action's type ID (PS3.4 J.3.2)."""
UNANSWERED: Final = 3
"""After so many questions without a commitment a query is tried."""
SAME_ASSOCIATION_SECONDS: Final = 1.0
"""How long the association is held for an answer on it."""

NEITHER: Final = "the destination offers neither storage commitment nor a query"
_PENDING: Final = (0xFF00, 0xFF01)


class Word(Enum):
    """What a destination says of the results that it took."""

    ASKED = auto()
    """It will report, on an association of its own."""
    FOUND = auto()
    MISSING = auto()
    SILENT = auto()
    """No association, or no usable answer: later."""
    UNABLE = auto()
    """It offers neither storage commitment nor a query."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What one attempt came to for one delivery, and why in plain words."""

    delivery: Delivery
    word: Word
    remark: str = ""


def confirm(
    deliveries: Sequence[Delivery],
    caller: Caller,
    destination: configuration.Destination,
    transaction_uid: str,
    note: Callable[[CommitmentReport], bool],
) -> list[Confirmation]:
    """Ask a destination about results of one study.

    ``note`` is given the report that comes on the same association; others reach the receiver. The caller
    must have noted the transaction before, because the report may be faster than this function.
    """
    answered = threading.Event()

    def reported(event: Event) -> tuple[int, None]:
        uid = str(event.request.AffectedSOPClassUID)
        report = read_report(uid, lambda: event.event_information)
        known = report is not None and note(report)
        answered.set()
        return (SUCCESS if known else PROCESSING_FAILURE), None

    services, exchanges = (STORAGE_COMMITMENT, STUDY_ROOT_FIND), 1 + len(deliveries)
    handlers: list[EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, reported)]
    try:
        with caller.call(destination, services, exchanges, handlers=handlers) as association:
            if association.is_established:
                return _ask(association, deliveries, transaction_uid, answered)
            if accepts_none(association):
                return _all(deliveries, Word.UNABLE, NEITHER)
            return _all(deliveries, Word.SILENT, why_not(association))
    except CannotCall as error:
        return _all(deliveries, Word.SILENT, str(error))
    except (RuntimeError, ValueError, OSError) as error:
        return _all(deliveries, Word.SILENT, f"could not be asked ({type(error).__name__})")


def _ask(
    association: Association,
    deliveries: Sequence[Delivery],
    transaction_uid: str,
    answered: threading.Event,
) -> list[Confirmation]:
    offered = {str(context.abstract_syntax) for context in association.accepted_contexts}
    often_asked = min(delivery.checks for delivery in deliveries) >= UNANSWERED
    if STORAGE_COMMITMENT in offered and not (often_asked and STUDY_ROOT_FIND in offered):
        status = _request_commitment(association, deliveries, transaction_uid)
        if status == SUCCESS:
            answered.wait(SAME_ASSOCIATION_SECONDS)
            return _all(deliveries, Word.ASKED)
        if STUDY_ROOT_FIND not in offered:
            said = "no answer" if status is None else f"0x{status:04X}"
            return _all(deliveries, Word.SILENT, f"{said} to the request for storage commitment")
    if STUDY_ROOT_FIND in offered:
        return [_find(association, delivery) for delivery in deliveries]
    return _all(deliveries, Word.UNABLE, NEITHER)


def _request_commitment(
    association: Association, deliveries: Sequence[Delivery], transaction_uid: str
) -> int | None:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(delivery) for delivery in deliveries]
    answer, _ = association.send_n_action(
        request, REQUEST_COMMITMENT, UID(STORAGE_COMMITMENT), UID(STORAGE_COMMITMENT_INSTANCE)
    )
    status: int | None = answer.get("Status")
    return status


def _reference(delivery: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = delivery.sop_class_uid
    item.ReferencedSOPInstanceUID = delivery.sop_instance_uid
    return item


def _find(association: Association, delivery: Delivery) -> Confirmation:
    """Look for one instance (PS3.4 C.4.1.2: unique keys of the levels above, and of its own)."""
    if not association.is_established:
        return Confirmation(delivery, Word.SILENT, "the association ended before the query")
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = delivery.study_instance_uid
    query.SeriesInstanceUID = delivery.series_instance_uid
    query.SOPInstanceUID = delivery.sop_instance_uid
    found, status = False, None
    for answer, identifier in association.send_c_find(query, UID(STUDY_ROOT_FIND)):
        status = answer.get("Status")
        if status in _PENDING and identifier is not None:
            found = found or identifier.get("SOPInstanceUID") == delivery.sop_instance_uid
    if status != SUCCESS:
        return Confirmation(delivery, Word.SILENT, "no usable answer to the query")
    if found:
        return Confirmation(delivery, Word.FOUND)
    return Confirmation(delivery, Word.MISSING, "the destination took it, but a query does not find it")


def _all(deliveries: Sequence[Delivery], word: Word, remark: str = "") -> list[Confirmation]:
    return [Confirmation(delivery, word, remark) for delivery in deliveries]
