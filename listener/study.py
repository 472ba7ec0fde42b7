"""The values that flow through the listener: instances, studies, results to deliver."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

FINDINGS: Final = "findings.json"
"""In the folder of each result; it stays when the rest of it goes."""


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """The few facts about an instance that decide where it belongs; all UIDs are valid (PS3.5 9.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    manufacturer: str
    model_name: str


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """An instance whose bytes are durable in the spool.

    ``name`` is its file's name inside the study's folder.
    """

    header: InstanceHeader
    name: str
    transfer_syntax_uid: str
    received_at: datetime


class StudyState(StrEnum):
    """Where a study stands; the order is the order of the way."""

    RECEIVING = "receiving"
    QUEUED = "queued"
    SCREENING = "screening"
    SCREENED = "screened"
    LEFT_ALONE = "left alone"
    PARKED = "parked"


class DeliveryState(StrEnum):
    """Where one result stands at one destination.

    SENT is what its answer to C-STORE says; FOUND, that a query finds it there; COMMITTED, that the
    destination has taken responsibility for keeping it (storage commitment, PS3.4 J).
    """

    PENDING = "pending"
    SENT = "sent"
    FOUND = "found"
    COMMITTED = "committed"
    FAILED = "failed"


TAKEN = frozenset((DeliveryState.SENT, DeliveryState.FOUND, DeliveryState.COMMITTED))
"""What the destination has, as far as it says."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study as the registry knows it.

    ``revision`` counts its turns: it grows with new instances and with every further try; ``attempts`` counts
    how often screening began since the last new instance; ``reason`` says in plain words why it stands where
    it stands.
    """

    study_instance_uid: str
    state: StudyState
    revision: int
    attempts: int
    instances: int
    last_received_at: datetime
    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class FinishedResult:
    """A result object on disk, ready to be sent to ``recipients``; an urgent one before all that are not."""

    study_instance_uid: str
    result_key: str
    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    path: Path
    recipients: tuple[str, ...]
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """A report of ours that went out and that another may supersede; ``result_key`` names its version."""

    result_key: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result on its way to one destination.

    ``checks`` counts how often the destination was asked whether it keeps the result.
    """

    id: int
    study_instance_uid: str
    result_key: str
    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    path: Path
    destination: str
    is_urgent: bool
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    checks: int
    last_error: str
