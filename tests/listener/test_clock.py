"""Chores go on at their pace, whatever fails; a clock that is set is noticed."""

import itertools
import threading

from peers.programs import wait_until

from listener.clock import Ticker, WallClock


def test_a_chore_that_fails_is_called_again_and_one_that_hangs_delays_no_other() -> None:
    ticker, calls, gate = Ticker(), itertools.count(), threading.Event()
    called: list[int] = []

    def fails() -> None:
        called.append(next(calls))
        raise RuntimeError

    def hangs() -> None:
        gate.wait(30)

    ticker.every(0.01, hangs)
    ticker.every(0.01, fails)
    wait_until(lambda: len(called) > 3, "the failing chore is called again", 10)
    gate.set()
    ticker.stop()
    before = len(called)
    assert not gate.wait(0.1) or len(called) == before


def test_a_jump_either_way_is_noticed_once_and_time_that_passes_is_none() -> None:
    wall, steady = [1000.0], [10.0]
    clock = WallClock(lambda: wall[0], lambda: steady[0])
    wall[0], steady[0] = wall[0] + 3600, steady[0] + 3600
    assert clock.was_set_by() == 0
    for jump in (86400.0, -86400.0):
        wall[0] += jump
        assert clock.was_set_by() == jump
        assert clock.was_set_by() == 0
