"""SIGKILL (once SIGTERM) of every process at every stage: the acknowledged is there, and answered once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pydicom
import pytest
from peers import dcmtk, rawscu
from peers.hospital import wait_for_answer
from peers.node import Node
from peers.orthanc import Orthanc
from peers.programs import port_answers, wait_until
from peers.studies import Study, message_of, tiny_ct

from listener.status import StudyRow

pytestmark = [pytest.mark.peers, pytest.mark.slow]

Victim = str
"""A role, or "supervisor" (its children must follow it), or "everything" at once."""


def strike(node: Node, victim: Victim) -> None:
    """Kill, and see that the node is back: by itself where a role died, by a restart otherwise."""
    if victim == "everything":
        node.kill_all()
        node.restart()
    elif victim == "supervisor":
        _, left = psutil.wait_procs(node.kill_supervisor(), timeout=15)
        assert not left, "processes outlive their supervisor"
        node.restart()
    else:
        former = node.kill_role(victim)
        node.wait_for_new(victim, former)
        node.wait_until_answering()


def in_spool(node: Node, study: Study) -> set[str]:
    """SOP Instance UIDs of the study's files in the spool, all of them readable."""
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in node.spool.rglob("*.dcm")]
    return {str(header.SOPInstanceUID) for header in headers if header.StudyInstanceUID == study.uid}


def send_until_it_breaks(node: Node, study: Study, kill: Callable[[], object], after: int) -> list[str]:
    """Send instance by instance and kill in mid-stream after so many answers; the acknowledged UIDs."""
    messages = [message_of(path) for path in study.paths]
    acknowledged: list[str] = []
    first = messages[0]
    killer = threading.Thread(target=kill)
    with rawscu.association(node.address, first.sop_class_uid, first.transfer_syntax_uid) as line:
        for message in messages:
            if len(acknowledged) == after and not killer.ident:
                killer.start()
            try:
                status = rawscu.store_over(line, message)
            except (RuntimeError, OSError, ValueError):
                break
            if status is None:
                break
            assert status == 0
            acknowledged.append(message.sop_instance_uid)
    killer.join()
    return acknowledged


@pytest.mark.parametrize("victim", ["receiver", "supervisor"])
def test_killed_while_receiving_nothing_acknowledged_is_lost(
    mortal_node: Node, pacs: Orthanc, tmp_path: Path, victim: Victim
) -> None:
    study = tiny_ct(tmp_path / "study", f"receiving-{victim}", slices=400)
    kills = {
        "receiver": lambda: mortal_node.kill_role("receiver"),
        "supervisor": mortal_node.kill_supervisor,
    }
    acknowledged = send_until_it_breaks(mortal_node, study, kills[victim], after=40)
    assert 40 <= len(acknowledged) < 400, "the kill came too early or too late to prove anything"
    if victim == "receiver":
        mortal_node.wait_until_answering()
    else:
        wait_until(lambda: not port_answers(mortal_node.port), "the old receiver is gone")
        mortal_node.restart()
    assert set(acknowledged) <= in_spool(mortal_node, study)
    assert not list((mortal_node.spool / ".incoming").iterdir()), "half-written files were left"
    assert dcmtk.dcmsend(mortal_node.address, study.folder).returncode == 0
    answer = wait_for_answer(pacs, mortal_node, study.uid)
    assert answer.report.StudyInstanceUID == study.uid
    assert len(in_spool(mortal_node, study)) == 400


@pytest.mark.parametrize("victim", ["dispatcher", "everything"])
def test_killed_after_the_acknowledgement_the_study_is_answered_once(
    mortal_node: Node, pacs: Orthanc, tmp_path: Path, victim: Victim
) -> None:
    study = tiny_ct(tmp_path / "study", f"quiet-{victim}")
    assert dcmtk.dcmsend(mortal_node.address, study.folder).returncode == 0
    strike(mortal_node, victim)
    delivered_once(mortal_node, pacs, study)


@pytest.mark.real_data
@pytest.mark.parametrize("victim", ["worker", "supervisor"])
def test_killed_while_screening_the_study_is_answered_once(
    mortal_node: Node, pacs: Orthanc, spine_ct: Study, victim: Victim
) -> None:
    assert dcmtk.dcmsend(mortal_node.address, spine_ct.folder).returncode == 0
    mortal_node.wait_for_state(spine_ct.uid, "screening")
    strike(mortal_node, victim)
    study = delivered_once(mortal_node, pacs, spine_ct)
    assert study.attempts == 2


@pytest.mark.parametrize("victim", ["dispatcher", "everything"])
def test_killed_while_delivering_each_result_arrives_once(
    mortal_node: Node, pacs: Orthanc, tmp_path: Path, victim: Victim
) -> None:
    study = tiny_ct(tmp_path / "study", f"delivery-{victim}")
    assert dcmtk.dcmsend(mortal_node.address, study.folder).returncode == 0
    mortal_node.wait_for_state(study.uid, "delivering", "done")
    strike(mortal_node, victim)
    delivered_once(mortal_node, pacs, study)


def test_stopped_by_an_administrator_no_process_is_left_and_the_study_goes_on_afterwards(
    mortal_node: Node, pacs: Orthanc, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "stopped")
    assert dcmtk.dcmsend(mortal_node.address, study.folder).returncode == 0
    mortal_node.stop()
    mortal_node.restart()
    delivered_once(mortal_node, pacs, study)


@pytest.mark.real_data
def test_a_worker_that_always_dies_parks_the_study_and_the_next_one_is_screened(
    mortal_node: Node, pacs: Orthanc, spine_ct: Study, tmp_path: Path
) -> None:
    other = tiny_ct(tmp_path / "other", "after-the-poison")
    assert dcmtk.dcmsend(mortal_node.address, spine_ct.folder).returncode == 0
    with killing_at_each_attempt(mortal_node, spine_ct):
        parked = mortal_node.wait_for_state(spine_ct.uid, "parked")
    assert "died" in parked.reason
    assert dcmtk.dcmsend(mortal_node.address, other.folder).returncode == 0
    wait_for_answer(pacs, mortal_node, other.uid)
    assert pacs.count(spine_ct.uid, "SR") == 0


@contextmanager
def killing_at_each_attempt(node: Node, study: Study) -> Iterator[None]:
    """Kill the worker once in each attempt to screen the study."""
    done = threading.Event()

    def watch() -> None:
        attempts = 0
        while not done.wait(0.05):
            row = node.study(study.uid)
            if row is not None and row.state == "screening" and row.attempts > attempts:
                attempts = row.attempts
                node.kill_role("worker")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def delivered_once(node: Node, pacs: Orthanc, study: Study) -> StudyRow:
    """Wait until the PACS has every result once and the node knows it; its word on the study."""
    results = wait_for_answer(pacs, node, study.uid)
    row = node.wait_for_state(study.uid, "done")
    assert {delivery.sop_instance_uid for delivery in row.deliveries} == results.uids
    assert len(row.deliveries) == len(results.uids)
    assert len(in_spool(node, study)) == len(study.paths)
    return row
