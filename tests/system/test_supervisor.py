"""A supervisor that serves tells systemd so; stopped, it says nothing more; at its end it says that."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from peers.node import ROLES, Node

from listener.process import SERVING
from listener.service_manager import Standing

pytestmark = [pytest.mark.peers, pytest.mark.slow]

SILENT_S = 5.0
"""Of five things that would have been said meanwhile, none was."""


@contextmanager
def manager(path: Path) -> Iterator[socket.socket]:
    """What systemd gives a service to speak to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(path))
        yield line


def heard(line: socket.socket, standing: Standing, timeout_s: float = 60) -> set[str]:
    """What is heard until this is, this included; TimeoutError where it never is."""
    deadline, others = time.monotonic() + timeout_s, set[str]()
    while standing not in others:
        line.settimeout(max(0.01, deadline - time.monotonic()))
        others.add(line.recv(100).decode())
    return others


def names(node: Node) -> set[str]:
    return {process.name() for role in ROLES for process in node.processes_of(role)}


def drain(line: socket.socket) -> None:
    line.setblocking(False)
    try:
        while line.recv(100):
            pass
    except BlockingIOError:
        return


def test_systemd_learns_whether_the_supervisor_serves_lives_and_ends(tmp_path: Path) -> None:
    with manager(tmp_path / "notify") as line:
        node = Node(tmp_path / "node", environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        try:
            node.start()
            assert heard(line, Standing.SERVING) <= {Standing.STARTING, Standing.SERVING}
            assert names(node) == {SERVING}
            assert heard(line, Standing.ALIVE) == {Standing.ALIVE}
            supervisor = psutil.Process(node.processes_of("receiver")[0].ppid())
            supervisor.send_signal(signal.SIGSTOP)
            drain(line)
            line.settimeout(SILENT_S)
            with pytest.raises(TimeoutError):
                line.recv(100)
            supervisor.send_signal(signal.SIGCONT)
            heard(line, Standing.ALIVE, 10)
            node.kill_role("worker")
            heard(line, Standing.ALIVE, 10)
            node.stop()
            assert heard(line, Standing.STOPPING) <= {Standing.ALIVE, Standing.STOPPING}
        finally:
            node.kill_all()
