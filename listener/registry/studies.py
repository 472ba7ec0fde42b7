"""Where each study stands: receiving, queued, screening, screened, left alone, parked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from listener.contexts import CT_SOP_CLASSES
from listener.registry.answers import UNREAD
from listener.registry.database import Database, as_time
from listener.registry.schema import deliveries, instances, open_associations, results, studies
from listener.study import DeliveryState, Study, StudyState


class Studies:
    """The way of every study, one conditional step at a time: a step from a state it left is no step."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def quiet(self, quiet: timedelta, now: datetime) -> list[tuple[Study, set[str]]]:
        """Studies without a new instance for ``quiet`` and no open association, with their SOP classes.

        SOP classes of results of our own that came back are left out. A study that seems to have arrived in
        the future (the clock was set back) counts as received now.
        """
        with self._database.writing() as connection:
            connection.execute(
                sa.update(studies)
                .where(studies.c.last_received_at > now.timestamp())
                .values(last_received_at=now.timestamp())
            )
            carried = sa.select(open_associations.c.study_instance_uid)
            rows = connection.execute(
                self._select_studies().where(
                    studies.c.state == StudyState.RECEIVING,
                    studies.c.last_received_at <= (now - quiet).timestamp(),
                    studies.c.study_instance_uid.not_in(carried),
                )
            ).all()
            return [(_study(row), self._sop_classes(connection, row.study_instance_uid)) for row in rows]

    def _sop_classes(self, connection: sa.Connection, study_instance_uid: str) -> set[str]:
        rows = connection.execute(
            sa.select(instances.c.sop_class_uid)
            .where(instances.c.study_instance_uid == study_instance_uid, instances.c.own.is_(False))
            .distinct()
        )
        return {row.sop_class_uid for row in rows}

    def close(self, study: Study, state: StudyState, reason: str, now: datetime) -> bool:
        """Move a quiet study on; False where it changed meanwhile."""
        assert state in (StudyState.QUEUED, StudyState.LEFT_ALONE)
        return self._move(study, state=state, reason=reason, due_at=now.timestamp())

    def due(self, now: datetime) -> list[Study]:
        """Queued studies whose time has come, the longest waiting first."""
        due = (studies.c.state == StudyState.QUEUED, studies.c.due_at <= now.timestamp())
        return self._studies(*due)

    def in_state(self, state: StudyState) -> list[Study]:
        """Every study in ``state``, the longest waiting first."""
        return self._studies(studies.c.state == state)

    def all(self) -> list[Study]:
        """Every study, the latest first."""
        return list(reversed(self._studies(sa.true())))

    def begin_screening(
        self, study_instance_uid: str, revision: int, attempts: int, retry_at: datetime
    ) -> Study | None:
        """Count one more attempt and return the study; None where there is nothing to do (now).

        A study whose screening began and never ended killed its process: it goes back to the queue's end, so
        that the others are not kept waiting by it, and is parked after ``attempts`` of them.
        """
        with self._database.writing() as connection:
            row = connection.execute(
                self._select_studies().where(studies.c.study_instance_uid == study_instance_uid)
            ).one_or_none()
            if row is None or row.revision != revision:
                return None
            study = _study(row)
            if study.state is StudyState.SCREENING:
                _fail(connection, study, _DIED.format(row.attempts), attempts, retry_at)
            if study.state is not StudyState.QUEUED:
                return None
            if row.attempts >= attempts:
                _park(connection, study, _DIED.format(row.attempts))
                return None
            connection.execute(
                _this(study).values(
                    state=StudyState.SCREENING,
                    attempts=row.attempts + 1,
                    reason=f"being screened, attempt {row.attempts + 1}",
                )
            )
            return study

    def screening_failed(self, study: Study, reason: str, attempts: int, retry_at: datetime) -> None:
        """Queue the study for another turn, or park it with the reason after ``attempts`` of them."""
        with self._database.writing() as connection:
            _fail(connection, study, reason, attempts, retry_at)

    def postpone(self, study: Study, reason: str, retry_at: datetime) -> None:
        """Queue the study for another turn; this one, stopped by no fault of the study, does not count."""
        with self._database.writing() as connection:
            connection.execute(
                _this(study).values(
                    state=StudyState.QUEUED,
                    revision=studies.c.revision + 1,
                    attempts=studies.c.attempts - 1,
                    due_at=retry_at.timestamp(),
                    reason=f"will be tried again: {reason}",
                )
            )

    def park(self, study: Study, reason: str) -> None:
        """Set a study aside, visibly."""
        with self._database.writing() as connection:
            _park(connection, study, reason)

    def requeue(self, study: Study, reason: str, now: datetime) -> None:
        """Give a study whose turn was lost (its queue entry is gone) another one, attempts kept."""
        turn = {"revision": study.revision + 1, "due_at": now.timestamp()}
        self._move(study, state=StudyState.QUEUED, reason=reason, **turn)

    def unpark(self, study_instance_uid: str, now: datetime) -> bool:
        """Give a parked study another turn now, its attempts forgotten; False where it is not parked."""
        with self._database.writing() as connection:
            requeued = connection.execute(
                sa.update(studies)
                .where(
                    studies.c.study_instance_uid == study_instance_uid,
                    studies.c.state == StudyState.PARKED,
                )
                .values(
                    state=StudyState.QUEUED,
                    revision=studies.c.revision + 1,
                    attempts=0,
                    due_at=now.timestamp(),
                    reason="retried on request",
                )
            )
            return requeued.rowcount == 1

    def settled(self) -> list[tuple[str, datetime]]:
        """Studies with images and nothing left to be done, as (UID, when the last came), the oldest first."""
        query = sa.select(studies).where(*_SETTLED, _has_images()).order_by(studies.c.last_received_at)
        with self._database.reading() as connection:
            return [
                (row.study_instance_uid, as_time(row.last_received_at)) for row in connection.execute(query)
            ]

    def forget_images(self, study_instance_uid: str, take_away: Callable[[], bool]) -> bool:
        """Forget the images of a settled study; False where there is something to be done with it.

        ``take_away`` is called while no association can begin to carry the study: a sender waits, and finds
        the study's folder gone. It may say no.
        """
        this = studies.c.study_instance_uid == study_instance_uid
        carried = sa.exists().where(open_associations.c.study_instance_uid == study_instance_uid)
        with self._database.writing() as connection:
            if connection.execute(sa.select(studies).where(this, *_SETTLED, ~carried)).first() is None:
                return False
            if not take_away():
                return False
            connection.execute(
                sa.delete(instances).where(instances.c.study_instance_uid == study_instance_uid)
            )
            return True

    def image_names(self, study_instance_uid: str) -> set[str]:
        """The file names of a study's images that the registry knows."""
        query = sa.select(instances.c.name).where(instances.c.study_instance_uid == study_instance_uid)
        with self._database.reading() as connection:
            return {row.name for row in connection.execute(query)}

    def ct_image_names(self, study_instance_uid: str) -> set[str]:
        """The file names of those that can be screened."""
        query = sa.select(instances.c.name).where(
            instances.c.study_instance_uid == study_instance_uid,
            instances.c.sop_class_uid.in_(CT_SOP_CLASSES),
            instances.c.own.is_(False),
        )
        with self._database.reading() as connection:
            return {row.name for row in connection.execute(query)}

    def _move(self, study: Study, **values: Any) -> bool:
        """Change the study's row if it still is as ``study`` says; False where it is not."""
        with self._database.writing() as connection:
            moved = connection.execute(
                sa.update(studies)
                .where(
                    studies.c.study_instance_uid == study.study_instance_uid,
                    studies.c.revision == study.revision,
                    studies.c.state == study.state,
                )
                .values(**values)
            )
            return moved.rowcount == 1

    def _select_studies(self) -> sa.Select[Any]:
        count = (
            sa.select(sa.func.count())
            .where(instances.c.study_instance_uid == studies.c.study_instance_uid, instances.c.own.is_(False))
            .scalar_subquery()
        )
        return sa.select(studies, count.label("instances"))

    def _studies(self, *conditions: sa.ColumnElement[bool]) -> list[Study]:
        query = self._select_studies().where(*conditions).order_by(studies.c.first_received_at)
        with self._database.reading() as connection:
            return [_study(row) for row in connection.execute(query)]


