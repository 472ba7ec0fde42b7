"""The power goes while eight senders store: what was acknowledged is on the disk afterwards, whole.

A file system of our own on a loop device is shut down without flushing its log (the ioctl of xfstests),
checked and mounted again. Needs root, and says so where it is not. The drive's own cache is not modelled.
"""

import contextlib
import fcntl
import multiprocessing
import os
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.no_notes import NoNotes
from peers.own_disk import own_disk
from peers.programs import free_port, port_answers, wait_until
from peers.wire import Instance, Target

from listener import scp
from listener.audit import Audit
from listener.dataset_walk import walk
from listener.errors import DamagedFile
from listener.settings import Receiver, Tls
from listener.spool import Spool

pytestmark = pytest.mark.slow

SHUT_DOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (linux/fs/ext4/ext4.h)."""
WITHOUT_FLUSHING_THE_LOG = 2
SENDERS = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Where a file system of our own is mounted."""
    with own_disk(tmp_path, 512 << 20) as mounted:
        yield mounted


def receive(folder: Path, port: int) -> None:
    """The receiver in a process of its own, until it is killed."""
    settings = Receiver(port=port, callers="any", free_space_mb=0)
    scp.serve(settings, Tls(), Spool(folder / "spool"), NoNotes(), Audit(folder / "audit"))
    threading.Event().wait()


def send_until_it_breaks(target: Target, acknowledged: list[Instance]) -> None:
    study = Instance().study
    with contextlib.suppress(Exception), target.associated() as wire:
        while True:
            instance = Instance(study=study, pixels=os.urandom(100_000))
            if wire.store(instance) != 0:
                return
            acknowledged.append(instance)


def cut_power(mounted: Path, receiver: int) -> None:
    """Stop the process, then shut its file system down: who has lost the power answers nobody any more.

    The shutdown takes some ten milliseconds, in which a running process may be told of success for a sync
    whose log is being dropped.
    """
    os.kill(receiver, signal.SIGSTOP)
    wait_until(lambda: is_stopped(receiver), "the receiver stands still", 20, poll_s=0.001)
    folder = os.open(mounted, os.O_RDONLY)
    fcntl.ioctl(folder, SHUT_DOWN, struct.pack("I", WITHOUT_FLUSHING_THE_LOG))
    os.close(folder)


def is_stopped(process: int) -> bool:
    """Whether no thread runs; one that waits for the disk (D) stops before it does anything else."""
    stats = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/stat")]
    return all(stat.rpartition(") ")[2][0] in "TD" for stat in stats)


def mount_again(mounted: Path) -> None:
    wait_until(
        lambda: subprocess.run(["umount", mounted], check=False).returncode == 0, "the disk is let go", 30
    )
    subprocess.run(["mount", "-o", "loop", mounted.with_name("image"), mounted], check=True)


@pytest.mark.parametrize("after", [40, 150, 400])
def test_what_was_acknowledged_survives_a_power_cut(disk: Path, after: int) -> None:
    port, acknowledged = free_port(), list[Instance]()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(disk, port))
    receiver.start()
    wait_until(lambda: port_answers(port), "the receiver answers", 60)
    senders = [
        threading.Thread(target=send_until_it_breaks, args=(Target(port), acknowledged))
        for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(acknowledged) >= after, f"{after} answers", 120, poll_s=0.002)
    assert receiver.pid is not None
    cut_power(disk, receiver.pid)
    receiver.kill()
    receiver.join()
    for sender in senders:
        sender.join()
    mount_again(disk)
    spool = Spool(disk / "spool")
    for instance in acknowledged:
        stored = spool.study_folder(instance.study) / f"{instance.uid}.dcm"
        assert stored.read_bytes().endswith(instance.data_set()), "acknowledged and lost, or torn"
    for study, name in spool.names():
        with contextlib.suppress(DamagedFile):  # found by its structure, and set aside at the next start
            header, syntax = spool.read_back(study, name)
            assert walk(memoryview(Instance().data_set()), syntax).modality == header.modality
