"""A process in; whether it still does anything out.

It is asked by a byte on its standard input, which it reads and forgets (`process.run_role`). One that is
stopped (SIGSTOP), or whose interpreter hangs, leaves the byte where it is. Counted is how often it was looked
for in vain, not for how long: a machine that sleeps, or a container that is paused, makes nobody late.
"""

import contextlib
import fcntl
import os
import subprocess
import termios
from pathlib import Path

LOOK_SECONDS = 1.0
"""How long to wait between two looks."""
_SILENT_LOOKS = 60
_STARTING_LOOKS = 600
"""Before the first answer: a busy machine may take minutes to load a process."""


class Pulse:
    """Of one process, whose standard input is a pipe that nobody else writes to."""

    def __init__(
        self, process: subprocess.Popen[bytes], silent: int = _SILENT_LOOKS, starting: int = _STARTING_LOOKS
    ) -> None:
        assert process.stdin is not None
        self.process = process
        self._pipe = process.stdin.fileno()
        self._tasks = Path(f"/proc/{process.pid}/task")
        self._silent = silent
        self._patience = starting
        self._in_vain = 0
        self._was_asked = False

    def is_gone(self) -> bool:
        """Look, and ask again; whether it has been silent for too long."""
        if self._has_read():
            self._patience = self._silent if self._was_asked else self._patience
            self._in_vain = 0
            self._was_asked = True
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, b".")
        elif self._waits_for_a_disk():
            self._in_vain = 0
        else:
            self._in_vain += 1
        return self._in_vain >= self._patience

    def _has_read(self) -> bool:
        return fcntl.ioctl(self._pipe, termios.FIONREAD, bytes(4)) == bytes(4)

    def _waits_for_a_disk(self) -> bool:
        """Whether any of its threads does (state D, proc(5)): it may go on, and could not be ended anyway."""
        return any(_state(task) == "D" for task in self._tasks.glob("*/stat"))


def _state(task: Path) -> str:
    try:
        return task.read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""
