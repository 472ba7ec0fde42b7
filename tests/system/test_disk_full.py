"""A disk that fills up: refused before it is full and when it is, never a false success, and on by itself.

Needs root to mount a small file system of its own, and says so where it is not.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers.no_notes import NoNotes
from peers.programs import free_port, wait_until
from peers.wire import Instance, Target

from listener import scp
from listener.audit import Audit
from listener.settings import Receiver, Tls
from listener.spool import OUT_OF_RESOURCES, Spool

pytestmark = pytest.mark.slow

DISK_MB = 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


@contextmanager
def receiver(folder: Path, reserve_mb: int) -> Iterator[tuple[Target, Spool]]:
    settings = Receiver.model_validate({"port": free_port(), "callers": "any", "free_space_mb": reserve_mb})
    spool = Spool(folder / "spool", settings.free_space_mb)
    server = scp.serve(settings, Tls(), spool, NoNotes(), Audit(folder.parent / "audit"))
    try:
        yield Target(settings.port), spool
    finally:
        server.shutdown()


@pytest.mark.parametrize("reserve_mb", [0, 4], ids=["without a watermark", "at the watermark"])
def test_a_full_disk_is_refused_and_reception_goes_on_by_itself(small_disk: Path, reserve_mb: int) -> None:
    acknowledged: list[Instance] = []
    with receiver(small_disk, reserve_mb) as (target, spool), target.associated() as wire:
        for _ in range(40):
            instance = Instance(pixels=os.urandom(500_000))
            status = wire.store(instance)
            assert status in (0, OUT_OF_RESOURCES)
            if status == 0:
                acknowledged.append(instance)
        assert 4 < len(acknowledged) < 40
        for instance in acknowledged:
            stored = spool.study_folder(instance.study) / f"{instance.uid}.dcm"
            assert stored.read_bytes().endswith(instance.data_set())
        assert len(list(spool.names())) == len(acknowledged)
        assert not list((small_disk / "spool" / ".incoming").iterdir())
        free = os.statvfs(small_disk)
        if reserve_mb:
            assert free.f_bavail * free.f_bsize >= (reserve_mb - 1) << 20, "refused too late"
        for study, name in list(spool.names())[:10]:
            (spool.study_folder(study) / name).unlink()
        wait_until(lambda: wire.store(Instance()) == 0, "the receiver takes instances again", 10)
