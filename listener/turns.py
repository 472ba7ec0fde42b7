"""How rows of the registry are called as work on the durable queue: the same turn, the same name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from listener.study import Delivery, Study

SCREENING_QUEUE: Final = "screening"
SCREENING_WORK: Final = "screen"
DELIVERY_WORK: Final = "deliver"
CONFIRMATION_WORK: Final = "confirm"


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of queued work: its unique name, and the argument it is done with."""

    name: str
    argument: str


def screening_turn(study: Study) -> Turn:
    """One study's screening; a new revision is a new turn."""
    argument = f"{study.study_instance_uid}:{study.revision}"
    return Turn(f"screen:{argument}", argument)


def parse_screening(argument: str) -> tuple[str, int]:
    """Return (Study Instance UID, revision)."""
    study_instance_uid, revision = argument.split(":")
    return study_instance_uid, int(revision)


def delivery_turn(destination: str, result_key: str, due: Sequence[Delivery]) -> Turn:
    """One attempt to bring one version of a study's results to one destination."""
    attempts = max(delivery.attempts for delivery in due)
    argument = f"{destination}:{result_key}"
    return Turn(f"deliver:{argument}:{attempts}", argument)


def confirmation_turn(destination: str, result_key: str, sent: Sequence[Delivery]) -> Turn:
    """One question to a destination about one version of a study's results."""
    asked = max(delivery.checks for delivery in sent), max(delivery.attempts for delivery in sent)
    argument = f"{destination}:{result_key}"
    return Turn(f"confirm:{argument}:{asked[0]}.{asked[1]}", argument)


def confirmation_queue(destination: str) -> str:
    """Questions have a queue of their own: waiting for an answer must not delay what is still to be sent."""
    return f"confirmation-{destination}"


def delivery_queue(destination: str) -> str:
    """Each destination has a queue of its own: one that is down delays no other."""
    return f"delivery-{destination}"


def worker_name(slot: int) -> str:
    """The name under which a worker slot takes work, counted from 1: unique, and the same after a restart."""
    return f"worker-{slot}"
