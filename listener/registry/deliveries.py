"""Results, and where each stands at each destination."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from listener.registry.database import Database, as_time
from listener.registry.schema import deliveries, results, studies
from listener.study import (
    TAKEN,
    Delivery,
    DeliveryState,
    EarlierReport,
    FinishedResult,
    Study,
    StudyState,
)  # fmt: skip


class Deliveries:
    """The outbox. An attempt counts once: whoever notes it second changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def screening_finished(
        self, study: Study, finished: Sequence[FinishedResult], reason: str, now: datetime
    ) -> None:
        """Note the results and what is to be delivered where; the same results again change nothing.

        Deliveries of an earlier version of the results that are still waiting are dropped: the new version
        takes their place.
        """
        with self._database.writing() as connection:
            for result in finished:
                connection.execute(self._database.insert(results).values(_result_row(result, now)))
                for destination in result.recipients:
                    connection.execute(
                        self._database.insert(deliveries).values(
                            sop_instance_uid=result.sop_instance_uid,
                            destination=destination,
                            state=DeliveryState.PENDING,
                            attempts=0,
                            next_attempt_at=now.timestamp(),
                            checks=0,
                            last_error="",
                        )
                    )
            self._drop_superseded(connection, study.study_instance_uid, finished)
            connection.execute(
                sa.update(studies)
                .where(
                    studies.c.study_instance_uid == study.study_instance_uid,
                    studies.c.revision == study.revision,
                )
                .values(state=StudyState.SCREENED, reason=reason)
            )

    def _drop_superseded(
        self, connection: sa.Connection, study_instance_uid: str, finished: Sequence[FinishedResult]
    ) -> None:
        keys = {result.result_key for result in finished}
        older = sa.select(results.c.sop_instance_uid).where(
            results.c.study_instance_uid == study_instance_uid, results.c.result_key.not_in(keys)
        )
        connection.execute(
            sa.delete(deliveries).where(
                deliveries.c.sop_instance_uid.in_(older), deliveries.c.state.not_in(TAKEN)
            )
        )

    def earlier_reports(self, study_instance_uid: str, kinds: Sequence[str]) -> list[EarlierReport]:
        """The results of some kinds that a destination has of a study, of any version, the latest last."""
        taken = sa.select(deliveries.c.sop_instance_uid).where(deliveries.c.state.in_(TAKEN))
        query = (
            sa.select(results)
            .where(results.c.study_instance_uid == study_instance_uid, results.c.kind.in_(kinds))
            .where(results.c.sop_instance_uid.in_(taken), results.c.series_instance_uid != "")
        )
        with self._database.reading() as connection:
            reports = [
                EarlierReport(
                    row.result_key,
                    row.sop_class_uid,
                    row.sop_instance_uid,
                    row.series_instance_uid,
                    as_time(row.created_at),
                )
                for row in connection.execute(query)
            ]
        order = self.versions(study_instance_uid)
        return sorted(reports, key=lambda report: order.index(report.result_key))

    def versions(self, study_instance_uid: str) -> list[str]:
        """The result keys of a study in the order in which they were to be sent: no clock has a say in it."""
        query = (
            sa.select(results.c.result_key)
            .join(deliveries, deliveries.c.sop_instance_uid == results.c.sop_instance_uid)
            .where(results.c.study_instance_uid == study_instance_uid)
            .group_by(results.c.result_key)
            .order_by(sa.func.min(deliveries.c.id))
        )
        with self._database.reading() as connection:
            return [row.result_key for row in connection.execute(query)]

    def destinations_of(self, study_instance_uid: str) -> set[str]:
        """Who has a result of the study: whatever supersedes it, they must get too."""
        return {row.destination for row in self.of_study(study_instance_uid) if row.state in TAKEN}

    def due(self, now: datetime) -> list[Delivery]:
        """Pending deliveries whose time has come: the urgent first, then the longest waiting."""
        due = (deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_attempt_at <= now.timestamp())
        return self._select(*due)

    def to_confirm(self, now: datetime) -> list[Delivery]:
        """What a destination took and should be asked about now."""
        asked = (deliveries.c.state == DeliveryState.SENT, deliveries.c.check_at <= now.timestamp())
        return self._select(*asked)

    def pending(self, destination: str, result_key: str) -> list[Delivery]:
        """What of one version of a study's results still has to go to one destination."""
        return self._select(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.destination == destination,
            results.c.result_key == result_key,
        )

    def unconfirmed(self, destination: str, result_key: str, now: datetime) -> list[Delivery]:
        """What of one version of a study's results one destination should be asked about now."""
        return [
            delivery
            for delivery in self.to_confirm(now)
            if (delivery.destination, delivery.result_key) == (destination, result_key)
        ]

    def of_study(self, study_instance_uid: str) -> list[Delivery]:
        """Every delivery of a study."""
        return self._select(results.c.study_instance_uid == study_instance_uid)

    def delivered(
        self, delivery: Delivery, now: datetime, remark: str, check_at: datetime | None = None
    ) -> None:
        """A destination took a result; ``remark`` holds its warning, if it had one."""
        self._update(
            delivery,
            state=DeliveryState.SENT,
            last_error=remark,
            sent_at=now.timestamp(),
            check_at=None if check_at is None else check_at.timestamp(),
        )

    def failed(self, delivery: Delivery, reason: str, next_attempt_at: datetime | None) -> None:
        """An attempt failed: once more at ``next_attempt_at``, or (None) not before somebody says so."""
        state = DeliveryState.FAILED if next_attempt_at is None else DeliveryState.PENDING
        due = (next_attempt_at or delivery.next_attempt_at).timestamp()
        self._update(delivery, state=state, last_error=reason, next_attempt_at=due)

    def _update(self, delivery: Delivery, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id == delivery.id, deliveries.c.attempts == delivery.attempts)
                .values(attempts=deliveries.c.attempts + 1, **values)
            )

    def asked(self, asked: Sequence[Delivery], transaction_uid: str | None, check_at: datetime) -> None:
        """A destination is asked to commit itself; without an answer it is asked again at ``check_at``."""
        values: dict[str, Any] = {"check_at": check_at.timestamp(), "checks": deliveries.c.checks + 1}
        if transaction_uid is not None:
            values["transaction_uid"] = transaction_uid
        self._sent(asked, **values)

    def found(self, found: Sequence[Delivery]) -> None:
        """A query found these at their destination."""
        self._sent(found, state=DeliveryState.FOUND, check_at=None)

    def left_unconfirmed(self, left: Sequence[Delivery], remark: str) -> None:
        """These stay as sent, and nobody asks any more."""
        self._sent(left, check_at=None, last_error=remark)

    def lost(self, lost: Sequence[Delivery], reason: str, next_attempt_at: datetime) -> None:
        """A destination does not have what it took: it is sent again."""
        self._sent(
            lost,
            state=DeliveryState.PENDING,
            last_error=reason,
            next_attempt_at=next_attempt_at.timestamp(),
            attempts=deliveries.c.attempts + 1,
        )

    def _sent(self, of: Sequence[Delivery], **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(
                sa.update(deliveries)
                .where(
                    deliveries.c.id.in_([delivery.id for delivery in of]),
                    deliveries.c.state == DeliveryState.SENT,
                )
                .values(**values)
            )

    def committed(
        self, transaction_uid: str, kept: Sequence[str], failed: Mapping[str, str], next_attempt_at: datetime
    ) -> bool:
        """Note a destination's answer about SOP instances; False where nobody asked in that transaction.

        ``failed`` gives the reason for each instance that it will not keep: those are sent again.
        """
        asked = self._select(deliveries.c.transaction_uid == transaction_uid)
        with self._database.writing() as connection:
            connection.execute(
                sa.update(deliveries)
                .where(
                    deliveries.c.transaction_uid == transaction_uid,
                    deliveries.c.sop_instance_uid.in_(kept),
                    deliveries.c.state.in_(TAKEN),
                )
                .values(state=DeliveryState.COMMITTED, check_at=None, last_error="")
            )
        for delivery in asked:
            if delivery.sop_instance_uid in failed:
                self.lost([delivery], failed[delivery.sop_instance_uid], next_attempt_at)
        return bool(asked)

    def retry(self, study_instance_uid: str, now: datetime) -> bool:
        """Make what of a study failed or waits due now; False where nothing is left to send."""
        of_study = sa.select(results.c.sop_instance_uid).where(
            results.c.study_instance_uid == study_instance_uid
        )
        with self._database.writing() as connection:
            resent = connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.sop_instance_uid.in_(of_study), deliveries.c.state.not_in(TAKEN))
                .values(state=DeliveryState.PENDING, next_attempt_at=now.timestamp())
            )
            return resent.rowcount > 0

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[Delivery]:
        joined = deliveries.join(results, deliveries.c.sop_instance_uid == results.c.sop_instance_uid)
        query = (
            sa.select(deliveries, *(c for c in results.c if c.name not in deliveries.c))
            .select_from(joined)
            .where(*conditions)
            .order_by(results.c.is_urgent.desc(), deliveries.c.next_attempt_at, deliveries.c.id)
        )
        with self._database.reading() as connection:
            return [_delivery(row) for row in connection.execute(query)]


def _result_row(result: FinishedResult, now: datetime) -> dict[str, Any]:
    return {
        "sop_instance_uid": result.sop_instance_uid,
        "study_instance_uid": result.study_instance_uid,
        "series_instance_uid": result.series_instance_uid,
        "result_key": result.result_key,
        "kind": result.kind,
        "sop_class_uid": result.sop_class_uid,
        "path": str(result.path),
        "is_urgent": result.is_urgent,
        "created_at": now.timestamp(),
    }


def _delivery(row: Any) -> Delivery:
    return Delivery(
        row.id,
        row.study_instance_uid,
        row.result_key,
        row.kind,
        row.sop_class_uid,
        row.sop_instance_uid,
        row.series_instance_uid,
        Path(row.path),
        row.destination,
        row.is_urgent,
        DeliveryState(row.state),
        row.attempts,
        as_time(row.next_attempt_at),
        row.checks,
        row.last_error,
    )
