"""A role is stopped by SIGTERM at whatever moment it comes."""

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
