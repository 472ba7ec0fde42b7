"""The dispatcher role: the clock and the deliveries. Never imports torch.

A clock ticks; what is due is a row of the registry; the durable queue carries it out. Each chore may be
skipped, doubled or killed at any point: the next tick finds the same rows.

``python -m listener.dispatcher SETTINGS`` runs it; `faintline serve` starts it so.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import structlog

from listener import durable_queue
from listener.answers import verdicts_in
from listener.audit import Audit
from listener.clock import Ticker, WallClock
from listener.completeness import close_quiet_studies
from listener.delivery import groups, pause
from listener.outbox import Confirmer, Deliverer
from listener.process import run_role, until_stopped
from listener.registry import Registry
from listener.retention import Retention
from listener.settings import Settings
from listener.study import Delivery, StudyState
from listener.turns import (
    CONFIRMATION_WORK,
    DELIVERY_WORK,
    SCREENING_QUEUE,
    SCREENING_WORK,
    confirmation_queue,
    confirmation_turn,
    delivery_queue,
    delivery_turn,
    screening_turn,
    worker_name,
)

log = structlog.get_logger()

EXECUTOR_ID = "dispatcher"
_TICK_SECONDS = 0.5
_WATCH_SECONDS = 10
_ANSWERS_SECONDS = 2
_CLEARING_SECONDS = 60
_AHEAD = 4
"""How many turns of one destination are on its queue at a time."""


def run(settings: Settings) -> None:
    """Tick and deliver until stopped."""
    registry = Registry(settings.registry_url)
    work: dict[str, durable_queue.Work] = {
        DELIVERY_WORK: Deliverer(settings, registry),
        CONFIRMATION_WORK: Confirmer(settings, registry),
    }
    names = [peer.name for peer in settings.peers]
    queues = [queue(name) for name in names for queue in (delivery_queue, confirmation_queue)]
    durable_queue.run(settings.delivery_queue_url, EXECUTOR_ID, queues, work)
    chores = Chores(settings, registry)
    ticker = Ticker()
    for chore, seconds in (
        (chores.close_quiet_studies, _TICK_SECONDS),
        (chores.queue_screenings, _TICK_SECONDS),
        (chores.queue_deliveries, _TICK_SECONDS),
        (chores.queue_confirmations, _TICK_SECONDS),
        (chores.read_answers, _ANSWERS_SECONDS),
        (chores.watch, _WATCH_SECONDS),
        (chores.clear, _CLEARING_SECONDS),
    ):
        ticker.every(seconds, chore)
    log.info("dispatching", destinations=names)
    until_stopped(ticker.stop)


class Chores:
    """What the clock calls; all of it reads rows and puts work on queues."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._screening = durable_queue.QueueClient(settings.screening_queue_url)
        self._delivering = durable_queue.QueueClient(settings.delivery_queue_url)
        self._retention = Retention(settings, registry, Audit(settings.audit_folder, settings.audit))
        self._wall_clock = WallClock()
        # It may have been set back while nobody looked.
        longest = max(settings.delivery.longest_retry_seconds, settings.worker.retry_seconds)
        registry.waits.limit(datetime.now(UTC) + timedelta(seconds=longest))

    def close_quiet_studies(self) -> None:
        """Complete the studies that have been quiet for long enough, by whatever clock."""
        if jump := self._wall_clock.was_set_by():
            log.warning("the clock was set", by_seconds=round(jump))
            self._registry.waits.clock_was_set(jump, datetime.now(UTC))
        close_quiet_studies(self._registry, self._settings.receiver.quiet_seconds)

    def queue_screenings(self) -> None:
        """Put every study that is due on the queue, unless its turn is there already."""
        turns = [screening_turn(study) for study in self._registry.studies.due(datetime.now(UTC))]
        there = self._screening.unfinished([turn.name for turn in turns])
        for turn in turns:
            if turn.name not in there:
                self._screening.put(SCREENING_QUEUE, SCREENING_WORK, turn.name, turn.argument)

    def queue_deliveries(self) -> None:
        """Put what is due on its destination's queue, one turn for one study's results, the urgent first.

        Only a few turns of a destination wait on its queue at a time, so that a positive study overtakes what
        piled up while the destination was down.
        """
        due = groups(self._registry.deliveries.due(datetime.now(UTC)))
        turns = {where: delivery_turn(*where, deliveries) for where, deliveries in due.items()}
        there = self._delivering.unfinished([turn.name for turn in turns.values()])
        waiting = Counter(where[0] for where, turn in turns.items() if turn.name in there)
        for (destination, result_key), turn in turns.items():
            if self._settings.peer(destination) is None:
                self._fail(
                    due[destination, result_key], "this destination is no longer in the settings", None
                )
            elif turn.name not in there and waiting[destination] < _AHEAD:
                waiting[destination] += 1
                self._delivering.put(delivery_queue(destination), DELIVERY_WORK, turn.name, turn.argument)
                if not self._delivering.unfinished([turn.name]):
                    # An attempt that ended has changed its rows, and then this changes nothing.
                    self._lost(due[destination, result_key])

    def queue_confirmations(self) -> None:
        """Have destinations asked whether they keep what they took."""
        outbox = self._registry.deliveries
        due = groups(outbox.to_confirm(datetime.now(UTC)))
        turns = {where: confirmation_turn(*where, sent) for where, sent in due.items()}
        there = self._delivering.unfinished([turn.name for turn in turns.values()])
        for (destination, result_key), turn in turns.items():
            sent = due[destination, result_key]
            if self._settings.peer(destination) is None:
                outbox.left_unconfirmed(sent, "this destination is no longer in the settings")
            elif turn.name not in there:
                queue = confirmation_queue(destination)
                self._delivering.put(queue, CONFIRMATION_WORK, turn.name, turn.argument)
                if not self._delivering.unfinished([turn.name]):
                    # The question ended without a word in the registry: it counts as asked.
                    outbox.asked(
                        outbox.unconfirmed(destination, result_key, datetime.now(UTC)), None, _soon()
                    )

    def read_answers(self) -> None:
        """Look for radiologists' verdicts in documents that came back."""
        for study_instance_uid, name, received_at in self._registry.answers.unread():
            versions = self._registry.deliveries.versions(study_instance_uid)
            found = verdicts_in(self._settings, study_instance_uid, name, received_at, versions)
            self._registry.answers.note(study_instance_uid, name, found)
            log.info("document read", study_instance_uid=study_instance_uid, verdicts=len(found))

    def watch(self) -> None:
        """Find studies whose turn was lost, and turns whose worker no longer exists."""
        living = [worker_name(slot) for slot in range(1, self._settings.worker.processes + 1)]
        if adopted := self._screening.adopt(living):
            log.warning("took over the turns of workers that are gone", turns=adopted)
        now = datetime.now(UTC)
        overdue = self._registry.studies.due(now - timedelta(seconds=_WATCH_SECONDS))
        under_way = self._registry.studies.in_state(StudyState.SCREENING) + overdue
        there = self._screening.unfinished([screening_turn(study).name for study in under_way])
        for study in under_way:
            if screening_turn(study).name not in there:
                self._registry.studies.requeue(study, "its turn was lost", now)

    def clear(self) -> None:
        """Make room."""
        self._retention(datetime.now(UTC))

    def _lost(self, deliveries: list[Delivery]) -> None:
        """What ended without a word waits as long as after any other failure."""
        for delivery in deliveries:
            wait = pause(delivery.attempts + 1, self._settings.delivery)
            self._fail([delivery], "the attempt was lost", datetime.now(UTC) + wait)

    def _fail(self, deliveries: list[Delivery], reason: str, next_attempt_at: datetime | None) -> None:
        for delivery in deliveries:
            self._registry.deliveries.failed(delivery, reason, next_attempt_at)


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=_WATCH_SECONDS)


def main() -> None:
    """Run as a process of its own."""
    run_role(run)


if __name__ == "__main__":
    main()
