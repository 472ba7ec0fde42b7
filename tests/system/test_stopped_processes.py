"""SIGSTOP of every role in mid-work: noticed, ended, started again, every study answered once."""

import signal
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from peers import dcmtk, rawscu
from peers.hospital import wait_for_answer
from peers.node import Node
from peers.orthanc import Orthanc
from peers.studies import Study, message_of, tiny_ct

pytestmark = [pytest.mark.peers, pytest.mark.slow]

NOTICED_S = 120.0
"""The limit is a minute (`listener.pulse`), and this machine may be busy."""


def stop(node: Node, role: str) -> list[psutil.Process]:
    """Stop the processes of a role as a debugger or a careless hand does; it cannot be caught."""
    stopped = node.processes_of(role)
    assert stopped, f"no {role}"
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    return stopped


def send_until_stopped(node: Node, study: Study, number: int) -> list[str]:
    """Send so many instances and stop the receiver; what was acknowledged, once that was replaced."""
    messages = [message_of(path) for path in study.paths[:number]]
    with rawscu.association(node.address, messages[0].sop_class_uid, messages[0].transfer_syntax_uid) as line:
        assert {rawscu.store_over(line, message) for message in messages} == {0}
        stopped = stop(node, "receiver")
        see_replaced(node, "receiver", stopped)
    return [message.sop_instance_uid for message in messages]


def see_replaced(node: Node, role: str, stopped: Sequence[psutil.Process]) -> None:
    _, left = psutil.wait_procs(stopped, NOTICED_S)
    assert not left, f"a stopped {role} was left alone"
    node.wait_for_new(role, [process.pid for process in stopped])


@pytest.mark.real_data
def test_roles_that_are_stopped_in_their_work_are_replaced_and_every_study_is_answered_once(
    mortal_node: Node, pacs: Orthanc, spine_ct: Study, tmp_path: Path
) -> None:
    arriving = tiny_ct(tmp_path / "arriving", "stopped-arriving", slices=40)
    assert dcmtk.dcmsend(mortal_node.address, spine_ct.folder).returncode == 0
    mortal_node.wait_for_state(spine_ct.uid, "screening")
    workers, dispatchers = stop(mortal_node, "worker"), stop(mortal_node, "dispatcher")
    acknowledged = send_until_stopped(mortal_node, arriving, 20)
    mortal_node.wait_until_answering()
    see_replaced(mortal_node, "worker", workers)
    see_replaced(mortal_node, "dispatcher", dispatchers)
    for name in acknowledged:
        assert (mortal_node.spool / arriving.uid / f"{name}.dcm").is_file()
    assert dcmtk.dcmsend(mortal_node.address, arriving.folder).returncode == 0
    for study in (spine_ct, arriving):
        results = wait_for_answer(pacs, mortal_node, study.uid)
        row = mortal_node.wait_for_state(study.uid, "done")
        assert {delivery.sop_instance_uid for delivery in row.deliveries} == results.uids
        assert len(row.deliveries) == len(results.uids)
    assert mortal_node.known(spine_ct.uid).attempts == 2
    assert mortal_node.log_text().count("does nothing any more") == 3
