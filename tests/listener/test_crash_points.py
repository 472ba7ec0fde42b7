"""Power off, or an error of the disk, at every single operation of the receive path.

A child process stores instances through the real reception and spool, over system calls that count and, at
the n-th, end the process or fail. Then a new life begins: what was acknowledged is there once and in the
registry once; what was not is no visible half file. Success in answer to a failed operation would be a lie.
"""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from door import take
from peers import wire
from pydicom import dcmread

from listener.errors import DamagedFile
from listener.incoming import Ground
from listener.journal import reconcile
from listener.registry import Registry
from listener.spool import Spool
from listener.study import ReceivedInstance

pytestmark = pytest.mark.slow

OPERATIONS = ("open", "write", "ftruncate", "fsync", "link", "unlink", "mkdir", "close")
INSTANCES = 2
LAST_POINT = 200


class NoCarrier:
    def carries(self, study_instance_uid: str) -> None: ...
    def received(self, instance: ReceivedInstance) -> None: ...


def store(spool: Spool, instance: wire.Instance) -> int | None:
    """Store one instance in many small pieces; the status."""
    return take(spool, NoCarrier(), instance, piece=300)


struck: list[str] = []
"""Which operation was struck, in the child."""
MUST_SHOW = ("write", "ftruncate", "fsync", "link")
"""Where these fail, what is not stored must not be called stored."""


def spoil(at: int, strike: Callable[[str], None]) -> list[int]:
    """Make the `at`-th of the operations from now on strike; returns the count, as a list of one."""
    count = [0]
    struck.clear()

    def spoilt(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == at:
                struck.append(name)
                strike(name)
            return original(*arguments, **options)

        return call

    for name in OPERATIONS:
        setattr(os, name, spoilt(name, getattr(os, name)))
    return count


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What the spool believes of its file system: it can do all it does here, or nothing."""

    can: bool

    def spool(self, folder: Path) -> Spool:
        made = Spool(folder)
        if self.can:
            return made
        plain = Ground(str(folder / ".incoming"), past_cache=False, nameless=False, names_follow_files=False)
        return Spool(folder, ground=plain)


EVERY_FILE_SYSTEM = pytest.mark.parametrize("system", [FileSystem(True), FileSystem(False)], ids=str)


def in_a_child(
    system: FileSystem, folder: Path, at: int, strike: Callable[[str], None], instances: list[wire.Instance]
) -> bool:
    """Store in a process of its own, a status byte for each answer to `answers`; whether `at` was reached."""
    answers = os.open(folder / "answers", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    write = os.write
    child = os.fork()
    if child == 0:
        try:
            spool = system.spool(folder / "spool")
            count, told = spoil(at, strike), [False]
            for instance in instances:
                status = store(spool, instance)
                lied = status == 0 and bool(struck) and struck[0] in MUST_SHOW and not told[0]
                told[0] = told[0] or status != 0
                write(answers, f"{instance.uid} {0xFFFF if lied else status}\n".encode())
            write(answers, f"end {count[0]}\n".encode())
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(answers)
    os.waitpid(child, 0)
    lines = (folder / "answers").read_text().split("\n")
    ends = [line for line in lines if line.startswith("end")]
    return not ends or int(ends[0].split()[1]) >= at


def check(folder: Path, instances: list[wire.Instance]) -> set[str]:
    """Begin a new life and compare it with the answers; the UIDs answered with success."""
    lines = [line.split() for line in (folder / "answers").read_text().splitlines()]
    assert not [status for uid, status in lines if int(status) == 0xFFFF], "success after a failure"
    acknowledged = {uid for uid, status in lines if uid != "end" and int(status) == 0}
    spool, registry = Spool(folder / "spool"), Registry(f"sqlite:///{folder / 'registry.sqlite'}")
    registry.migrate()
    spool.sweep()
    reconcile(spool, registry)
    refused = {uid for uid, status in lines if uid != "end" and int(status) != 0}
    assert not refused & {name.removesuffix(".dcm") for _, name in spool.names()}, "refused and kept"
    kept = {name: spool.study_folder(study) / name for study, name in spool.names()}
    for path in kept.values():
        assert dcmread(path).PatientName == wire.SENTINEL, "a visible file is torn"
    whole = {str(dcmread(path).SOPInstanceUID): path for path in kept.values()}
    assert acknowledged <= set(whole), "acknowledged and lost"
    assert len(whole) == len(kept), "kept twice"
    for instance in instances:
        if instance.uid in acknowledged:
            assert whole[instance.uid].read_bytes().endswith(instance.data_set())
    assert len(registry.arrivals.known_names()) == len(kept)
    assert not list((folder / "spool" / ".incoming").iterdir())
    for instance in instances:
        assert store(spool, instance) == 0, "the sender's second try"
    registry.close()
    return acknowledged


def new_instances() -> list[wire.Instance]:
    study = wire.new_uid()
    return [wire.Instance(study=study) for _ in range(INSTANCES)]


def every_point(system: FileSystem, folder: Path, strike: Callable[[str], None]) -> int:
    """Strike at operation 1, 2, ... until there is none left; how many there were."""
    for at in range(1, LAST_POINT):
        here = folder / str(at)
        here.mkdir()
        instances = new_instances()
        reached = in_a_child(system, here, at, strike, instances)
        check(here, instances)
        if not reached:
            return at - 1
    raise AssertionError("the operations never end")


@EVERY_FILE_SYSTEM
def test_a_death_at_any_operation_loses_nothing_acknowledged(tmp_path: Path, system: FileSystem) -> None:
    def die(_name: str) -> None:
        os._exit(9)

    assert every_point(system, tmp_path, die) > 12


@EVERY_FILE_SYSTEM
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_an_error_at_any_operation_is_an_answer_and_loses_nothing(
    tmp_path: Path, number: int, system: FileSystem
) -> None:
    def fail(name: str) -> None:
        if name != "close":
            raise OSError(number, os.strerror(number))

    assert every_point(system, tmp_path, fail) > 12


def test_a_file_cut_short_by_a_power_cut_is_set_aside_and_can_be_sent_again(tmp_path: Path) -> None:
    spool, instance = Spool(tmp_path / "spool"), wire.Instance()
    assert store(spool, instance) == 0
    ((study, name),) = spool.names()
    os.truncate(spool.study_folder(study) / name, 300)
    with pytest.raises(DamagedFile):
        spool.read_back(study, name)
    registry = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    registry.migrate()
    assert reconcile(spool, registry) == 0
    assert list(spool.names()) == []
    assert store(spool, instance) == 0
    assert list(spool.study_folder(study).glob("*.damaged"))
