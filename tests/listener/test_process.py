"""A role is stopped by SIGTERM at whatever moment it comes, and gets no more memory than it may have."""

import subprocess
import sys

STOP_WHILE_IT_BEGINS_TO_WAIT = """
import os, signal, sys, threading
from listener.process import until_stopped
sys.setswitchinterval(1e-6)

def strike():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=strike, daemon=True).start()
until_stopped(lambda: os.write(1, b"stopped"))
"""


def test_a_signal_that_comes_as_the_wait_begins_is_not_lost() -> None:
    for _ in range(5):
        role = subprocess.run(
            [sys.executable, "-c", STOP_WHILE_IT_BEGINS_TO_WAIT], capture_output=True, timeout=60, check=False
        )
        assert role.stdout == b"stopped"


TRY = """
import numpy
from listener.settings import Worker
from listener.process import limit_memory
limit_memory(Worker(memory_limit_mb={limit}))
try:
    numpy.ones({megabytes} << 17)
except MemoryError:
    print("refused")
else:
    print("given")
"""


def ask(megabytes: int, limit: int) -> str:
    script = TRY.format(megabytes=megabytes, limit=limit)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_memory_beyond_the_limit_is_refused_and_below_it_given() -> None:
    assert ask(megabytes=1000, limit=500) == "refused"
    assert ask(megabytes=200, limit=500) == "given"
