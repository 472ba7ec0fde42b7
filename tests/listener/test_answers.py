"""Documents that answer our report: what is a verdict, and what is not."""

import json
import os
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from spine_cases import GERMAN, SERIES, STUDY, study_of

from inference.findings_json import as_json
from listener.answers import ReportedVertebra, read_verdicts, reported_vertebrae
from listener.measured_groups import FRACTURES, GENANT
from listener.results import codes
from listener.results.identity import ResultKey
from listener.results.level_codes import LEVEL_CODES
from listener.verdicts import Verdict

RECEIVED = datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)
CASE = study_of("one flagged")


@pytest.fixture
def reported(tmp_path: Path) -> list[ReportedVertebra]:
    """What the node keeps of a positive study: T12 is grade 2."""
    folder = tmp_path / STUDY / CASE.statement().key.digest
    folder.mkdir(parents=True)
    (folder / "findings.json").write_text(json.dumps(as_json(CASE.report)))
    return reported_vertebrae(tmp_path, STUDY)


@cache
def _document() -> Dataset:
    return CASE.document()


def returned(**changes: object) -> Dataset:
    """Our report as it comes back: under a UID of its own, changed."""
    document = deepcopy(_document())
    document.SOPInstanceUID, document.Manufacturer = "1.2.3.4", "Somebody"
    for keyword, value in changes.items():
        setattr(document, keyword, value)
    return document


def group_of(document: Dataset) -> Dataset:
    """The first measurement group."""
    measurements = document.ContentSequence[-1]
    group: Dataset = measurements.ContentSequence[0]
    return group


def item(document: Dataset, name: str) -> Dataset:
    """The first item of that name in the first group."""
    group = group_of(document)
    found = [i for i in group.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == name]
    first: Dataset = found[0]
    return first


def only(verdicts: tuple[Verdict, ...]) -> Verdict:
    (verdict,) = verdicts
    return verdict


def test_a_verified_copy_agrees_with_what_was_found(reported: list[ReportedVertebra]) -> None:
    document = returned(VerificationFlag="VERIFIED")
    observer = Dataset()
    observer.VerificationDateTime, observer.VerifyingObserverName = "20260305091011", "Reader^Rita"
    document.VerifyingObserverSequence, document.TimezoneOffsetFromUTC = [observer], "+0100"
    verdict = only(read_verdicts(document, reported, RECEIVED))
    assert (verdict.level, verdict.grade, verdict.fractured, verdict.found_grade) == ("T12", 2, True, 2)
    assert (verdict.study_instance_uid, verdict.series_instance_uid) == (STUDY, SERIES)
    assert (verdict.reader_role, verdict.decided_at) == ("radiologist", "2026-03-05T09:10:11+01:00")
    assert "Rita" not in verdict.line() and "Doe" not in verdict.line()


def test_an_unverified_copy_says_nothing_new(reported: list[ReportedVertebra]) -> None:
    assert read_verdicts(returned(), reported, RECEIVED) == ()


@pytest.mark.parametrize(
    ("comment", "grade", "fractured"),
    [
        ("T12: suspected compression fracture, Genant 1 (wedge)", 1, True),
        ("T12 grade 3", 3, True),
        ("T12: no fracture", 0, False),
        ("not a fracture, Schmorl's node", 0, False),
        ("T12 normal variant", 0, False),
    ],
)
def test_a_label_that_a_reader_edited_is_a_verdict(
    reported: list[ReportedVertebra], comment: str, grade: int, fractured: bool
) -> None:
    document = returned()
    item(document, "121106").TextValue = comment
    verdict = only(read_verdicts(document, reported, RECEIVED))
    assert (verdict.level, verdict.grade, verdict.fractured) == ("T12", grade, fractured)
    assert verdict.reader_role == "unverified reader"


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("T12: keine Fraktur", (0, False)),
        ("Unauffällig", (0, False)),
        ("BWK 12: Genant 3", (3, True)),
        ("Fraktur im Verlauf zunehmend", None),
        ("T12: Verdacht auf Kompressionsfraktur, Genant 2 (Keilform)", None),
    ],
)
def test_a_reader_is_understood_in_the_words_of_the_site(
    reported: list[ReportedVertebra], comment: str, said: tuple[int, bool] | None
) -> None:
    document = returned()
    item(document, "121106").TextValue = comment
    found = read_verdicts(document, reported, RECEIVED, image, GERMAN.words)
    assert [(v.grade, v.fractured) for v in found] == ([] if said is None else [said])


def test_a_grade_that_a_reader_coded_is_a_verdict(reported: list[ReportedVertebra]) -> None:
    document = returned()
    item(document, GENANT).ConceptCodeSequence[0].CodeValue = "GENANT3"
    assert only(read_verdicts(document, reported, RECEIVED)).grade == 3


