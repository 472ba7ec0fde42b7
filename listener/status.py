"""The registry in; one row a study out, as a person or a program reads it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from listener.registry import Registry
from listener.settings import Settings
from listener.study import Delivery, DeliveryState, Study, StudyState


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Where one result stands at one destination."""

    destination: str
    kind: str
    sop_instance_uid: str
    state: str
    attempts: int
    last_error: str


@dataclass(frozen=True, slots=True)
class StudyRow:
    """Where one study stands."""

    study_instance_uid: str
    state: str
    reason: str
    instances: int
    attempts: int
    last_received_at: str
    deliveries: tuple[DeliveryRow, ...]


def overview(settings: Settings) -> list[StudyRow]:
    """Every study, the latest first; empty where the node never ran."""
    if not (settings.folder / "registry.sqlite").exists():
        return []
    registry = Registry(settings.registry_url)
    return [
        _row(study, registry.deliveries.of_study(study.study_instance_uid))
        for study in registry.studies.all()
    ]


def listing(rows: list[StudyRow]) -> Iterator[str]:
    """Lay the rows out for a terminal, a few lines a study."""
    if not rows:
        yield "no studies yet"
    yield from _refusals(rows)
    for row in rows:
        arrived = f"{row.instances} instances, last {row.last_received_at}"
        yield f"{row.state:<16}{row.study_instance_uid}  {arrived}"
        yield f"{'':16}{row.reason}"
        for delivery in row.deliveries:
            why = f" ({delivery.last_error}; {delivery.attempts} attempts)" if delivery.last_error else ""
            yield f"{'':16}{delivery.kind} to {delivery.destination}: {delivery.state}{why}"


def _refusals(rows: list[StudyRow]) -> Iterator[str]:
    """What a destination does not take is said once, not only with every study."""
    failed = (d for row in rows for d in row.deliveries if d.state == DeliveryState.FAILED)
    counted = Counter((delivery.destination, delivery.last_error) for delivery in failed)
    for (destination, reason), number in sorted(counted.items()):
        yield f"{'!':<16}{destination}: {reason} ({number} result{'' if number == 1 else 's'})"


def _row(study: Study, deliveries: list[Delivery]) -> StudyRow:
    return StudyRow(
        study.study_instance_uid,
        _state(study, deliveries),
        study.reason,
        study.instances,
        study.attempts,
        study.last_received_at.isoformat(timespec="seconds"),
        tuple(
            DeliveryRow(
                delivery.destination,
                delivery.kind,
                delivery.sop_instance_uid,
                delivery.state.value,
                delivery.attempts,
                delivery.last_error,
            )
            for delivery in deliveries
        ),
    )


def _state(study: Study, deliveries: list[Delivery]) -> str:
    if study.state is not StudyState.SCREENED:
        return study.state.value
    states = {delivery.state for delivery in deliveries}
    if DeliveryState.FAILED in states:
        return "delivery failed"
    return "delivering" if DeliveryState.PENDING in states else "done"
