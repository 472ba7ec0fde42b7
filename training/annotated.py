"""One case with its volume in; its vertebrae, each with place, frame, points and grade, out.

With a mask every vertebra's centre, frame and height points are measured in it. Without one the bundle in use
finds the spine, the marks are matched to it by place or by level, and the points stay unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference.bundle import Bundle
from inference.crops import Axes
from inference.grading import along_points, read_vertebrae
from inference.levels import GRADED_LEVELS, LEVELS
from inference.numbering import spacing_mm
from inference.spine import find_vertebrae
from inference.volume import Affine, Volume
from training.cases import Case, Mark
from training.errors import Problem
from training.imaging import (
    UnusableImageError,
    check_on_bone,
    check_same_grid,
    is_nifti,
    on_grid,
    read_labels,
)
from training.masks import MaskedVertebra, measure_mask
from training.segmentation import read_segmentation

Array = NDArray[np.float64]

MATCH_MM = 15.0
"""A mark this near to a vertebra's centre is about that vertebra."""

LEAST_STEP, LARGEST_STEP = 0.45, 1.7
"""Shares of the usual distance between two bodies; real ones differ by a quarter, at collapses by more."""


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra of a case: level, centre and axes (LPS), points (6, 3) or None, grade or None."""

    level: str
    centre_mm: Array
    axes: Axes
    points_mm: Array | None
    grade: int | None


class FaultyCaseError(Exception):
    """A case whose images or marks are not what they should be; holds the problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A case's mask: labels (slices, rows, columns), affine to LPS mm, each level's label, the vertebrae."""

    labels: NDArray[np.int16]
    affine: Affine
    label_of: dict[str, int]
    vertebrae: list[Vertebra]


def read_masked(case: Case, volume: Volume) -> Masked:
    """Measure every vertebra of a case's mask.

    Raises
    ------
    UnusableImageError : the mask is none, or not one of this CT
    FaultyCaseError : its levels are out of order, or a graded one is missing
    """
    assert case.mask is not None
    numbering = case.numbering
    if is_nifti(case.mask):
        labels, affine = read_labels(case.mask)
        check_same_grid(volume, labels, affine)
        check_on_bone(volume, np.where(np.isin(labels, list(numbering)), labels, 0))
    else:
        labels, affine, numbering = read_segmentation(case.mask)
        check_on_bone(on_grid(volume, labels, affine), labels)
    measured = measure_mask(labels, affine, numbering)
    if not measured:
        raise UnusableImageError("shows no vertebra under the labels that are known")
    problems = [Problem(str(case.mask), fault) for fault in misplaced(measured)]
    known = {one.level for one in measured}
    problems += [
        Problem(mark.where, f"{case.study}: {mark.level} is graded but not in the mask {case.mask.name}")
        for mark in case.marks
        if mark.level not in known
    ]
    if problems:
        raise FaultyCaseError(problems)
    grades = {mark.level: int(mark.grade) for mark in case.marks}
    vertebrae = [
        Vertebra(one.level, one.centre_mm, one.axes, one.points_mm, grades.get(one.level)) for one in measured
    ]
    return Masked(labels, affine, {level: label for label, level in numbering.items()}, vertebrae)


def misplaced(measured: Sequence[MaskedVertebra]) -> list[str]:
    """What is wrong with the levels of a mask, in words: out of order, or too far apart for their names."""
    faults = []
    for upper, lower in pairwise(measured):
        first, last = LEVELS.index(upper.level), LEVELS.index(lower.level)
        away = upper.centre_mm - lower.centre_mm
        usual = sum(spacing_mm()[first:last])
        share = float(np.linalg.norm(away)) / usual
        if away[2] <= 0:
            faults.append(f"{lower.level} lies above {upper.level}: its labels are out of order")
        elif not LEAST_STEP < share < LARGEST_STEP:
            faults.append(
                f"{upper.level} and {lower.level} lie {share * usual:.0f} mm apart, usual are {usual:.0f}: "
                "one of them is mislabelled, or a vertebra between them has no label"
            )
    return faults


def found_vertebrae(case: Case, volume: Volume, bundle: Bundle) -> tuple[list[Vertebra], tuple[str, ...]]:
    """The spine as the bundle finds it, with the marks of whoever is near; a mark's level wins."""
    located = [v for v in find_vertebrae(volume, bundle) if v.level is None or v.level in GRADED_LEVELS]
    readings = read_vertebrae(volume, located, bundle)
    centres = np.array([reading.points_mm.mean(axis=0) for reading in readings]).reshape(-1, 3)
    marked, notes = match_marks(case, [v.level for v in located], centres)
    vertebrae = []
    for number, (vertebra, reading) in enumerate(zip(located, readings, strict=True)):
        own = marked.get(number)
        level = (own.level if own else None) or vertebra.level or "T12"
        grade = int(own.grade) if own else None
        axes = along_points(vertebra.axes, reading.points_mm)
        vertebrae.append(Vertebra(level, centres[number], axes, None, grade))
    return vertebrae, notes


def match_marks(
    case: Case, names: Sequence[str | None], centres: Array
) -> tuple[dict[int, Mark], tuple[str, ...]]:
    """Each mark by the number of the vertebra it is about; notes where the model names that one otherwise.

    Raises
    ------
    FaultyCaseError : with every mark that is about no vertebra, or about the same one as another
    """
    marked: dict[int, Mark] = {}
    problems, notes = [], []
    for mark in case.marks:
        number = _matching(mark, names, centres)
        if number is None:
            what = (
                "there is no vertebra at its place"
                if mark.centre_lps_mm
                else "it was not found; give x, y, z"
            )
            problems.append(Problem(mark.where, f"{case.study}: {mark.level or 'a vertebra'}: {what}"))
        elif number in marked:
            problems.append(Problem(mark.where, f"is about the same vertebra as {marked[number].where}"))
        else:
            if mark.level and names[number] not in {None, mark.level}:
                notes.append(
                    f"{mark.where}: marked as {mark.level}, the model in use names it {names[number]}"
                )
            marked[number] = mark
    if problems:
        raise FaultyCaseError(problems)
    return marked, tuple(notes)


def _matching(mark: Mark, names: Sequence[str | None], centres: Array) -> int | None:
    if mark.centre_lps_mm is not None:
        if not len(centres):
            return None
        away = np.linalg.norm(centres - np.array(mark.centre_lps_mm), axis=1)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= MATCH_MM else None
    return names.index(mark.level) if mark.level in names else None