_OPEN = sa.or_(
    deliveries.c.state.in_((DeliveryState.PENDING, DeliveryState.FAILED)),
    sa.and_(deliveries.c.state == DeliveryState.SENT, deliveries.c.check_at.is_not(None)),
)
"""A delivery that has not come to its end."""
_SETTLED = (
    studies.c.state.in_((StudyState.SCREENED, StudyState.LEFT_ALONE)),
    ~sa.exists().where(
        results.c.study_instance_uid == studies.c.study_instance_uid,
        results.c.sop_instance_uid == deliveries.c.sop_instance_uid,
        _OPEN,
    ),
    ~sa.exists().where(instances.c.study_instance_uid == studies.c.study_instance_uid, *UNREAD),
)
"""Studies with nothing left to be done, by us or by a destination."""


def _has_images() -> sa.ColumnElement[bool]:
    return sa.exists().where(instances.c.study_instance_uid == studies.c.study_instance_uid)


_DIED = "the screening process died or was stopped {} times on this study"


def _this(study: Study) -> sa.Update:
    """Change a study's row, unless it has another turn by now."""
    return sa.update(studies).where(
        studies.c.study_instance_uid == study.study_instance_uid, studies.c.revision == study.revision
    )


def _park(connection: sa.Connection, study: Study, reason: str) -> None:
    connection.execute(_this(study).values(state=StudyState.PARKED, reason=reason))


def _fail(connection: sa.Connection, study: Study, reason: str, attempts: int, retry_at: datetime) -> None:
    again = {
        "state": StudyState.QUEUED,
        "revision": studies.c.revision + 1,
        "due_at": retry_at.timestamp(),
        "reason": f"will be tried again: {reason}",
    }
    parked = _this(study).where(studies.c.attempts >= attempts)
    connection.execute(parked.values(state=StudyState.PARKED, reason=reason))
    connection.execute(_this(study).where(studies.c.attempts < attempts).values(again))


def _study(row: Any) -> Study:
    return Study(
        row.study_instance_uid,
        StudyState(row.state),
        row.revision,
        row.attempts,
        row.instances,
        as_time(row.last_received_at),
        as_time(row.due_at),
        row.reason,
    )
