"""The way back to the PACS: down and up again, the same study again, our own results returned to us."""

from pathlib import Path

import pytest
from peers import dcmtk
from peers.dcmtk import Address
from peers.hospital import Hospital, answer, hospital, wait_for_answer
from peers.network import network
from peers.node import Node, node
from peers.orthanc import Orthanc
from peers.programs import free_port, wait_until
from peers.studies import Study, tiny_ct
from pydicom import dcmread

from listener.status import DeliveryRow

pytestmark = [pytest.mark.peers, pytest.mark.slow]


def send(to: Node, study: Study) -> None:
    """C-STORE the study by dcmtk; every instance must be acknowledged."""
    done = dcmtk.dcmsend(to.address, study.folder)
    assert done.returncode == 0, done.stderr[-2000:]


def kinds_and_states(node: Node, study: Study) -> dict[str, str]:
    """Where each result of a study stands."""
    return {delivery.kind: delivery.state for delivery in node.known(study.uid).deliveries}


def to_pacs(node: Node, study: Study) -> list[DeliveryRow]:
    """Where each result of a study stands on its way to the destination "pacs"."""
    return [row for row in node.known(study.uid).deliveries if row.destination == "pacs"]


def test_a_pacs_that_was_down_gets_everything_and_blocks_nobody(pacs: Orthanc, tmp_path: Path) -> None:
    first, second = tiny_ct(tmp_path / "first", "down-1"), tiny_ct(tmp_path / "second", "down-2")
    with hospital(tmp_path / "own", {"archive": pacs.dicom_port}) as own:
        own.pacs.stop()
        send(own.node, first)
        wait_for_answer(pacs, own.node, first.uid)  # the other destination gets it all the same
        send(own.node, second)
        wait_for_answer(pacs, own.node, second.uid)
        wait_until(lambda: all(row.last_error for row in to_pacs(own.node, first)), "it was tried")
        assert {row.state for row in to_pacs(own.node, first)} == {"pending"}
        assert own.node.is_in(first.uid, "delivering")
        own.pacs.start()
        for study in (first, second):
            assert own.wait_for_answer(study.uid).uids == answer(pacs, study.uid).uids
            own.node.wait_for_state(study.uid, "done")


def test_a_pacs_that_offers_storage_commitment_says_that_it_keeps_the_results(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "committed")
    send(shared_hospital.node, study)
    row = shared_hospital.node.settled(study.uid)  # Orthanc reports on an association of its own
    assert {delivery.state for delivery in row.deliveries} == {"committed"}
    (told,) = [one for one in shared_hospital.node.status_json() if one["study_instance_uid"] == study.uid]
    assert {delivery["state"] for delivery in told["deliveries"]} == {"committed"}


def test_the_same_study_again_creates_nothing_new(shared_hospital: Hospital, tmp_path: Path) -> None:
    here, pacs = shared_hospital.node, shared_hospital.pacs
    study, later = tiny_ct(tmp_path / "study", "twice"), tiny_ct(tmp_path / "later", "after-twice")
    send(here, study)
    before = shared_hospital.wait_for_answer(study.uid).uids
    done = here.settled(study.uid)
    send(here, study)
    assert dcmtk.dcmsend(Address(pacs.dicom_port, called="PACS"), study.folder).returncode == 0
    pacs.send_study_to_node(study.uid)  # and once more, out of an archive that holds it too
    send(here, later)  # when this one is done, the other has had its time
    here.wait_for_state(later.uid, "done")
    assert answer(pacs, study.uid).uids == before
    assert here.study(study.uid) == done


