"""A copy taken while the node runs; what comes back from it; and what is refused."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ct_slices import EXPLICIT, ct_slice, store

from listener.audit import STARTED, SUCCESS, Audit, AuditEvent, verify
from listener.backup import LIST, back_up, put_back
from listener.errors import DamagedFile, SettingsError
from listener.journal import Journal, reconcile
from listener.registry import Registry
from listener.serve import prepare_databases
from listener.settings import Settings
from listener.spool import Spool
from listener.study import ReceivedInstance


def running(folder: Path) -> Settings:
    settings = Settings(folder=folder)
    prepare_databases(settings)
    Audit(settings.audit_folder).record(AuditEvent(STARTED, SUCCESS, "x", "", "started"))
    return settings


def receive(settings: Settings, journal: Journal, number: int) -> None:
    spool = Spool(settings.spool)
    for _ in range(number):
        header, stored = store(spool, ct_slice(study="1.2"))
        now = datetime.now(UTC)
        journal.received(ReceivedInstance(header, stored.name, EXPLICIT, now))


def test_a_copy_taken_while_instances_arrive_is_one_that_a_node_can_start_from(tmp_path: Path) -> None:
    settings = running(tmp_path / "node")
    registry = Registry(settings.registry_url)
    journal = Journal(registry)
    receive(settings, journal, 20)
    receiving = threading.Thread(target=receive, args=(settings, journal, 60))
    receiving.start()
    back_up(settings, tmp_path / "copy")
    receiving.join()
    journal.stop()
    restored = Settings(folder=tmp_path / "other")
    put_back(restored, tmp_path / "copy")
    spool, other = Spool(restored.spool), Registry(restored.registry_url)
    reconcile(spool, other)
    names = set(spool.names())
    assert len(names) >= 20 and other.arrivals.known_names() == names
    for _, name in names:
        original = settings.spool / "1.2" / name
        assert (restored.spool / "1.2" / name).read_bytes() == original.read_bytes()
    assert verify(restored.audit_folder) == 1


def test_a_damaged_backup_is_not_put_back(tmp_path: Path) -> None:
    settings = running(tmp_path / "node")
    store(Spool(settings.spool), ct_slice(study="1.2"))
    back_up(settings, tmp_path / "copy")
    (path,) = (tmp_path / "copy" / "spool" / "1.2").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    other = Settings(folder=tmp_path / "other")
    with pytest.raises(DamagedFile, match="missing or damaged"):
        put_back(other, tmp_path / "copy")
    assert not other.folder.exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    settings = running(tmp_path / "node")
    back_up(settings, tmp_path / "copy")
    with pytest.raises(SettingsError, match="not empty"):
        back_up(settings, tmp_path / "copy")
    with pytest.raises(SettingsError, match="not empty"):
        put_back(settings, tmp_path / "copy")


def test_any_folder_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(DamagedFile, match="no backup"):
        put_back(Settings(folder=tmp_path / "other"), tmp_path / "copy")
    (tmp_path / "copy" / LIST).write_text("[]")
    with pytest.raises(DamagedFile, match="no backup"):
        put_back(Settings(folder=tmp_path / "other"), tmp_path / "copy")
