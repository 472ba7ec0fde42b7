"""Documents that may answer our reports, and the verdicts that were read from them."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from listener.contexts import SR_SOP_CLASSES
from listener.registry.database import Database, as_time
from listener.registry.schema import answers_read, instances, results, verdicts
from listener.verdicts import Verdict

UNREAD = (
    instances.c.sop_class_uid.in_(sorted(SR_SOP_CLASSES)),
    instances.c.sop_instance_uid.not_in(sa.select(results.c.sop_instance_uid)),
    ~sa.exists().where(
        answers_read.c.study_instance_uid == instances.c.study_instance_uid,
        answers_read.c.name == instances.c.name,
    ),
)
"""A document that may hold verdicts and was not looked through yet."""


class Answers:
    """What radiologists said. A document is read once, whatever became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unread(self) -> list[tuple[str, str, datetime]]:
        """Documents that may answer us and were not made by us, as (study, file name, when received)."""
        query = sa.select(instances).where(*UNREAD)
        with self._database.reading() as connection:
            return [
                (row.study_instance_uid, row.name, as_time(row.received_at))
                for row in connection.execute(query)
            ]

    def note(self, study_instance_uid: str, name: str, found: Sequence[Verdict]) -> None:
        """Note that a document was read, and the verdicts in it."""
        with self._database.writing() as connection:
            for verdict in found:
                row = {
                    "tracking_uid": verdict.tracking_uid,
                    "source_uid": verdict.source_uid,
                    "line": verdict.line(),
                }
                connection.execute(self._database.insert(verdicts).values(row))
            row = {"study_instance_uid": study_instance_uid, "name": name}
            connection.execute(self._database.insert(answers_read).values(row))

    def lines(self) -> list[str]:
        """Every verdict as `listener.verdicts` writes it, in the order in which they came."""
        with self._database.reading() as connection:
            query = sa.select(verdicts.c.line).order_by(verdicts.c.id)
            return [row.line for row in connection.execute(query)]
