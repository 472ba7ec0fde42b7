"""What takes too long ends with its process, whatever holds it up."""

import signal
import subprocess
import sys

from listener.time_limit import EXIT_CODE


def test_work_that_hangs_takes_its_process_with_it() -> None:
    assert limited("import time; time.sleep(60)") == EXIT_CODE


def test_work_that_never_lets_go_of_the_interpreter_is_ended_by_the_kernel() -> None:
    assert limited("sum(range(10**12))") == -signal.SIGALRM


def limited(code: str) -> int:
    """The exit status of a process that runs `code` under a time limit of a tenth of a second."""
    script = f"from listener.time_limit import time_limit\nwith time_limit(0.1): {code}"
    return subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode
