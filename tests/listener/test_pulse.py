"""Who is gone and who only seems to be: real processes, stopped, hung, at work, at a stalled disk."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers.own_disk import own_disk

from listener.pulse import Pulse

pytestmark = pytest.mark.slow

PROGRAM = """\
import ctypes, sys, time
from pathlib import Path
from listener.process import run_role

def run(settings):
    Path(sys.argv[2]).touch()
    {does}

run_role(run)
"""
LOOK_S = 0.05
SILENT = 10
"""Looks; three times as many are made of who is not silent."""
FREEZE, THAW = 0xC0045877, 0xC0045878
"""FIFREEZE and FITHAW (linux/fs.h)."""


@contextmanager
def role(folder: Path, does: str) -> Iterator[tuple[subprocess.Popen[bytes], Pulse]]:
    """A process as the supervisor starts one, which has answered once and now ``does`` this."""
    settings, ready = folder / "faintline.toml", folder / "ready"
    settings.write_text("")
    command = [sys.executable, "-c", PROGRAM.format(does=does), str(settings), str(ready)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    pulse = Pulse(process, SILENT, starting=600)
    try:
        while not ready.exists():
            assert not pulse.is_gone() and process.poll() is None
            time.sleep(LOOK_S)
        pulse.is_gone()
        yield process, pulse
    finally:
        process.kill()
        process.wait()


def looks_until_gone(pulse: Pulse, most: int = 3 * SILENT) -> int | None:
    """After how many looks a process is taken for gone; None where it is not."""
    for look in range(1, most + 1):
        time.sleep(LOOK_S)
        if pulse.is_gone():
            return look
    return None


@pytest.mark.parametrize(
    "does",
    ["time.sleep(100)", "while True: pass", "ctypes.CDLL(None).sleep(100)"],
    ids=["waits", "computes in Python", "computes in native code that lets the interpreter go"],
)
def test_who_is_idle_or_at_work_is_not_gone(tmp_path: Path, does: str) -> None:
    with role(tmp_path, does) as (_, pulse):
        assert looks_until_gone(pulse) is None


def test_who_hangs_with_the_interpreter_held_is_gone(tmp_path: Path) -> None:
    with role(tmp_path, "ctypes.PyDLL(None).sleep(100)") as (_, pulse):
        assert looks_until_gone(pulse) is not None


def test_who_is_stopped_is_gone_after_the_limit_and_who_goes_on_before_is_not(tmp_path: Path) -> None:
    with role(tmp_path, "time.sleep(100)") as (process, pulse):
        process.send_signal(signal.SIGSTOP)
        assert looks_until_gone(pulse, SILENT // 2) is None
        process.send_signal(signal.SIGCONT)
        assert looks_until_gone(pulse, SILENT) is None
        process.send_signal(signal.SIGSTOP)
        looks = looks_until_gone(pulse)
        assert looks is not None and looks >= SILENT


def test_who_was_not_looked_at_meanwhile_is_not_gone(tmp_path: Path) -> None:
    with role(tmp_path, "time.sleep(100)") as (process, pulse):
        for signals in (signal.SIGSTOP, signal.SIGCONT):  # a paused container: nobody looks
            process.send_signal(signals)
            time.sleep(LOOK_S * SILENT)
        assert looks_until_gone(pulse, SILENT) is None


def test_who_is_still_starting_is_given_longer(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], stdin=subprocess.PIPE)
    try:
        looks = looks_until_gone(Pulse(process, SILENT, starting=2 * SILENT))
        assert looks is not None and looks > 2 * SILENT - 2
    finally:
        process.kill()
        process.wait()


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Path]:
    """A file system of our own that takes no write, as long as the test runs."""
    with own_disk(tmp_path, 16 << 20) as mounted, open_folder(mounted) as descriptor:
        fcntl.ioctl(descriptor, FREEZE, 0)
        yield mounted
        with contextlib.suppress(OSError):  # the test has done it
            fcntl.ioctl(descriptor, THAW, 0)


def test_who_waits_for_a_stalled_disk_is_not_gone(tmp_path: Path, frozen: Path) -> None:
    """The interpreter held, so that nothing answers."""
    with role(tmp_path, f"ctypes.PyDLL(None).creat(b'{frozen}/file', 0o600)") as (process, pulse):
        assert looks_until_gone(pulse) is None
        assert not any(frozen.glob("file")), "the disk did not stall"
        with open_folder(frozen) as descriptor:
            fcntl.ioctl(descriptor, THAW, 0)
        process.wait(10)
