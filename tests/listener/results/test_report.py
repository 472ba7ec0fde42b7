"""The Structured Report's tree, read back from its bytes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage
from spine_cases import CREATED_AT, Study, study_of

from inference.findings import Grade
from listener.results import codes
from listener.results.build import build_results
from listener.results.identity import Product
from listener.results.kinds import ResultKind
from listener.results.wording.captions import headline
from listener.study import EarlierReport


def groups(document: Dataset) -> list[Dataset]:
    """The measurement groups of a report."""
    content = document.ContentSequence
    (measurements,) = [i for i in content if i.ConceptNameCodeSequence[0].CodeValue == "126010"]
    return list(measurements.ContentSequence)


def source(region: Dataset) -> Dataset:
    """The image a region lies on."""
    reference: Dataset = region.ContentSequence[0].ReferencedSOPSequence[0]
    return reference


def items(group: Dataset, value_type: str) -> list[Dataset]:
    return [item for item in group.ContentSequence if item.ValueType == value_type]


def coded(group: Dataset, name: str) -> str | None:
    """The value of a CODE item by its name's code value."""
    found = [i for i in items(group, "CODE") if i.ConceptNameCodeSequence[0].CodeValue == name]
    return str(found[0].ConceptCodeSequence[0].CodeValue) if found else None


def every(group: Dataset, name: str) -> list[str]:
    """The meanings of all CODE items of one name."""
    found = [i for i in items(group, "CODE") if i.ConceptNameCodeSequence[0].CodeValue == name]
    return [str(i.ConceptCodeSequence[0].CodeMeaning) for i in found]


def comments(group: Dataset) -> list[str]:
    return [i.TextValue for i in items(group, "TEXT") if i.ConceptNameCodeSequence[0].CodeValue == "121106"]


def regions(group: Dataset) -> Iterator[Dataset]:
    return (i for i in items(group, "SCOORD") if i.ConceptNameCodeSequence[0].CodeValue == "111030")


def test_every_kind_reads_back_as_a_measurement_report_on_its_own_study(
    any_study: Study, tmp_path: Path
) -> None:
    file = tmp_path / "report.dcm"
    any_study.document().save_as(file)
    document: Any = srread(file)
    assert type(document).__name__ == "Comprehensive3DSR"
    assert type(document.content).__name__ == "MeasurementReport"
    assert len(document.content.get_planar_roi_measurement_groups()) == len(groups(document))
    assert document.StudyInstanceUID == any_study.report.study_instance_uid
    assert (document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag) == (
        "COMPLETE", "UNVERIFIED", "PRELIMINARY",
    )  # fmt: skip


def test_every_group_can_be_tracked_and_drawn(any_study: Study) -> None:
    for group in groups(any_study.document()):
        names = [item.ConceptNameCodeSequence[0].CodeValue for item in group.ContentSequence]
        assert {"112039", "112040"} <= set(names)
        (region,) = regions(group)
        assert (region.GraphicType, len(region.GraphicData)) == ("POLYLINE", 10)
        for number in items(group, "NUM")[:1]:
            own = [i for i in number.ContentSequence if i.ValueType == "SCOORD"]
            assert own[0].GraphicData == region.GraphicData


def test_every_image_pointed_at_is_in_the_evidence(any_study: Study) -> None:
    document = any_study.document()
    (evidence,) = document.CurrentRequestedProcedureEvidenceSequence
    listed = {
        i.ReferencedSOPInstanceUID for s in evidence.ReferencedSeriesSequence for i in s.ReferencedSOPSequence
    }
    assert listed == {header.SOPInstanceUID for header in any_study.headers}
    for group in groups(document):
        for region in regions(group):
            assert source(region).ReferencedSOPInstanceUID in listed


def test_a_flagged_vertebra_says_its_level_grade_and_certainty() -> None:
    (group,) = groups(study_of("one flagged").document())
    assert coded(group, "121071") == "42942008"
    assert coded(group, "363698007") == "23215003"
    assert coded(group, "GENANT") == "GENANT2"
    assert coded(group, "246112005") == "6736007"
    assert coded(group, "AISTATUS") == "SUSPECTED"
    first = items(group, "NUM")[0]
    assert first.ConceptNameCodeSequence[0].CodeValue == "111012"
    assert first.MeasuredValueSequence[0].NumericValue == 92
    assert comments(group) == [
        "T12: suspected compression fracture, Genant 2 (wedge), height loss 31% (27-35%), certainty 92%"
    ]


def test_the_height_loss_carries_its_interval() -> None:
    (group,) = groups(study_of("one flagged").document())
    names = (codes.LEAST_HEIGHT_LOSS, codes.HEIGHT_LOSS, codes.GREATEST_HEIGHT_LOSS)
    numbers = {i.ConceptNameCodeSequence[0].CodeValue: i for i in items(group, "NUM")}
    found = [numbers[name.value].MeasuredValueSequence[0].NumericValue for name in names]
    assert found == [27, 31, 35]


