"""Real programs as peers: found or skipped, started on free ports, waited for, ended, and nothing else."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import pytest

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
"""dcmtk turns Nagle's algorithm on unless told: 20 slices/s instead of hundreds, in Orthanc too."""


def find_program(name: str) -> str:
    """The program's path, or a skip that says what is missing.

    Python's own script folder is left out: pynetdicom puts namesakes of dcmtk's programs there.
    """
    scripts = Path(sys.executable).parent
    folders = [folder for folder in os.get_exec_path() if Path(folder) != scripts]
    for extra in ("/usr/sbin", "/usr/bin"):
        if extra not in folders:
            folders.append(extra)
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """A port on loopback that nobody listens on now.

    It lies below those that the kernel gives to callers (ip(7), ip_local_port_range): a server that is down
    for a while must find its port free again, and a caller at its door must not be given it and call itself.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def port_answers(port: int) -> bool:
    """Whether somebody accepts connections on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30, poll_s: float = 0.1) -> None:
    """Return as soon as the condition holds; AssertionError naming `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(poll_s)


def run_program(
    command: list[str], timeout_s: float = 120, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end with both outputs captured as text; never raises for the exit status."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        env=ENVIRONMENT,
        cwd=folder,
    )


@contextmanager
def running(
    command: list[str],
    log: Path,
    folder: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the background, its output in `log`, ended (TERM, then KILL) on the way out."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **environment},
            cwd=folder,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], patience_s: float = 15) -> None:
    """Ask the process to stop, and make it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
