"""The values that flow through the listener: instances, studies, results to deliver."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


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

    ``name`` is its file's name inside the study's folder; ``sha256`` is taken over the data set as received.
    """

    header: InstanceHeader
    name: str
    sha256: str
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
    """Where one result stands at one destination."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


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
    """A result object on disk, ready to be sent."""

    study_instance_uid: str
    result_key: str
    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    path: Path


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result on its way to one destination."""

    id: int
    study_instance_uid: str
    result_key: str
    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    path: Path
    destination: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_error: str
