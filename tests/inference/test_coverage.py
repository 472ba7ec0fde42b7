"""What was not found where a vertebra must be is said."""

import numpy as np

from inference.coverage import beyond_notes, with_gaps
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


def test_a_scan_that_goes_on_beyond_the_vertebrae_found_is_said() -> None:
    notes = beyond_notes([seen("T7", 120), seen("T12", 60)], scan(300))
    assert notes == (
        "No vertebra was found in the 180 mm of the scan above T7.",
        "No vertebra was found in the 60 mm of the scan below T12.",
    )


def test_neck_and_sacrum_beyond_the_graded_levels_are_no_gap() -> None:
    assert beyond_notes([seen("T1", 120), seen("L5", 60)], scan(300)) == ()
