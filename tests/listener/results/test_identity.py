"""The same study, images, model and options give the same objects; anything else gives others."""

from dataclasses import replace
from datetime import datetime

import pytest
from pydicom.uid import UID
from spine_cases import CREATED_AT, Study, study_of

from inference.findings import Grade
from listener.results.build import build_results
from listener.results.identity import Product, is_own, result_key


def uids(study: Study, created_at: datetime = CREATED_AT) -> tuple[str, ...]:
    results = build_results(study.report, study.volume, study.headers, created_at, Product("1.2.3"))
    return tuple(uid for result in results for uid in (result.sop_instance_uid, result.series_instance_uid))


def test_the_same_study_again_gives_the_same_bytes() -> None:
    case = study_of("three flagged")
    turned = replace(case, headers=tuple(reversed(case.headers)))
    first, second = case.results(), turned.results()
    assert [result.to_bytes() for result in first] == [result.to_bytes() for result in second]


def test_uids_do_not_depend_on_the_clock() -> None:
    case = study_of("not analysed")
    assert uids(case) == uids(case, datetime(2031, 1, 1))


def test_uids_are_valid_distinct_and_tracked_ones_stay_too() -> None:
    made = uids(study_of("one flagged"))
    assert len(set(made)) == len(made) / 2 + 2, "an object's UID is not its own"
    assert all(UID(uid).is_valid and uid.startswith("2.25.") and len(uid) <= 64 for uid in made)


@pytest.mark.parametrize(
    "change",
    [
        {"flag_grade": Grade.SEVERE},
        {"possible_grade": Grade.MODERATE},
        {"series_instance_uid": "1.2.3"},
        {"study_instance_uid": "1.2.3"},
        {"not_analysed": "the slices are 9 mm apart"},
    ],
)
def test_another_option_series_study_or_failure_is_another_result(change: dict[str, object]) -> None:
    report = study_of("not analysed").report
    changed = replace(report, **change)  # type: ignore[arg-type]
    assert result_key(report, ["1", "2"], "words") != result_key(changed, ["1", "2"], "words")


def test_another_image_or_other_weights_are_another_result() -> None:
    report = study_of("negative").report
    retrained = replace(report, model=replace(report.model, weights_sha256="f" * 64))
    assert result_key(report, ["1", "2"], "words") != result_key(report, ["1", "2", "3"], "words")
    assert result_key(report, ["1", "2"], "words") != result_key(retrained, ["1", "2"], "words")
    assert result_key(report, ["2", "1", "1"], "words") == result_key(report, ["1", "2"], "words")


def test_our_own_results_are_recognised_and_a_scanner_is_not(any_study: Study) -> None:
    document = any_study.document()
    assert is_own(document.Manufacturer, document.ManufacturerModelName)
    assert not any(is_own(header.get("Manufacturer", ""), "") for header in any_study.headers)
    assert not is_own(document.Manufacturer, "Phantom generator")