def test_the_box_encloses_the_body_on_a_slice_through_it() -> None:
    case = study_of("one flagged")
    (group,) = groups(case.document())
    (region,) = regions(group)
    assert case.volume is not None
    uids = [slice_.sop_instance_uid for slice_ in case.volume.sources]
    slice_index = uids.index(source(region).ReferencedSOPInstanceUID)
    bone = np.argwhere(case.volume.voxels[slice_index] > 200)
    assert len(bone) > 500, "the slice does not cut the body"
    box = np.array(region.GraphicData).reshape(5, 2)
    assert np.array_equal(box[0], box[4])
    (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
    assert 0 <= top - 0.5 <= bone[:, 0].min() and bone[:, 0].max() <= bottom - 0.5 <= 96
    assert 0 <= left - 0.5 <= bone[:, 1].min() and bone[:, 1].max() <= right - 0.5 <= 112
    assert bottom - top < 42 and right - left < 52


def test_a_multi_frame_source_is_pointed_at_by_frame() -> None:
    case = study_of("multi-frame")
    (group,) = groups(case.document())
    (region,) = regions(group)
    assert case.volume is not None
    frame = int(source(region).ReferencedFrameNumber)
    assert (case.volume.voxels[frame - 1] > 200).sum() > 500


def test_a_negative_report_never_carries_the_fracture_code_and_names_the_levels() -> None:
    (group,) = groups(study_of("negative").document())
    assert coded(group, "121071") == "NOFX"
    assert coded(group, "VFX") == "272519000"
    assert coded(group, "111017") == "111241"
    assert comments(group) == ["No vertebral fracture detected (5 levels T11-L3 assessed)."]


def test_a_partial_negative_claims_nothing_for_the_levels_it_missed() -> None:
    (group,) = groups(study_of("negative, partial").document())
    assert coded(group, "121071") == "NOFXPART"
    assert coded(group, "VFX") is None
    assert coded(group, "111017") == "111243"
    assert "(4 levels T11-L2 assessed). NOT assessed - L3: cut off by the scan." in comments(group)[0]
    assert every(group, "ASSESSED") == ["T11 vertebra", "T12 vertebra", "L1 vertebra", "L2 vertebra"]
    assert every(group, "NOTASSESSED") == ["L3 vertebra"]


def test_a_negative_claims_nothing_where_the_scan_goes_on_and_no_vertebra_was_found() -> None:
    note = "No vertebra was found in the 99 mm of the scan above T11."
    case = study_of("negative")
    beyond = replace(case, report=replace(case.report, notes=(note,), goes_on=True))
    (group,) = groups(beyond.document())
    assert coded(group, "121071") == "NOFXPART"
    assert coded(group, "VFX") is None
    assert coded(group, "111017") == "111243"
    assert "in what could be assessed (5 levels T11-L3 assessed)." in comments(group)[0]
    assert note in [item.TextValue for item in items(group, "TEXT")]
    statement = beyond.statement()
    assert headline(statement.words, statement.outcome) == "No fracture in the levels assessed"


def test_a_partial_positive_says_how_far_it_reaches() -> None:
    finding, coverage = groups(study_of("flagged, partial").document())
    assert coded(finding, "121071") == "42942008"
    assert coded(coverage, "121071") == "COVERAGE"
    assert coded(coverage, "111017") == "111244"
    assert "NOT assessed - T12-L3: metal." in comments(coverage)[0]


def test_a_possible_deformity_is_never_called_a_fracture() -> None:
    finding, coverage = groups(study_of("possible").document())
    assert coded(finding, "121071") == "POSSMILD"
    assert coded(finding, "AISTATUS") == "POSSIBLE"
    assert coded(coverage, "121071") == "COVERAGE"
    assert comments(coverage) == [
        "No suspected fracture, but possible mild deformity at L2 (5 levels T11-L3 assessed)."
    ]


def test_a_study_that_was_not_analysed_has_no_number_and_says_why() -> None:
    (group,) = groups(study_of("not analysed").document())
    assert coded(group, "121071") == "NOTANALYSED"
    assert coded(group, "111017") == "111245"
    assert items(group, "NUM") == []
    assert comments(group) == ["Not analysed: the slices are 7.5 mm apart"]


def test_vertebrae_seen_but_none_assessed_is_not_a_negative() -> None:
    case = study_of("negative, partial")
    missed = tuple(replace(f, assessment=None, not_assessed="metal") for f in case.report.findings)
    (group,) = groups(replace(case, report=replace(case.report, findings=missed)).document())
    assert coded(group, "121071") == "NOTANALYSED"
    assert comments(group) == ["Not analysed: no vertebra could be assessed (metal)"]


def test_no_vertebra_found_is_not_a_negative() -> None:
    case = study_of("negative")
    (group,) = groups(replace(case, report=replace(case.report, findings=())).document())
    assert coded(group, "121071") == "NOTANALYSED"


def test_notes_reach_the_report_in_plain_ascii() -> None:
    case = study_of("one flagged")
    _, coverage = groups(
        replace(case, report=replace(case.report, notes=("spacing ≥ 3 mm × 2 – thick",))).document()
    )
    assert len(comments(coverage)) == 1
    assert items(coverage, "TEXT")[-1].TextValue == "Spacing >= 3 mm x 2 - thick."


def test_the_neck_and_the_sacrum_do_not_make_an_answer_partial() -> None:
    case = study_of("negative")
    neck = replace(case.report.findings[0], level="C7", assessment=None, not_assessed="not graded")
    report = replace(case.report, findings=(neck, *case.report.findings))
    (group,) = groups(replace(case, report=report).document())
    assert coded(group, "111017") == "111241"


@pytest.mark.parametrize("least", [Grade.MILD, Grade.SEVERE])
def test_the_flagging_rule_of_the_report_decides(least: Grade) -> None:
    case = study_of("three flagged")
    document = replace(case, report=replace(case.report, flag_grade=least)).document()
    flagged = [group for group in groups(document) if coded(group, "121071") == "42942008"]
    assert len(flagged) == {Grade.MILD: 4, Grade.SEVERE: 1}[least]


def test_the_private_scheme_is_declared(any_study: Study) -> None:
    (scheme,) = any_study.document().CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99FAINTLINE"
    assert scheme.CodingSchemeUID.startswith("2.25.")


def test_the_report_and_the_pictures_are_two_series(any_study: Study) -> None:
    report, *pictures = any_study.results()
    assert report.kind is ResultKind.REPORT
    assert {picture.series_instance_uid for picture in pictures} != {report.series_instance_uid}
    assert len({picture.series_instance_uid for picture in pictures}) == 1
    assert len({picture.sop_instance_uid for picture in pictures}) == len(pictures)


def test_the_comprehensive_form_says_the_same_under_uids_of_its_own(any_study: Study) -> None:
    case, both = any_study, frozenset((ResultKind.REPORT, ResultKind.PLAIN_REPORT))
    report, plain = build_results(
        case.report, case.volume, case.headers, CREATED_AT, Product("1"), kinds=both
    )
    assert plain.sop_class_uid == ComprehensiveSRStorage
    assert plain.sop_instance_uid != report.sop_instance_uid
    assert plain.series_instance_uid != report.series_instance_uid
    assert plain.dataset.ContentSequence == report.dataset.ContentSequence


def test_a_new_version_names_the_report_it_supersedes() -> None:
    case = study_of("one flagged")
    own = case.results()[0]
    older, old = (
        EarlierReport(uid, own.sop_class_uid, uid, f"{uid}.1", CREATED_AT - timedelta(days=days))
        for uid, days in (("1.2.3", 0), ("1.2.4", 1))  # the clock was set back between them
    )
    itself = EarlierReport(
        own.key, own.sop_class_uid, own.sop_instance_uid, own.series_instance_uid, CREATED_AT
    )
    report, *_ = build_results(
        case.report, case.volume, case.headers, CREATED_AT, Product("1"), earlier=(older, old, itself)
    )
    (study,) = report.dataset.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert study.StudyInstanceUID == case.report.study_instance_uid
    assert series.SeriesInstanceUID == old.series_instance_uid
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == old.sop_instance_uid
    remarks = items(groups(report.dataset)[-1], "TEXT")
    assert remarks[-1].TextValue == "This result supersedes the one of 2026-03-03 05:06."


@pytest.mark.parametrize(("removed", "words"), [(1, "1 other image of"), (300, "300 other images of")])
def test_a_negative_of_late_images_is_none_of_the_study(removed: int, words: str) -> None:
    case = study_of("negative")
    whole = case.results()[0]
    late, overview, *_ = build_results(
        case.report, case.volume, case.headers, CREATED_AT, Product("1"), removed=removed
    )
    (group,) = groups(late.dataset)
    assert coded(group, "121071") == "NOFXPART" and coded(group, "VFX") is None
    assert coded(group, "111017") == "111243"
    assert "No vertebral fracture detected in what could be assessed" in comments(group)[0]
    assert words in str(items(group, "TEXT")[-1].TextValue)
    assert {late.sop_instance_uid, overview.sop_instance_uid}.isdisjoint({whole.sop_instance_uid})
    assert late.key != whole.key
