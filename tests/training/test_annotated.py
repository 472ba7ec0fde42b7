"""Marks without a mask find their vertebra by place or by level, each its own."""

import numpy as np
import pytest

from inference.findings import Grade
from training.annotated import FaultyCaseError, match_marks
from training.cases import Case, Mark

CENTRES = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -35.0], [0.0, 0.0, -70.0]])
NAMES = ["L1", "L2", None]


def case(*marks: Mark) -> Case:
    return Case("study", "patient", (), marks=marks)


def mark(level: str | None, z: float | None, line: int) -> Mark:
    return Mark(level, Grade.MILD, None if z is None else (1.0, 2.0, z), f"marks.csv:{line}")


def test_a_mark_is_matched_by_place_or_by_level_and_a_doubt_in_its_name_is_noted() -> None:
    marked, notes = match_marks(
        case(mark("L1", None, 2), mark("L3", -33, 3), mark(None, -72, 4)), NAMES, CENTRES
    )
    assert {number: one.where for number, one in marked.items()} == {
        0: "marks.csv:2", 1: "marks.csv:3", 2: "marks.csv:4",
    }  # fmt: skip
    assert notes == ("marks.csv:3: marked as L3, the model in use names it L2",)


def test_marks_of_nothing_and_of_one_vertebra_twice_are_named_by_line() -> None:
    marks = (mark("L1", None, 2), mark("L2", 3, 3), mark("T5", None, 4), mark(None, 90, 5))
    with pytest.raises(FaultyCaseError) as raised:
        match_marks(case(*marks), NAMES, CENTRES)
    said = {problem.where: problem.what for problem in raised.value.problems}
    assert "same vertebra as marks.csv:2" in said["marks.csv:3"]
    assert "give x, y, z" in said["marks.csv:4"]
    assert "no vertebra at its place" in said["marks.csv:5"]
