"""Chores in; each called again and again at its pace out. And: whether somebody has set the clock.

APScheduler keeps the pace. It reckons by the wall clock: set forward by a day, its own interval first counts
every run that was missed (172,800 of two a second); set back, it sleeps until that day is over. So here the
next run is always a pace from now, and one that is further ahead than that is due at once.
"""

import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

log = structlog.get_logger()

_NOTICED_SECONDS = 2.0
"""A difference that is less is a slewed clock or a busy machine."""
_LOOK_SECONDS = 0.5
_LAST_TURN_SECONDS = 2.0


class Ticker:
    """Calls each chore in a thread of its own: one that waits delays no other; none runs twice at once."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        once = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(
            timezone=UTC, executors={"default": _Threads()}, job_defaults=once
        )
        self._scheduler.start()
        threading.Thread(target=self._look_at_the_clock, name="clock guard", daemon=True).start()

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """Call ``chore`` now and at this pace, late where it still runs; what it raises is logged."""
        name = getattr(chore, "__name__", type(chore).__name__)
        pace = _Pace(timedelta(seconds=seconds))
        self._scheduler.add_job(_turn, pace, args=[name, chore], name=name)

    def stop(self) -> None:
        """Begin no further turn, and let those under way end theirs for a while."""
        self._stopping.set()
        self._scheduler.shutdown()

    def _look_at_the_clock(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):  # this wait no clock can lengthen
            for job in self._scheduler.get_jobs():
                if job.next_run_time - datetime.now(UTC) > job.trigger.pace:
                    job.modify(next_run_time=datetime.now(UTC))


def _turn(name: str, chore: Callable[[], None]) -> None:
    try:
        chore()
    except Exception as error:  # noqa: BLE001  (the edge of one chore: the next tick tries again)
        where = traceback.format_tb(error.__traceback__)
        log.error("a chore failed", chore=name, kind=type(error).__name__, where=where)


class _Pace(BaseTrigger):  # type: ignore[misc]
    """At once, and then so long from now, whenever now is."""

    def __init__(self, pace: timedelta) -> None:
        self.pace = pace

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now if previous_fire_time is None else now + self.pace


class _Threads(BaseExecutor):  # type: ignore[misc]
    """Runs each job in a thread that the end of the process does not wait for, as it does for a pool's."""

    def __init__(self) -> None:
        super().__init__()
        self._threads: dict[str, threading.Thread] = {}

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        self._threads[job.id] = threading.Thread(target=self._run, args=[job], name=job.name, daemon=True)
        self._threads[job.id].start()

    def _run(self, job: Job) -> None:
        try:
            job.func(*job.args)
        finally:
            self._run_job_success(job.id, [])

    def shutdown(self, wait: bool = True) -> None:
        latest = time.monotonic() + _LAST_TURN_SECONDS
        for thread in self._threads.values():
            thread.join(max(0.0, latest - time.monotonic()))


class WallClock:
    """Compares the wall clock with one that counts from the boot of the machine, its sleep included."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()

    def was_set_by(self) -> float:
        """By how many seconds it was set since the last question; 0 where it was not."""
        offset = self._wall() - self._steady()
        jump, self._offset = offset - self._offset, offset
        return jump if abs(jump) > _NOTICED_SECONDS else 0.0
