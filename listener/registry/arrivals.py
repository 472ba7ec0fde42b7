"""What the receiver notes: durable instances, and which open associations carry which study."""

from collections.abc import Iterable

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

    def record(self, batch: Iterable[ReceivedInstance]) -> None:
        """Note received instances; a new one opens its study, or opens it again for another turn.

        Results of our own that came back and conflicting duplicates never do, and only images that could be
        screened open it again: a report, a dose record or another product's pictures change no finding.
        """
        with self._database.writing() as connection:
            for instance in batch:
                own = is_own(instance.header.manufacturer, instance.header.model_name)
                self._record(connection, instance, own)

    def _record(self, connection: sa.Connection, instance: ReceivedInstance, own: bool) -> None:
        uid, now = instance.header.study_instance_uid, instance.received_at.timestamp()
        connection.execute(
            self._database.insert(studies).values(
                study_instance_uid=uid,
                state=StudyState.RECEIVING,
                revision=0,
                attempts=0,
                first_received_at=now,
                last_received_at=now,
                due_at=0,
                reason="",
            )
        )
        added = connection.execute(
            self._database.insert(instances).values(
                study_instance_uid=uid,
                name=instance.name,
                series_instance_uid=instance.header.series_instance_uid,
                sop_class_uid=instance.header.sop_class_uid,
                sop_instance_uid=instance.header.sop_instance_uid,
                transfer_syntax_uid=instance.transfer_syntax_uid,
                modality=instance.header.modality[:16],
                sha256=instance.sha256,
                own=own,
                received_at=now,
            )
        )
        if added.rowcount == 0 or own or is_conflict(instance.name):
            return
        this = studies.c.study_instance_uid == uid
        connection.execute(sa.update(studies).where(this).values(last_received_at=now))
        if instance.header.sop_class_uid not in CT_SOP_CLASSES:
            return
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