def test_a_reader_may_name_another_level_of_the_same_vertebra(reported: list[ReportedVertebra]) -> None:
    document = returned()
    item(document, "121106").TextValue = "L1: fracture, Genant 2"
    verdict = only(read_verdicts(document, reported, RECEIVED))
    assert (verdict.level, verdict.found_level, verdict.grade) == ("L1", "T12", 2)


def test_a_viewer_that_loses_our_tracking_uid_is_understood_by_the_level(
    reported: list[ReportedVertebra],
) -> None:
    document = returned()
    item(document, "112040").UID = "1.2.3.99"
    item(document, "121106").TextValue = "no fracture"
    verdict = only(read_verdicts(document, reported, RECEIVED))
    assert verdict.tracking_uid == next(each.tracking_uid for each in reported if each.level == "T12")


def image(sop_instance_uid: str) -> Dataset:
    """A source image by its UID, as the spool holds it."""
    return next(header for header in CASE.headers if header.SOPInstanceUID == sop_instance_uid)


def test_a_viewer_that_loses_uid_and_level_is_understood_by_the_place(
    reported: list[ReportedVertebra],
) -> None:
    unnumbered = [replace(each, level=None) for each in reported]
    document = returned()
    item(document, "112040").UID = "1.2.3.99"
    item(document, "363698007").ConceptCodeSequence[0].CodeValue = "51282000"
    item(document, "121106").TextValue = "no fracture"
    verdict = only(read_verdicts(document, unnumbered, RECEIVED, image))
    assert verdict.tracking_uid == next(each.tracking_uid for each in reported if each.level == "T12")
    assert read_verdicts(document, unnumbered, RECEIVED) == ()


def test_a_fracture_that_was_missed_is_a_verdict_on_its_level(reported: list[ReportedVertebra]) -> None:
    document = returned()
    item(document, "112040").UID = "1.2.3.99"
    item(document, "121106").TextValue = "L2: fracture, Genant 1"
    verdict = only(read_verdicts(document, reported, RECEIVED))
    assert (verdict.level, verdict.found_grade, verdict.grade) == ("L2", 0, 1)


def test_of_several_versions_the_one_sent_last_is_answered_whatever_the_times_of_their_files(
    tmp_path: Path,
) -> None:
    for key, grade, moment in (("b" * 64, 1, 3.0), ("a" * 64, 2, 2.0), ("c" * 64, 3, 1.0)):
        content = as_json(CASE.report)
        for finding in content["findings"]:
            finding["grade"] = grade if finding["assessed"] else None
        file = tmp_path / STUDY / key / "findings.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
        os.utime(file, (moment, moment))  # as after a restore, or with a clock that was set back
    grades = {
        versions: [ours.grade for ours in reported_vertebrae(tmp_path, STUDY, [v * 64 for v in versions])]
        for versions in ("bac", "cab", "ba")
    }
    count = len(CASE.report.assessed)
    assert grades["bac"] == count * [1] + count * [2] + count * [3]
    assert grades["cab"] == count * [3] + count * [2] + count * [1]
    assert grades["ba"] == count * [3] + count * [1] + count * [2]
    document = returned()
    item(document, "112040").UID = "1.2.3.99"
    item(document, "121106").TextValue = "T12: fracture, Genant 1"
    sent_last = reported_vertebrae(tmp_path, STUDY, ["b" * 64, "c" * 64, "a" * 64])
    assert only(read_verdicts(document, sent_last, RECEIVED)).found_grade == 2


def made_from(kind: str, tmp_path: Path) -> tuple[Dataset, list[ReportedVertebra]]:
    """A report as a viewer stores it, with ours as its predecessor, and what the node keeps of ours."""
    statement = study_of(kind).statement()
    folder = tmp_path / STUDY / statement.key.digest
    folder.mkdir(parents=True)
    (folder / "findings.json").write_text(json.dumps(as_json(statement.report)))
    document = deepcopy(study_of(kind).document())
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPInstanceUID = document.SOPInstanceUID
    series.ReferencedSOPSequence, study.ReferencedSeriesSequence = [instance], [series]
    document.PredecessorDocumentsSequence, document.SOPInstanceUID = [study], "1.2.3.4"
    return document, reported_vertebrae(tmp_path, STUDY)


@pytest.mark.parametrize("kind", ["possible", "flagged, partial", "negative", "negative, partial"])
@pytest.mark.parametrize("flag", ["UNVERIFIED", "VERIFIED"])
def test_our_word_on_the_whole_study_is_no_verdict_on_the_vertebra_its_region_lies_on(
    kind: str, flag: str, tmp_path: Path
) -> None:
    document, reported = made_from(kind, tmp_path)
    document.VerificationFlag = flag
    found = read_verdicts(document, reported, RECEIVED, image)
    agreed = [(v.level, v.grade, v.found_grade) for v in found]
    told = [(v.level, v.grade, v.grade) for v in reported if v.grade]
    assert agreed == (told if flag == "VERIFIED" else [])


