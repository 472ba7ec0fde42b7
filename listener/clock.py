"""Chores in; each called again and again at its pace out. And: whether somebody has set the clock.

Pauses are measured on a clock that nobody sets, so that a jump of the wall clock neither stops the chores nor
makes them race. (APScheduler 3 computes its pauses from the wall clock: set back by a day, it sleeps a day.)
"""

import threading
import time
import traceback
from collections.abc import Callable

import structlog

log = structlog.get_logger()

_NOTICED_SECONDS = 2.0
"""A difference that is less is a slewed clock or a busy machine."""


class Ticker:
    """Calls each chore in a thread of its own: one that waits delays no other, and none is called twice."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """Call ``chore`` now, and so long after each time that it has ended; what it raises is logged."""
        name = getattr(chore, "__name__", type(chore).__name__)

        def run() -> None:
            while True:
                try:
                    chore()
                except Exception as error:  # noqa: BLE001  (the edge of one chore: the next tick tries again)
                    where = traceback.format_tb(error.__traceback__)
                    log.error("a chore failed", chore=name, kind=type(error).__name__, where=where)
                if self._stopping.wait(seconds):
                    return

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Let every chore end its turn."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)


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