def test_results_that_come_back_are_recognised_and_not_screened(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    here, pacs = shared_hospital.node, shared_hospital.pacs
    study, later = tiny_ct(tmp_path / "study", "echo"), tiny_ct(tmp_path / "later", "after-echo")
    pacs.upload(list(study.paths))
    send(here, study)
    before = shared_hospital.wait_for_answer(study.uid).uids
    done = here.settled(study.uid)
    summary = pacs.send_study_to_node(study.uid)  # the CT and both results
    assert (summary["InstancesCount"], summary["FailedInstancesCount"]) == (len(study.paths) + 2, 0)
    send(here, later)
    here.wait_for_state(later.uid, "done")
    assert answer(pacs, study.uid).uids == before
    assert here.study(study.uid) == done


def test_results_of_a_study_never_seen_are_left_alone(
    mortal_node: Node, shared_hospital: Hospital, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "foreign")
    send(shared_hospital.node, study)
    found = shared_hospital.wait_for_answer(study.uid)
    returned = tmp_path / "returned"
    returned.mkdir()
    found.report.save_as(returned / "report.dcm")
    found.picture.save_as(returned / "picture.dcm")
    assert dcmtk.dcmsend(mortal_node.address, returned).returncode == 0
    row = mortal_node.wait_for_state(study.uid, "left alone")
    assert "results" in row.reason
    assert row.deliveries == ()


def test_late_instances_are_screened_again_and_both_versions_stay(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    here, pacs = shared_hospital.node, shared_hospital.pacs
    study = tiny_ct(tmp_path / "study", "late", slices=6)
    assert dcmtk.storescu(here.address, study.paths[:4]).returncode == 0
    first = shared_hospital.wait_for_answer(study.uid).uids
    here.wait_for_state(study.uid, "done")
    assert dcmtk.storescu(here.address, study.paths[4:]).returncode == 0
    wait_until(lambda: pacs.count(study.uid, "SR") == 2, "the new report", timeout_s=60)
    wait_until(lambda: pacs.count(study.uid, "OT") == 2, "the new picture", timeout_s=60)
    reports = pacs.instances_of(study.uid, "SR")
    (old,) = [report for report in reports if str(report.SOPInstanceUID) in first]
    (new,) = [report for report in reports if str(report.SOPInstanceUID) not in first]
    (predecessor,) = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert predecessor.ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in old
    assert "supersedes the one of" in new.to_json()


def test_a_destination_that_refuses_reports_still_gets_the_picture(tmp_path: Path) -> None:
    profile = tmp_path / "profile.cfg"
    profile.write_text(PICTURES_ONLY)
    study = tiny_ct(tmp_path / "study", "no-reports")
    with (
        dcmtk.storescp(tmp_path / "archive", "PACS", ["-xf", str(profile), "Default"]) as archive,
        node(tmp_path / "node", {"pacs": archive.port}) as here,
    ):
        send(here, study)
        here.wait_for_state(study.uid, "delivery failed")
        wait_until(lambda: "pending" not in kinds_and_states(here, study).values(), "nothing is left to try")
        assert kinds_and_states(here, study) == {"report": "failed", "overview": "sent"}
        assert any("SR" in delivery.last_error for delivery in here.known(study.uid).deliveries)


def test_a_destination_that_dies_while_it_stores_gets_the_same_results_again(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    study, port = tiny_ct(tmp_path / "study", "slow"), free_port()
    with node(tmp_path / "node", {"pacs": port}) as here:
        with dcmtk.storescp(archive, "PACS", ["--sleep-during", "5"], port):
            send(here, study)
            wait_until(lambda: any(archive.iterdir()), "the destination is storing", timeout_s=60)
        assert here.is_in(study.uid, "delivering")
        with dcmtk.storescp(archive, "PACS", port=port):
            row = here.wait_for_state(study.uid, "done")
        assert len(list(archive.iterdir())) == len(row.deliveries) == 2
        assert any(delivery.attempts > 1 for delivery in row.deliveries)


def test_a_pacs_that_is_silent_and_one_that_is_cut_off_in_mid_association_delay_no_other(
    pacs: Orthanc, tmp_path: Path
) -> None:
    studies = [tiny_ct(tmp_path / f"study{number}", f"beside-{number}") for number in range(3)]
    with (
        dcmtk.storescp(tmp_path / "silent", "PACS") as silent,
        dcmtk.storescp(tmp_path / "far", "PACS") as far,
        network(silent.port) as way_to_silent,
        network(far.port) as way_to_far,
    ):
        way_to_silent.passes_bytes = 0
        way_to_far.passes_bytes = 4000  # the association, and the beginning of a result
        ports = {"silent": way_to_silent.port, "far": way_to_far.port, "pacs": pacs.dicom_port}
        here = Node(tmp_path / "node", ports, environment={"FAINTLINE_DELIVERY__TIMEOUT_SECONDS": "300"})
        try:
            here.start()
            for study in studies:
                send(here, study)
                wait_for_answer(pacs, here, study.uid)
            stuck = [row for study in studies for row in here.known(study.uid).deliveries
                     if row.destination != "pacs"]  # fmt: skip
            assert {(row.state, row.attempts) for row in stuck} == {("pending", 0)}, "no attempt is over"
            assert way_to_silent.connections == way_to_far.connections == 1
            for way in (way_to_silent, way_to_far):
                way.mend()
            rows = [here.wait_for_state(study.uid, "done") for study in studies]
        finally:
            here.kill_all()
    for name in ("silent", "far"):
        owed = {row.sop_instance_uid for study in rows for row in study.deliveries if row.destination == name}
        taken = [str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
                 for path in (tmp_path / name).iterdir()]  # fmt: skip
        assert set(taken) == owed and len(taken) == len(owed) == 6


PICTURES_ONLY = """\
[[TransferSyntaxes]]
[Uncompressed]
TransferSyntax1 = LocalEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Pictures]
PresentationContext1 = SecondaryCaptureImageStorage\\Uncompressed
PresentationContext2 = VerificationSOPClass\\Uncompressed
[[Profiles]]
[Default]
PresentationContexts = Pictures
"""
