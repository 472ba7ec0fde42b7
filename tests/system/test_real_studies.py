"""Real CT through the whole system: sent by dcmtk and Orthanc, answered in its own study, valid for all."""

from pathlib import Path

import pydicom
import pytest
from peers.case_load import Sent
from peers.reports import NOT_ANALYSED, WITHOUT_FINDINGS, evidence_of, flagged, groups_of
from peers.studies import level_at, verse_levels
from peers.validators import dciodvfy, faults_of, pixelmed

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.real_data]

L2 = "14293000"
"""SNOMED CT, L2 vertebra."""


SCREENED = ["verse005", "verse008", "acrin_lumbar", "lidc_0001", "lidc_0314"]


@pytest.mark.parametrize("name", [*SCREENED, "head"])
def test_a_ct_comes_back_as_one_report_and_pictures_of_the_same_patient(sent: Sent, name: str) -> None:
    source = pydicom.dcmread(sent.studies[name].paths[0], stop_before_pixels=True)
    answer = sent.answer(name)
    for result in (answer.report, *answer.pictures):
        for keyword in (
            "StudyInstanceUID",
            "PatientID",
            "PatientName",
            "PatientBirthDate",
            "AccessionNumber",
        ):
            assert result.get(keyword, "") == source.get(keyword, ""), keyword
    sop_instance_uids = {
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        for path in sent.studies[name].paths
    }
    assert evidence_of(answer.report) <= sop_instance_uids


@pytest.mark.parametrize("name", [*SCREENED, "head"])
def test_every_reader_accepts_what_came_back(sent: Sent, name: str, tmp_path: Path) -> None:
    answer = sent.answer(name)
    for number, result in enumerate((answer.report, *answer.pictures)):
        result.save_as(tmp_path / f"{number}.dcm")
        assert faults_of(tmp_path / f"{number}.dcm") == {}, result.SeriesDescription


def test_the_readers_do_see_faults(sent: Sent, tmp_path: Path) -> None:
    report = sent.answer("verse008").report
    path = tmp_path / "broken.dcm"
    for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence:
        for instance in series.ReferencedSOPSequence:
            instance.ReferencedSOPInstanceUID = "1.2.3"
    report.ContentSequence[-1].ContentSequence[0].ContentSequence[0].RelationshipType = "CONTAINS"
    report.save_as(path)
    assert dciodvfy(path)
    assert pixelmed(path)


@pytest.mark.parametrize("name", SCREENED)
def test_a_spine_is_analysed(sent: Sent, name: str) -> None:
    groups = groups_of(sent.answer(name).report)
    assert NOT_ANALYSED not in {group.summary for group in groups}, [group.comment for group in groups]
    assert all(group.comment for group in groups)


def test_the_real_grade_2_fracture_is_flagged_at_its_level(sent: Sent, real_data: Path) -> None:
    study, found = sent.studies["verse008"], flagged(sent.answer("verse008").report)
    assert L2 in {group.site for group in found}, [group.comment for group in found]
    at_l2 = next(group for group in found if group.site == L2)
    slices = [
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in study.paths
    ]
    level = level_at(verse_levels(real_data, "008"), slices.index(at_l2.source), *at_l2.centre)
    assert level == "L2", "the box lies on another vertebra than it names"


@pytest.mark.parametrize("name", ["head", "unnamed_head"])
def test_a_head_ct_is_not_analysed_and_says_why(sent: Sent, name: str) -> None:
    groups = groups_of(sent.answer(name).report)
    assert {group.summary for group in groups} == {NOT_ANALYSED}
    assert not {group.summary for group in groups} & WITHOUT_FINDINGS
    assert all("not analysed" in group.comment.lower() for group in groups)
    study = sent.hospital.node.study(sent.studies[name].uid)
    assert study is not None
    assert "not analysed" in study.reason.lower()


def test_an_mr_study_is_left_alone_by_a_stated_rule(sent: Sent) -> None:
    uid = sent.studies["mr"].uid
    study = sent.hospital.node.wait_for_state(uid, "left alone")
    assert study.reason
    assert sent.hospital.pacs.count(uid, "SR") == 0
    assert sent.hospital.pacs.count(uid, "OT") == 0
