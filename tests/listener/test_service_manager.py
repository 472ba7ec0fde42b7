"""What systemd hears over a real datagram socket, and that nobody waits for one that does not listen."""

import socket
import time
from pathlib import Path

import pytest

from listener.service_manager import Standing, tell


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_told_arrives(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"faintline-{time.time_ns()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        for standing in Standing:
            tell(standing)
            assert manager.recv(100).decode() == standing


def test_nobody_waits_for_a_manager_that_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell(Standing.SERVING)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell(Standing.SERVING)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "gone"))
        for _ in range(5000):
            tell(Standing.ALIVE)
