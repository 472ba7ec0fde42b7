"""The demo as its user runs it: it ends well, and killed it leaves nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from peers.programs import wait_until

COMMAND = [sys.executable, "-m", "listener.cli", "demo", "--folder"]


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


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
        wait_until(lambda: len(children_of(demo)) >= 3, "the demo starts its processes", 60)
        children = children_of(demo)
        os.kill(demo.pid, signal.SIGKILL)
    finally:
        demo.kill()
        demo.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert alive == [] and len(gone) == len(children)


def test_a_folder_that_is_not_the_demos_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    done = subprocess.run([*COMMAND, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "name another" in done.stderr
    assert (tmp_path / "precious").exists()
