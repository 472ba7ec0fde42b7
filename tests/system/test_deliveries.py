"""The way back to the PACS: down and up again, the same study again, our own results returned to us."""

from collections.abc import Callable
from pathlib import Path

import pytest
from peers import dcmtk
from peers.hospital import Hospital, answer, wait_for_answer
from peers.node import Node
from peers.orthanc import Orthanc
from peers.programs import wait_until
from peers.studies import Study, tiny_ct

pytestmark = [pytest.mark.peers, pytest.mark.slow]


def send(node: Node, study: Study) -> None:
    """C-STORE the study by dcmtk; every instance must be acknowledged."""
    done = dcmtk.dcmsend(node.address, study.folder)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_pacs_that_was_down_gets_everything_and_blocks_nobody(
    hospitals: Callable[[], Hospital], pacs: Orthanc, tmp_path: Path
) -> None:
    own = hospitals()
    own.node.stop()
    own.node.destinations["archive"] = pacs.dicom_port
    own.node.restart()
    first, second = tiny_ct(tmp_path / "first", "down-1"), tiny_ct(tmp_path / "second", "down-2")
    own.pacs.stop()
    send(own.node, first)
    wait_for_answer(pacs, first.uid)  # the other destination gets it all the same
    send(own.node, second)
    wait_for_answer(pacs, second.uid)
    waiting = own.node.study(first.uid)
    assert waiting is not None
    assert waiting.state == "delivering"
    assert {row.state for row in waiting.deliveries if row.destination == "pacs"} == {"pending"}
    assert all(row.last_error for row in waiting.deliveries if row.destination == "pacs")
    own.pacs.start()
    for study in (first, second):
        assert own.wait_for_answer(study.uid).uids == answer(pacs, study.uid).uids
        own.node.wait_for_state(study.uid, "done")


def test_the_same_study_again_creates_nothing_new(shared_hospital: Hospital, tmp_path: Path) -> None:
    node, pacs = shared_hospital.node, shared_hospital.pacs
    study, later = tiny_ct(tmp_path / "study", "twice"), tiny_ct(tmp_path / "later", "after-twice")
    send(node, study)
    before = shared_hospital.wait_for_answer(study.uid).uids
    done = node.wait_for_state(study.uid, "done")
    send(node, study)
    send(node, later)  # when this one is done, the other has had its time
    node.wait_for_state(later.uid, "done")
    assert answer(pacs, study.uid).uids == before
    assert node.study(study.uid) == done


def test_results_that_come_back_are_recognised_and_not_screened(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node, pacs = shared_hospital.node, shared_hospital.pacs
    study, later = tiny_ct(tmp_path / "study", "echo"), tiny_ct(tmp_path / "later", "after-echo")
    pacs.upload(list(study.paths))
    send(node, study)
    before = shared_hospital.wait_for_answer(study.uid).uids
    done = node.wait_for_state(study.uid, "done")
    summary = pacs.send_study_to_node(study.uid)  # the CT and both results
    assert (summary["InstancesCount"], summary["FailedInstancesCount"]) == (len(study.paths) + 2, 0)
    send(node, later)
    node.wait_for_state(later.uid, "done")
    assert answer(pacs, study.uid).uids == before
    assert node.study(study.uid) == done


def test_results_of_a_study_never_seen_are_left_alone(
    fresh_node: Node, shared_hospital: Hospital, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "foreign")
    send(shared_hospital.node, study)
    found = shared_hospital.wait_for_answer(study.uid)
    for name, result in (("report", found.report), ("picture", found.picture)):
        result.save_as(tmp_path / f"{name}.dcm")
    paths = [tmp_path / "report.dcm", tmp_path / "picture.dcm"]
    assert dcmtk.storescu(fresh_node.address, paths).returncode == 0
    row = fresh_node.wait_for_state(study.uid, "left alone")
    assert "results" in row.reason
    assert row.deliveries == ()


def test_late_instances_are_screened_again_and_both_versions_stay(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node, pacs = shared_hospital.node, shared_hospital.pacs
    study = tiny_ct(tmp_path / "study", "late", slices=6)
    assert dcmtk.storescu(node.address, study.paths[:4]).returncode == 0
    first = shared_hospital.wait_for_answer(study.uid).uids
    node.wait_for_state(study.uid, "done")
    assert dcmtk.storescu(node.address, study.paths[4:]).returncode == 0
    wait_until(lambda: pacs.count(study.uid, "SR") == 2, "the new report", timeout_s=60)
    wait_until(lambda: pacs.count(study.uid, "OT") == 2, "the new picture", timeout_s=60)
    uids = {str(report.SOPInstanceUID) for report in pacs.instances_of(study.uid, "SR")}
    assert first & uids, "the first report is no longer there"


def test_a_destination_that_refuses_structured_reports_still_gets_the_picture(
    tmp_path: Path,
) -> None:
    """dcmtk's storescp with a profile of its own is told to take Secondary Capture only."""
    profile = tmp_path / "profile.cfg"
    profile.write_text(PICTURES_ONLY)
    with dcmtk.storescp(tmp_path / "archive", "PACS", ["-xf", str(profile), "Default"]) as archive:
        made = Node(tmp_path / "node", {"pacs": archive.port})
        try:
            made.start()
            study = tiny_ct(tmp_path / "study", "no-reports")
            send(made, study)
            row = made.wait_for_state(study.uid, "delivery failed")
            states = {delivery.kind: (delivery.state, delivery.last_error) for delivery in row.deliveries}
            assert states["overview"] == ("sent", "")
            assert states["report"][0] == "failed"
            assert "SR" in states["report"][1]
        finally:
            made.kill_all()


def test_an_answer_is_repeated_until_the_destination_confirms_it(tmp_path: Path) -> None:
    """The destination is killed while it stores: the result goes out again, the same object."""
    folder = tmp_path / "archive"
    made = Node(tmp_path / "node")
    with dcmtk.storescp(folder, "PACS", ["--sleep-during", "5"]) as slow:
        made.destinations["pacs"] = slow.port
        try:
            made.start()
            study = tiny_ct(tmp_path / "study", "slow")
            send(made, study)
            made.wait_for_state(study.uid, "delivering")
            wait_until(lambda: any(folder.iterdir()), "the destination is storing")
        except BaseException:
            made.kill_all()
            raise
    try:
        assert made.is_in(study.uid, "delivering")
        with dcmtk.storescp(folder, "PACS", port=slow.port):
            row = made.wait_for_state(study.uid, "done")
        assert len(list(folder.iterdir())) == len(row.deliveries) == 2
        assert any(delivery.attempts > 1 for delivery in row.deliveries)
    finally:
        made.kill_all()


PICTURES_ONLY = """\
[[TransferSyntaxes]]
[Uncompressed]
TransferSyntax1 = LocalLittleEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Pictures]
PresentationContext1 = SecondaryCaptureImageStorage\\Uncompressed
PresentationContext2 = VerificationSOPClass\\Uncompressed
[[Profiles]]
[Default]
PresentationContexts = Pictures
"""
