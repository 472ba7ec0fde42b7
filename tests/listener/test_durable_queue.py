"""The queue over real processes: once for each name, and not lost with the process that had it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.programs import wait_until

from listener import durable_queue
from listener.durable_queue import QueueClient

WORKER = """
import sys, time
from pathlib import Path
from listener import durable_queue

folder = Path(sys.argv[1])

def work(argument):
    with (folder / "log").open("a") as log:
        log.write(f"begin {argument}\\n")
    if (folder / "hang").exists():
        time.sleep(600)
    with (folder / "log").open("a") as log:
        log.write(f"end {argument}\\n")

durable_queue.run(f"sqlite:///{folder / 'queue.sqlite'}", sys.argv[2], ["q"], {"work": work})
time.sleep(600)
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[QueueClient]:
    url = f"sqlite:///{tmp_path / 'queue.sqlite'}"
    durable_queue.prepare(url)
    opened = QueueClient(url)
    yield opened
    opened.close()


def worker(folder: Path, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), name])


def lines(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_work_of_one_name_is_done_once(tmp_path: Path, client: QueueClient) -> None:
    process = worker(tmp_path, "w1")
    try:
        for _ in range(3):
            client.put("q", "work", "one", "1")
        client.put("q", "work", "two", "2")
        wait_until(lambda: len(lines(tmp_path)) >= 4 and not client.unfinished(["two"]), "all is done", 60)
        client.put("q", "work", "one", "1")
        assert not client.unfinished(["one"])
        assert sorted(lines(tmp_path)) == ["begin 1", "begin 2", "end 1", "end 2"]
    finally:
        process.kill()
        process.wait()


def test_work_of_a_killed_process_is_resumed_when_it_starts_again(
    tmp_path: Path, client: QueueClient
) -> None:
    (tmp_path / "hang").touch()
    process = worker(tmp_path, "w1")
    client.put("q", "work", "one", "1")
    wait_until(lambda: lines(tmp_path) == ["begin 1"], "it is begun", 60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (tmp_path / "hang").unlink()
    assert client.unfinished(["one"])
    process = worker(tmp_path, "w1")
    try:
        wait_until(lambda: lines(tmp_path) == ["begin 1", "begin 1", "end 1"], "it is resumed", 60)
    finally:
        process.kill()
        process.wait()


def test_work_of_a_process_that_never_returns_is_taken_over_by_another(
    tmp_path: Path, client: QueueClient
) -> None:
    (tmp_path / "hang").touch()
    process = worker(tmp_path, "gone")
    client.put("q", "work", "one", "1")
    wait_until(lambda: lines(tmp_path) == ["begin 1"], "it is begun", 60)
    process.kill()
    process.wait()
    (tmp_path / "hang").unlink()
    process = worker(tmp_path, "w1")
    try:
        assert client.adopt(["w1"]) == 1
        wait_until(lambda: lines(tmp_path)[-1] == "end 1", "it is taken over", 60)
        assert client.adopt(["w1"]) == 0
    finally:
        process.kill()
        process.wait()
