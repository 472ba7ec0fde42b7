"""The demo as its user runs it: it ends well, and killed it leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

COMMAND = [sys.executable, "-m", "listener.cli", "demo", "--folder"]


@pytest.mark.slow
def test_the_demo_brings_report_and_picture_back_and_flags_the_severe_fractures(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, str(tmp_path / "demo")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "T12" in done.stdout and "suspected" in done.stdout
    assert (tmp_path / "demo" / "overview.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_demo_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    demo = subprocess.Popen([*COMMAND, str(tmp_path / "demo")], stdout=subprocess.DEVNULL)
    try:
        children = wait_for_children(demo.pid, 3)
        os.kill(demo.pid, signal.SIGKILL)
    finally:
        demo.kill()
        demo.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert alive == [] and len(gone) == len(children)


def wait_for_children(pid: int, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while True:
        children = psutil.Process(pid).children(recursive=True)
        if len(children) >= count:
            return children
        assert time.monotonic() < deadline, "the demo started no processes"
        time.sleep(0.05)


def test_a_folder_that_is_not_the_demos_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    done = subprocess.run([*COMMAND, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "name another" in done.stderr
    assert (tmp_path / "precious").exists()
