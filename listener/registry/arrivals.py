"""What the receiver notes: durable instances, and which open associations carry which study."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from listener.contexts import CT_SOP_CLASSES
from listener.registry.database import Database
from listener.registry.schema import instances, open_associations, studies
from listener.results.identity import is_own
from listener.spool import is_conflict
from listener.study import ReceivedInstance, StudyState


class Arrivals:
    """The receiver's side of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, batch: Sequence[ReceivedInstance]) -> None:
        """Note received instances; a new one opens its study, or opens it again for another turn.

        Results of our own that came back and conflicting duplicates never do, and only images that could be
        screened open it again: a report, a dose record or another product's pictures change no finding.
        """
        with self._database.writing() as connection:
            new = _not_yet_known(connection, batch)
            if not new:
                return
            first_of = {instance.header.study_instance_uid: instance for instance in reversed(new)}
            connection.execute(
                self._database.insert(studies), [_study_row(instance) for instance in first_of.values()]
            )
            connection.execute(
                self._database.insert(instances), [_instance_row(instance) for instance in new]
            )
            latest_of = {i.header.study_instance_uid: i for i in new if _counts(i)}
            for study_instance_uid, instance in latest_of.items():
                _note_arrival(connection, study_instance_uid, instance.received_at.timestamp())
            for study_instance_uid in {i.header.study_instance_uid for i in new if _can_be_screened(i)}:
                _reopen(connection, study_instance_uid)

    def association_carries(self, association: str, study_instance_uid: str) -> None:
        """Note that an open association carries a study, so that the study is not closed under it."""
        row = {"association": association, "study_instance_uid": study_instance_uid}
        with self._database.writing() as connection:
            connection.execute(self._database.insert(open_associations).values(row))

    def association_closed(self, association: str) -> None:
        """Note that an association ended, in whatever way."""
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(open_associations).where(open_associations.c.association == association)
            )

    def forget_associations(self) -> None:
        """A receiver starts: what its predecessor had open is gone."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(open_associations))

    def known_names(self) -> set[tuple[str, str]]:
        """Every instance as (Study Instance UID, file name)."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(instances.c.study_instance_uid, instances.c.name))
            return {(row.study_instance_uid, row.name) for row in rows}


def _not_yet_known(connection: sa.Connection, batch: Sequence[ReceivedInstance]) -> list[ReceivedInstance]:
    """Those that have no row, each once, in order of arrival."""
    by_key = {(i.header.study_instance_uid, i.name): i for i in reversed(batch)}
    columns = (instances.c.study_instance_uid, instances.c.name)
    for study_instance_uid in {study for study, _ in by_key}:
        names = [name for study, name in by_key if study == study_instance_uid]
        query = sa.select(*columns).where(columns[0] == study_instance_uid, columns[1].in_(names))
        for row in connection.execute(query):
            del by_key[row.study_instance_uid, row.name]
    return list(reversed(by_key.values()))


def _is_own(instance: ReceivedInstance) -> bool:
    return is_own(instance.header.manufacturer, instance.header.model_name)


def _counts(instance: ReceivedInstance) -> bool:
    return not _is_own(instance) and not is_conflict(instance.name)


def _study_row(instance: ReceivedInstance) -> dict[str, Any]:
    now = instance.received_at.timestamp()
    return {
        "study_instance_uid": instance.header.study_instance_uid,
        "state": StudyState.RECEIVING,
        "revision": 0,
        "attempts": 0,
        "first_received_at": now,
        "last_received_at": now,
        "due_at": 0,
        "reason": "",
    }


def _instance_row(instance: ReceivedInstance) -> dict[str, Any]:
    return {
        "study_instance_uid": instance.header.study_instance_uid,
        "name": instance.name,
        "series_instance_uid": instance.header.series_instance_uid,
        "sop_class_uid": instance.header.sop_class_uid,
        "sop_instance_uid": instance.header.sop_instance_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "modality": instance.header.modality[:16],
        "own": _is_own(instance),
        "received_at": instance.received_at.timestamp(),
    }


def _can_be_screened(instance: ReceivedInstance) -> bool:
    return _counts(instance) and instance.header.sop_class_uid in CT_SOP_CLASSES


def _note_arrival(connection: sa.Connection, study_instance_uid: str, now: float) -> None:
    this = studies.c.study_instance_uid == study_instance_uid
    connection.execute(sa.update(studies).where(this).values(last_received_at=now))


def _reopen(connection: sa.Connection, study_instance_uid: str) -> None:
    this = studies.c.study_instance_uid == study_instance_uid
    connection.execute(
        sa.update(studies)
        .where(this, studies.c.state != StudyState.RECEIVING)
        .values(
            state=StudyState.RECEIVING,
            revision=studies.c.revision + 1,
            attempts=0,
            reason="more instances arrived",
        )
    )
