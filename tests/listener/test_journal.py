"""From the provider's notes to the registry, in order; and from the spool to the registry after a crash."""

import sqlite3
from pathlib import Path

from ct_slices import ct_slice, receive

from listener.journal import Journal, reconcile
from listener.registry import Registry
from listener.spool import Spool
from listener.study import ReceivedInstance


def opened_registry(folder: Path) -> Registry:
    registry = Registry(f"sqlite:///{folder / 'registry.sqlite'}")
    registry.migrate()
    return registry


def stored(spool: Spool, study: str = "") -> ReceivedInstance:
    return receive(spool, ct_slice(study=study))


def test_every_note_is_written_before_the_journal_stops(tmp_path: Path) -> None:
    registry, spool = opened_registry(tmp_path), Spool(tmp_path / "spool")
    journal = Journal(registry)
    received = [stored(spool, "1.2") for _ in range(50)]
    journal.opened("a", "1.2")
    for instance in received:
        journal.received(instance)
    journal.closed("a")
    journal.stop()
    (study,) = registry.studies.all()
    assert study.instances == 50
    assert registry.arrivals.known_names() == set(spool.names())


def test_what_was_acknowledged_and_not_noted_is_found_in_the_spool(tmp_path: Path) -> None:
    registry, spool = opened_registry(tmp_path), Spool(tmp_path / "spool")
    instance = stored(spool)
    assert reconcile(spool, registry) == 1
    assert reconcile(spool, registry) == 0
    (study,) = registry.studies.all()
    assert study.study_instance_uid == instance.header.study_instance_uid and study.instances == 1


def test_a_file_in_the_spool_that_cannot_be_read_does_not_stop_the_node(tmp_path: Path) -> None:
    registry, spool = opened_registry(tmp_path), Spool(tmp_path / "spool")
    instance = stored(spool)
    folder = spool.study_folder(instance.header.study_instance_uid)
    (folder / "1.2.3.dcm").write_bytes(b"damaged on disk")
    assert reconcile(spool, registry) == 1


def test_notes_wait_while_the_registry_is_locked(tmp_path: Path) -> None:
    registry, spool = opened_registry(tmp_path), Spool(tmp_path / "spool")
    journal = Journal(registry)
    with sqlite3.connect(tmp_path / "registry.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.received(stored(spool))
        other.execute("COMMIT")
    journal.stop()
    assert len(registry.studies.all()) == 1