def test_a_finding_taken_out_of_our_report_is_told_and_is_no_grade(tmp_path: Path) -> None:
    document, reported = made_from("three flagged", tmp_path)
    del document.ContentSequence[-1].ContentSequence[1]
    verdict = only(read_verdicts(document, reported, RECEIVED, image))
    assert (verdict.level, verdict.found_grade) == ("L1", 3)
    assert verdict.grade is None and verdict.fractured is None
    assert json.loads(verdict.line())["fractured"] is None


def test_a_finding_redrawn_in_the_place_of_ours_is_not_taken_away(tmp_path: Path) -> None:
    document, reported = made_from("three flagged", tmp_path)
    item(document, "112040").UID = "1.2.3.99"
    assert read_verdicts(document, reported, RECEIVED, image) == ()


def test_what_is_missing_from_a_document_not_made_from_our_report_says_nothing(tmp_path: Path) -> None:
    document, reported = made_from("three flagged", tmp_path)
    del document.ContentSequence[-1].ContentSequence[1]
    other = deepcopy(document)
    del other.PredecessorDocumentsSequence
    assert read_verdicts(other, reported, RECEIVED, image) == ()
    of_their_own = deepcopy(group_of(document))
    document.ContentSequence[-1].ContentSequence = [of_their_own]
    item(document, "112040").UID = "1.2.3.99"
    item(document, "363698007").ConceptCodeSequence[0].CodeValue = LEVEL_CODES["T11"]
    item(document, "121106").TextValue = "T11: fracture, Genant 1"
    assert [(v.level, v.grade) for v in read_verdicts(document, reported, RECEIVED)] == [("T11", 1)]


def test_a_finding_is_missed_too_where_a_viewer_tracks_what_is_left_under_uids_of_its_own(
    tmp_path: Path,
) -> None:
    document, reported = made_from("three flagged", tmp_path)
    groups = document.ContentSequence[-1].ContentSequence
    for number, group in enumerate(groups):
        for part in group.ContentSequence:
            if part.ConceptNameCodeSequence[0].CodeValue == "112040":
                part.UID = f"1.2.3.{number}"
    del groups[1]
    found = read_verdicts(document, reported, RECEIVED, image)
    assert [(v.level, v.fractured) for v in found] == [("L1", None)]


def test_what_is_no_measurement_report_or_names_nothing_of_ours_is_no_answer(
    reported: list[ReportedVertebra],
) -> None:
    assert read_verdicts(Dataset(), reported, RECEIVED) == ()
    assert read_verdicts(returned(VerificationFlag="VERIFIED"), [], RECEIVED) == ()


def test_without_a_date_the_time_of_arrival_counts(reported: list[ReportedVertebra]) -> None:
    document = returned(VerificationFlag="VERIFIED", ContentDate="", ContentTime="")
    assert only(read_verdicts(document, reported, RECEIVED)).decided_at == "2026-03-05T06:07:08+00:00"


def test_of_two_versions_the_latest_bears_the_level(reported: list[ReportedVertebra]) -> None:
    newer = [replace(each, tracking_uid=f"{each.tracking_uid}.1", grade=0) for each in reported]
    document = returned()
    item(document, "112040").UID = "1.2.3.99"
    verdict = only(read_verdicts(document, [*reported, *newer], RECEIVED))
    assert (verdict.found_grade, verdict.grade) == (0, 2)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=40))
def test_no_comment_breaks_the_reader(comment: str) -> None:
    vertebra = ReportedVertebra("1.2", STUDY, SERIES, "T12", (0.0, 0.0, 0.0), 2, ResultKey("k"))
    document = returned(VerificationFlag="VERIFIED")
    item(document, "112040").UID = "1.2"
    item(document, "121106").TextValue = comment
    assert len(read_verdicts(document, [vertebra], RECEIVED)) == 1


def test_the_codes_that_are_read_are_those_that_are_written() -> None:
    assert codes.COMPRESSION_FRACTURE.value in FRACTURES and codes.GENANT.value == GENANT
    assert codes.level_code("T12").value == LEVEL_CODES["T12"]


def test_a_line_is_json_with_every_key_of_the_form() -> None:
    verdict = Verdict(STUDY, SERIES, "T12", (1.0, 2.0, 3.0), 2, True, "T12", 3, "1.2", "r", "s", "", "2026")
    line = json.loads(verdict.line())
    assert line["form"] == 2 and line["centre_lps_mm"] == [1.0, 2.0, 3.0] and len(line) == 14
