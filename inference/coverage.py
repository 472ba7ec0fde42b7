"""The vertebrae found in, what must be in view and was not found out: nothing is passed over in silence."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from inference.findings import VertebraFinding
from inference.levels import LEVELS
from inference.volume import Volume

UNEXPLAINED_MM = 45.0
"""A scan that goes on for longer than this beyond the last vertebra found holds more of them."""


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
