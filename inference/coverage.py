"""The vertebrae found in, what must be in view and was not found out: nothing is passed over in silence."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference.findings import VertebraFinding
from inference.levels import LEVELS
from inference.places import are_one, have_room
from inference.volume import Volume

Array = NDArray[np.float64]

UNEXPLAINED_MM = 45.0
"""A scan that goes on for longer than this beyond the last vertebra found holds more of them."""


def told_apart(findings: Sequence[VertebraFinding]) -> tuple[VertebraFinding, ...]:
    """Take back what the places speak against, now that each vertebra was looked at closely.

    Where two came out at one place, one of them was missed, and neither is assessed. Then, and where two are
    so far apart that another must lie between them, all names may be wrong, and none is given.
    """
    pairs = list(enumerate(pairwise(findings)))
    doubles = {number for number, both in pairs if _are_assessed(*both) and are_one(*_places(*both))}
    if not doubles and not _is_one_missing(findings):
        return tuple(findings)
    return tuple(
        replace(finding, level=None, assessment=None, not_assessed="not told apart from its neighbour")
        if number in doubles or number - 1 in doubles
        else replace(finding, level=None)
        for number, finding in enumerate(findings)
    )


def between_notes(findings: Sequence[VertebraFinding]) -> tuple[str, ...]:
    """Say that two neighbours are so far apart that another vertebra lies between them."""
    if _is_one_missing(findings):
        return ("Between two neighbours there is room for a vertebra that was not found.",)
    return ()


def _is_one_missing(findings: Sequence[VertebraFinding]) -> bool:
    return any(
        _are_assessed(upper, lower) and have_room(*_places(upper, lower), upper.level, lower.level)
        for upper, lower in pairwise(findings)
    )


def _are_assessed(upper: VertebraFinding, lower: VertebraFinding) -> bool:
    """Whether both are: their places are known to a millimetre or two then."""
    return upper.assessment is not None and lower.assessment is not None


def _places(upper: VertebraFinding, lower: VertebraFinding) -> tuple[Array, Array]:
    return np.array(upper.centre_lps_mm), np.array(lower.centre_lps_mm)


def with_gaps(findings: Sequence[VertebraFinding]) -> tuple[VertebraFinding, ...]:
    """Add each level that its neighbours' names leave out, as not assessed, midway between them."""
    filled = list(findings[:1])
    for upper, lower in pairwise(findings):
        filled += [*_between(upper, lower), lower]
    return tuple(filled)


def _between(upper: VertebraFinding, lower: VertebraFinding) -> list[VertebraFinding]:
    if upper.level is None or lower.level is None:
        return []
    missing = LEVELS[LEVELS.index(upper.level) + 1 : LEVELS.index(lower.level)]
    ends = np.array([upper.centre_lps_mm, lower.centre_lps_mm])
    found = []
    for number, level in enumerate(missing, start=1):
        x, y, z = ends[0] + (ends[1] - ends[0]) * number / (len(missing) + 1)
        centre = (float(x), float(y), float(z))
        found.append(VertebraFinding(level, upper.level_confidence, centre, None, "not found in the images"))
    return found


def beyond_notes(findings: Sequence[VertebraFinding], volume: Volume) -> tuple[str, ...]:
    """Say where the scan goes on beyond the first and last vertebra found and must show more of them."""
    if not findings:
        return ()
    top, bottom = findings[0], findings[-1]
    above = _reach_mm(top, volume, up=True) if top.level != "T1" else 0.0
    below = _reach_mm(bottom, volume, up=False) if bottom.level != "L5" else 0.0
    notes = []
    if above > UNEXPLAINED_MM:
        notes.append(f"No vertebra was found in the {above:.0f} mm of the scan above {top.name}.")
    if below > UNEXPLAINED_MM:
        notes.append(f"No vertebra was found in the {below:.0f} mm of the scan below {bottom.name}.")
    return tuple(notes)


def _reach_mm(finding: VertebraFinding, volume: Volume, up: bool) -> float:
    """How far the volume reaches above or below a vertebra's centre along the patient's axis."""
    _, row, column = volume.to_index(np.array(finding.centre_lps_mm))
    ends = volume.to_lps(np.array([[0.0, row, column], [len(volume.voxels) - 1.0, row, column]]))[:, 2]
    z = finding.centre_lps_mm[2]
    return float(ends.max() - z if up else z - ends.min())
