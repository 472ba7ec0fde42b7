"""What was not found where a vertebra must be is said."""

from dataclasses import replace

import numpy as np
from spine_cases import vertebra

from inference.coverage import between_notes, beyond_notes, told_apart, with_gaps
from inference.findings import VertebraFinding
from inference.volume import Volume


def seen(level: str | None, z: float) -> VertebraFinding:
    return VertebraFinding(level, 0.9, (0.0, 0.0, z), None, "for the test")


def scan(length_mm: int) -> Volume:
    affine = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    return Volume(np.zeros((length_mm + 1, 2, 2), np.int16), affine, 1.0)


def test_a_level_left_out_between_two_others_is_named_as_not_assessed() -> None:
    filled = with_gaps([seen("T1", 100), seen("T4", 40), seen("T5", 20)])
    assert [finding.level for finding in filled] == ["T1", "T2", "T3", "T4", "T5"]
    assert [finding.centre_lps_mm[2] for finding in filled] == [100, 80, 60, 40, 20]
    assert all(finding.not_assessed == "not found in the images" for finding in filled[1:3])


def test_where_the_levels_are_unknown_nothing_is_made_up() -> None:
    assert len(with_gaps([seen(None, 100), seen(None, 20)])) == 2


def graded(level: str | None, z: float) -> VertebraFinding:
    return replace(vertebra(0), level=level, centre_lps_mm=(0.0, 0.0, z))


def test_two_findings_at_one_place_are_not_assessed_and_all_names_are_taken_back() -> None:
    spine = [graded("T10", 100), graded("T11", 74), graded("T12", 73), graded("L1", 40)]
    told = told_apart(spine)
    assert [finding.assessment is None for finding in told] == [False, True, True, False]
    assert told[1].not_assessed == "not told apart from its neighbour"
    assert {finding.level for finding in told} == {None}
    assert between_notes(spine) == ()


def test_where_there_is_room_for_another_vertebra_that_is_said_and_no_name_is_given() -> None:
    spine = [graded("T10", 100), graded("T11", 74), graded("T12", 20), graded("L1", -12)]
    assert between_notes(spine) == (
        "Between two neighbours there is room for a vertebra that was not found.",
    )
    assert {finding.level for finding in told_apart(spine)} == {None}
    assert all(finding.assessment for finding in told_apart(spine))


def test_vertebrae_where_their_names_say_keep_them() -> None:
    spine = (graded("T10", 100), graded("T11", 74), seen("T12", 45), graded("L2", -18), graded(None, -60))
    assert told_apart(spine) == spine
    assert between_notes(spine) == ()


def test_a_scan_that_goes_on_beyond_the_vertebrae_found_is_said() -> None:
    notes = beyond_notes([seen("T7", 120), seen("T12", 60)], scan(300))
    assert notes == (
        "No vertebra was found in the 180 mm of the scan above T7.",
        "No vertebra was found in the 60 mm of the scan below T12.",
    )


def test_neck_and_sacrum_beyond_the_graded_levels_are_no_gap() -> None:
    assert beyond_notes([seen("T1", 120), seen("L5", 60)], scan(300)) == ()
