"""A worker that is asked for more memory than it may have fails, and takes nobody else's."""

import subprocess
import sys

TRY = """
import numpy
from listener.settings import Worker
from listener.worker import limit_memory
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
    assert ask(megabytes=4000, limit=2500) == "refused"
    assert ask(megabytes=200, limit=2500) == "given"
