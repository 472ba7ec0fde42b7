"""A block of work and seconds in; the end of this process where the work takes longer."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

EXIT_CODE = 3
_GRACE_SECONDS = 2.0
"""How much later the kernel ends a process that cannot even end itself."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process if the block takes longer: a hang in native code cannot be interrupted otherwise.

    Code that never lets go of the interpreter keeps the timer from running: then the kernel's own timer,
    whose signal nobody handles, ends the process. Neither heeds the wall clock.
    """

    def give_up() -> None:
        log.error("time limit reached, giving this process up", seconds=seconds)
        os._exit(EXIT_CODE)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    former = signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *former)
        timer.cancel()
