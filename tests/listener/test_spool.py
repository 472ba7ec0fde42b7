"""The spool: bytes as received, durable, once; conflicts kept beside."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ct_slices
import pytest
from ct_slices import EXPLICIT, ct_slice, encode
from pydicom import dcmread
from pydicom.dataset import Dataset

from listener.errors import RefusedInstance
from listener.spool import OUT_OF_RESOURCES, Outcome, Spool, Stored, is_conflict


def store(spool: Spool, dataset: Dataset) -> Stored:
    return ct_slices.store(spool, dataset)[1]


def test_an_instance_lies_in_the_spool_as_an_ordinary_file_with_its_bytes_unchanged(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path), ct_slice()
    stored = store(spool, dataset)
    (path,) = spool.files(dataset.StudyInstanceUID)
    assert stored.outcome is Outcome.NEW and path.name == stored.name
    assert path.read_bytes().endswith(encode(dataset))
    assert dcmread(path).PatientName == "SENTINEL^NAME"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_identical_duplicate_is_stored_once(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path), ct_slice()
    store(spool, dataset)
    assert store(spool, dataset).outcome is Outcome.IDENTICAL
    assert len(spool.files(dataset.StudyInstanceUID)) == 1


def test_a_conflicting_duplicate_is_kept_beside_the_first_and_not_read(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path), ct_slice()
    store(spool, dataset)
    first = spool.files(dataset.StudyInstanceUID)[0].read_bytes()
    dataset.PatientName = "OTHER^NAME"
    stored = store(spool, dataset)
    assert stored.outcome is Outcome.CONFLICT and is_conflict(stored.name)
    assert [path.read_bytes() for path in spool.files(dataset.StudyInstanceUID)] == [first]
    assert len(list(spool.names())) == 2


def test_many_senders_of_one_instance_leave_one_file(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path), ct_slice()
    with ThreadPoolExecutor(8) as pool:
        outcomes = [stored.outcome for stored in pool.map(lambda _: store(spool, dataset), range(16))]
    assert outcomes.count(Outcome.NEW) == 1 and outcomes.count(Outcome.IDENTICAL) == 15
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_what_was_half_written_is_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / ".incoming" / "half").write_bytes(b"DICM")
    assert spool.sweep() == 1 and spool.sweep() == 0


def test_what_is_stored_can_be_read_back_for_the_registry(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path), ct_slice()
    stored = store(spool, dataset)
    header, syntax = spool.read_back(dataset.StudyInstanceUID, stored.name)
    assert (header.sop_instance_uid, syntax) == (dataset.SOPInstanceUID, EXPLICIT)


def test_without_free_space_an_instance_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    spool, dataset = Spool(tmp_path, reserve_mb=1 << 40), ct_slice()
    with pytest.raises(RefusedInstance) as refused:
        store(spool, dataset)
    assert refused.value.status == OUT_OF_RESOURCES
    assert list(spool.names()) == []
