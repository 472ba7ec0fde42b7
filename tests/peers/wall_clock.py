"""A wall clock that a test can set, for programs that it starts.

libfaketime 0.9.10 makes `time.sleep` of Python 3.11 fail, which waits until a time of the monotonic clock.
"""

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True, slots=True)
class WallClock:
    """What a program sees as the time of day, `environment` given."""

    library: Path
    offset: Path

    @classmethod
    def made_in(cls, folder: Path) -> "WallClock":
        """Compiled there, and right; a skip without a compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler")
        library, offset = folder / "wall_clock.so", folder / "set_by"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        offset.write_bytes(struct.pack("=q", 0))
        return cls(library, offset)

    @property
    def environment(self) -> dict[str, str]:
        """For the program's start."""
        return {"LD_PRELOAD": str(self.library), "WALL_CLOCK_SET_BY": str(self.offset)}

    def set_by(self, seconds: int) -> None:
        """Set the clock so far from the right time, for programs that run too."""
        with self.offset.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
