"""Receivers to compare: each started in a folder of its own, with the limits and checks it has turned on."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from peers.node import Node
from peers.programs import find_program, free_port, running, wait_until
from peers.wire import Target


@dataclass(frozen=True, slots=True)
class Contender:
    """One running receiver.

    `process` receives; `received` is where its files lie.
    """

    name: str
    target: Target
    process: psutil.Process
    received: Path

    def cpu_seconds(self) -> float:
        """What the process and its children, ended ones too, have used until now."""
        used = self.process.cpu_times()
        living = sum(sum(child.cpu_times()[:2]) for child in self.process.children(recursive=True))
        return float(sum(used[:4]) + living)

    def rss_mb(self) -> float:
        """Resident memory of the process and its children."""
        total = 0
        for process in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # storescp has a child for each association
                total += process.memory_info().rss
        return total / (1 << 20)

    def clear(self) -> None:
        """Forget what was received."""
        for found in self.received.iterdir():
            if found.name.startswith(".") or found.name.startswith("index"):
                continue
            shutil.rmtree(found) if found.is_dir() else found.unlink()


@contextmanager
def faintline(folder: Path) -> Iterator[Contender]:
    """The node as it runs in a hospital, all its processes, without destinations."""
    node = Node(folder / "faintline", quiet_seconds=3600)
    try:
        node.start()
        (process,) = node.processes_of("receiver")
        yield Contender("Faintline", Target(node.port), process, node.spool)
    finally:
        node.kill_all()


@contextmanager
def dcmtk(folder: Path) -> Iterator[Contender]:
    """storescp, a process for each association, with its timeouts on; it never syncs."""
    received, port = folder / "storescp", free_port()
    received.mkdir(parents=True)
    options = ["--fork", "-ta", "30", "-td", "30", "-pdu", "131072", "+B", "+xa"]
    command = [find_program("storescp"), *options, "-aet", "FAINTLINE", "-od", str(received), str(port)]
    with running(command, folder / "storescp.log") as process:
        target = Target(port)
        wait_until(lambda: _serves(target), "storescp serves")
        yield Contender("dcmtk storescp", target, psutil.Process(process.pid), received)


@contextmanager
def orthanc(folder: Path) -> Iterator[Contender]:
    """Orthanc with its storage synced (its default) and every check of callers and titles that it has."""
    received, port = folder / "orthanc", free_port()
    received.mkdir(parents=True)
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(received),
                "IndexDirectory": str(folder / "orthanc-index"),
                "DicomAet": "FAINTLINE",
                "DicomPort": port,
                "DicomCheckCalledAet": True,
                "DicomAlwaysAllowStore": False,
                "DicomAlwaysAllowEcho": False,
                "DicomCheckModalityHost": True,
                "DicomThreadsCount": 20,
                "DicomScpTimeout": 30,
                "SyncStorageArea": True,
                "DeflatedTransferSyntaxAccepted": False,
                "DicomModalities": {"pacs": ["PACS", "127.0.0.1", 4242]},
                "HttpServerEnabled": False,
                "OverwriteInstances": False,
            }
        )
    )
    with running([find_program("Orthanc"), str(settings)], folder / "orthanc.log") as process:
        target = Target(port)
        wait_until(lambda: _serves(target), "Orthanc serves", 60)
        yield Contender("Orthanc", target, psutil.Process(process.pid), received)


def _serves(target: Target) -> bool:
    try:
        target.serves()
    except Exception:
        return False
    return True


CONTENDERS: tuple[Callable[[Path], object], ...] = (faintline, dcmtk, orthanc)


def pause() -> None:
    """Let the disk and the other processors come to rest between two measurements."""
    os.sync()
    time.sleep(1)
