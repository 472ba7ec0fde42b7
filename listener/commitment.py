"""A peer's word that it keeps what we sent: an N-EVENT-REPORT in, SOP instances out (PS3.4 J.3.3).

It may come on the association that asked or on a new one, minutes or days later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from listener.contexts import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Offer

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

STORAGE_COMMITMENT: Final = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
"""The well-known SOP Instance that requests and reports are about."""

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
INVALID_ARGUMENT: Final = 0x0115

REASONS: Final = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}
"""Failure Reason (0008,1197), PS3.3 C.14.1.1."""


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What a peer says of one transaction.

    Attributes
    ----------
    kept : SOP Instance UIDs it has taken responsibility for
    failed : the others, each with its reason in words
    """

    transaction_uid: str
    kept: tuple[str, ...]
    failed: Mapping[str, str]


def context() -> Offer:
    """Return the context under which a peer may report on an association of its own (PS3.4 J.3.3.1)."""
    syntaxes = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
    return Offer(STORAGE_COMMITMENT, syntaxes, peer_provides=True)


def decoded(content: bytes, transfer_syntax_uid: str) -> "Dataset":
    """Decode the data set of a report; raises whatever its content makes a parser raise."""
    from pynetdicom.dsutils import decode  # noqa: PLC0415  (the receiver starts faster without it)

    is_implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    made: Dataset = decode(BytesIO(content), is_implicit, is_little_endian=True)
    return made


def read_report(sop_class_uid: str, information: Callable[[], "Dataset"]) -> CommitmentReport | None:
    """Take an N-EVENT-REPORT apart: its Affected SOP Class UID, and what decodes its data set.

    None where it is no report about a storage commitment, or cannot be read.
    """
    if sop_class_uid != STORAGE_COMMITMENT:
        return None
    try:
        report = information()
        transaction_uid = str(report.get("TransactionUID") or "")
        kept = tuple(str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence") or ())
        lost = list(report.get("FailedSOPSequence") or ())
        failed = {str(item.ReferencedSOPInstanceUID): _why(item) for item in lost}
    except Exception:  # noqa: BLE001  (a foreign data set may break its parser in any way)
        return None
    return CommitmentReport(transaction_uid, kept, failed) if transaction_uid else None


def _why(item: "Dataset") -> str:
    reason = item.get("FailureReason")
    words = REASONS.get(reason, "no reason known")
    return f"the destination does not keep it: {words}{'' if reason is None else f' (0x{reason:04X})'}"
