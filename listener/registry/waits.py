"""Rows that wait for their time, when the clock is set: a wait lasts as long as it would have."""

from datetime import datetime

import sqlalchemy as sa

from listener.registry.database import Database
from listener.registry.schema import deliveries, studies
from listener.study import StudyState

_DUE = (studies.c.due_at, deliveries.c.next_attempt_at, deliveries.c.check_at)


class Waits:
    """Times of the wall clock that something waits for, or since."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def clock_was_set(self, seconds: float, now: datetime) -> None:
        """Move what was written before the clock was set by ``seconds``; ``now`` is what it shows since.

        Set forward, studies would seem quiet too early; what is tried again too early does no harm. Set back,
        nothing would be due. A study that seems to have arrived in the future is seen to by `Studies.quiet`.
        """
        if seconds > 0:
            received = studies.c.last_received_at
            before = (studies.c.state == StudyState.RECEIVING, received <= now.timestamp() - seconds)
            with self._database.writing() as connection:
                connection.execute(sa.update(studies).where(*before).values({received: received + seconds}))
            return
        with self._database.writing() as connection:
            for due in _DUE:
                later = sa.update(due.table).where(due > now.timestamp())
                connection.execute(later.values({due: due + seconds}))

    def limit(self, latest: datetime) -> None:
        """Let no turn wait beyond ``latest``: it was written by a clock that has been set back."""
        with self._database.writing() as connection:
            for due in (studies.c.due_at, deliveries.c.next_attempt_at):
                beyond = sa.update(due.table).where(due > latest.timestamp())
                connection.execute(beyond.values({due: latest.timestamp()}))
