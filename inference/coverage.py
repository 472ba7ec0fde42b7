"""The vertebrae found in, what must be in view and was not found out: nothing is passed over in silence."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from inference.findings import VertebraFinding
from inference.levels import LEVELS
from inference.numbering import spacing_mm
from inference.volume import Volume

ONE_PLACE_MM: Final = 8.0
"""No two bodies, crushed ones included, have their middles nearer to each other."""

WIDE_STEP: Final = 1.6
"""Two vertebrae further apart than so many times what their names say have another between them."""

UNEXPLAINED_MM = 45.0
"""A scan that goes on for longer than this beyond the last vertebra found holds more of them."""


def told_apart(findings: Sequence[VertebraFinding]) -> tuple[VertebraFinding, ...]:
    """Take back what the places speak against, now that each vertebra was looked at closely.

    Where two came out at one place, one of them was missed, and neither is assessed. Then, and where two are
    so far apart that another must lie between them, all names may be wrong, and none is given.
    """
    doubles = {
        number
        for number, (upper, lower) in enumerate(pairwise(findings))
        if _step_mm(upper, lower) < ONE_PLACE_MM
    }
    if not doubles and not between_notes(findings):
        return tuple(findings)
    return tuple(
        replace(finding, level=None, assessment=None, not_assessed="not told apart from its neighbour")
        if number in doubles or number - 1 in doubles
        else replace(finding, level=None)
        for number, finding in enumerate(findings)
    )


def between_notes(findings: Sequence[VertebraFinding]) -> tuple[str, ...]:
    """Say that two neighbours are so far apart that another vertebra lies between them."""
    if any(_step_mm(*both) > WIDE_STEP * _expected_mm(*both) for both in pairwise(findings)):
        return ("Between two neighbours there is room for a vertebra that was not found.",)
    return ()


def _step_mm(upper: VertebraFinding, lower: VertebraFinding) -> float:
    """From one that was assessed to the next; their places are known to a millimetre or two."""
    if upper.assessment is None or lower.assessment is None:
        return float("nan")
    return float(np.linalg.norm(np.array(upper.centre_lps_mm) - lower.centre_lps_mm))


def _expected_mm(upper: VertebraFinding, lower: VertebraFinding) -> float:
    if upper.level is None or lower.level is None:
        return float("inf")
    return sum(spacing_mm()[LEVELS.index(upper.level) : LEVELS.index(lower.level)])


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
