"""One study's turn: what comes of it stands in the registry, and the same study gives the same objects."""

import errno
import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ct_slices import ct_slice
from pydicom import dcmread
from screening_node import ScreeningNode

from inference.bundle import Bundle
from listener.study import StudyState
from listener.turns import screening_turn


@pytest.fixture
def node(tmp_path: Path, bundle: Bundle) -> ScreeningNode:
    return ScreeningNode(tmp_path, bundle)


def test_a_study_that_cannot_be_screened_is_answered_with_the_reason_and_never_with_no_fracture(
    node: ScreeningNode,
) -> None:
    node.receive(ct_slice())
    study = node.turn()
    assert study.state is StudyState.SCREENED and study.reason.startswith("not analysed: ")
    due = node.registry.deliveries.due(datetime.now(UTC))
    assert {delivery.kind for delivery in due} == {"report", "overview"}
    report = dcmread(node.settings.results / next(d.path for d in due if d.kind == "report"))
    assert "Not analysed" in str(report) and "No vertebral fracture" not in str(report)


def test_the_same_study_again_gives_the_same_objects(node: ScreeningNode) -> None:
    dataset = ct_slice()
    node.receive(dataset)
    node.turn()
    first = {path: path.read_bytes() for path in node.settings.results.rglob("*.dcm")}
    before = node.registry.deliveries.of_study(dataset.StudyInstanceUID)
    node.registry.studies.requeue(node.study(), "again", datetime.now(UTC))
    assert node.turn().state is StudyState.SCREENED
    assert {path: path.read_bytes() for path in node.settings.results.rglob("*.dcm")} == first
    assert node.registry.deliveries.of_study(dataset.StudyInstanceUID) == before


def test_two_patients_in_one_study_are_parked_without_a_report(node: ScreeningNode) -> None:
    one = ct_slice()
    other = ct_slice(study=one.StudyInstanceUID, series=one.SeriesInstanceUID)
    other.PatientID, other.PatientName = "ANOTHER-ID", "ANOTHER^NAME"
    node.receive(one, other)
    study = node.turn()
    assert study.state is StudyState.PARKED
    assert not any(secret in study.reason for secret in ("SENTINEL", "ANOTHER"))
    assert list(node.settings.results.rglob("*.dcm")) == []


def test_an_unexpected_failure_is_tried_again_and_then_parked(node: ScreeningNode) -> None:
    node.receive(ct_slice())
    node.settings.results.rmdir()
    node.settings.results.touch()
    for attempt in range(1, 4):
        study = node.turn()
        assert (study.state is StudyState.PARKED) == (attempt == 3)
    assert "while screening" in study.reason


def test_a_stale_turn_does_nothing(node: ScreeningNode) -> None:
    node.receive(ct_slice())
    stale = screening_turn(node.study()).argument
    node.registry.studies.requeue(node.study(), "again", datetime.now(UTC))
    node.screener(stale)
    assert node.study().state is StudyState.QUEUED and node.study().attempts == 0


def test_a_full_disk_puts_a_study_off_until_there_is_room(
    node: ScreeningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.receive(ct_slice())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        for _ in range(5):
            study = node.turn()
            assert study.state is StudyState.QUEUED and study.attempts == 0 and "No space" in study.reason
    assert node.turn().state is StudyState.SCREENED


def test_a_locked_registry_is_waited_for(node: ScreeningNode) -> None:
    node.receive(ct_slice())
    with sqlite3.connect(node.settings.folder / "registry.sqlite", isolation_level=None) as other:
        turn = threading.Thread(target=node.turn)
        other.execute("BEGIN IMMEDIATE")
        turn.start()
        turn.join(2)
        assert turn.is_alive()
        other.execute("COMMIT")
    turn.join(60)
    assert node.study().state is StudyState.SCREENED and node.study().attempts == 1


def test_a_poisoned_study_lets_the_next_one_go_first(node: ScreeningNode) -> None:
    poisoned, other = ct_slice(), ct_slice()
    node.receive(poisoned, other)
    uid = str(poisoned.StudyInstanceUID)
    first, second = node.registry.studies.due(datetime.now(UTC))
    assert first.study_instance_uid == uid
    died = node.registry.studies.begin_screening(uid, first.revision, 3, datetime.now(UTC))
    assert died is not None
    node.screener(screening_turn(first).argument)  # as the queue does when the process has begun anew
    assert [one.study_instance_uid for one in node.registry.studies.due(datetime.now(UTC))] == [
        second.study_instance_uid
    ]
    assert node.registry.studies.in_state(StudyState.SCREENING) == []
