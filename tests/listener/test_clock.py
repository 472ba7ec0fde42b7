"""Chores go on at their pace, whatever fails and however the clock is set; that it was set is noticed."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from peers import wall_clock
from peers.programs import wait_until
from structlog.testing import capture_logs

from listener.clock import Ticker, WallClock

DAY = 24 * 3600
YEAR = 365 * DAY
PACE_S = 0.1

TICKING = f"""
import os
from listener.clock import Ticker
ticker = Ticker()
ticker.every({PACE_S}, lambda: os.write(1, b"."))
os.read(0, 1)
ticker.stop()
"""
STOPPED_WHILE_A_CHORE_HANGS = """
import threading, time
from listener.clock import Ticker
ticker, begun = Ticker(), threading.Event()

def hangs():
    begun.set()
    time.sleep(600)

ticker.every(60, hangs)
begun.wait()
ticker.stop()
"""


def test_a_chore_is_called_at_once_and_again_after_a_failure_whose_message_nobody_logs() -> None:
    ticker, rare, name = Ticker(), threading.Event(), "DOE^JANE"
    called: list[float] = []

    def fails() -> None:
        called.append(time.monotonic())
        raise RuntimeError(name)

    with capture_logs() as logged:
        ticker.every(3600, rare.set)
        ticker.every(0.01, fails)
        wait_until(lambda: len(called) > 3 and rare.is_set(), "the failing chore is called again", 10)
        ticker.stop()
    assert logged[0]["kind"] == "RuntimeError" and logged[0]["chore"] == "fails"
    assert name not in str(logged)


def test_a_chore_that_hangs_delays_no_other_and_none_runs_twice_at_once() -> None:
    ticker, gate, others = Ticker(), threading.Event(), 20
    hanging: list[int] = []
    called = [0] * others

    def hangs() -> None:
        hanging.append(1)
        gate.wait(30)

    def count(number: int) -> None:
        called[number] += 1

    for _ in range(others):
        ticker.every(0.01, hangs)
    for number in range(others):
        ticker.every(0.01, lambda number=number: count(number))  # type: ignore[misc]
    wait_until(lambda: min(called) > 5, "all others go on", 20)
    assert len(hanging) == others
    gate.set()
    wait_until(lambda: len(hanging) > others, "what hung is called again", 10)
    ticker.stop()
    before = list(called)
    assert not threading.Event().wait(0.1) and called == before


def test_a_process_ends_soon_though_a_chore_hangs() -> None:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", STOPPED_WHILE_A_CHORE_HANGS], timeout=60, check=True)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("jump", [DAY, -DAY, 30 * YEAR])
def test_a_jump_of_the_clock_neither_stops_chores_nor_makes_them_race(tmp_path: Path, jump: int) -> None:
    clock, calls = wall_clock.WallClock.made_in(tmp_path), 10
    environment = os.environ | clock.environment
    command, pipe = [sys.executable, "-c", TICKING], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, bufsize=0) as ticking:
        try:
            assert ticking.stdin is not None and ticking.stdout is not None
            for shown in (0, jump, 0):
                clock.set_by(shown)
                began = time.monotonic()
                for _ in range(calls):
                    assert ticking.stdout.read(1) == b"."
                took = time.monotonic() - began
                assert (calls - 5) * PACE_S < took < calls * PACE_S + 5
            ticking.stdin.write(b".")
            assert ticking.wait(30) == 0
        finally:
            ticking.kill()


def test_a_jump_either_way_is_noticed_once_and_time_that_passes_is_none() -> None:
    wall, steady = [1000.0], [10.0]
    clock = WallClock(lambda: wall[0], lambda: steady[0])
    wall[0], steady[0] = wall[0] + 3600, steady[0] + 3600
    assert clock.was_set_by() == 0
    for jump in (86400.0, -86400.0):
        wall[0] += jump
        assert clock.was_set_by() == jump
        assert clock.was_set_by() == 0
