"""What the localiser finds, counted by hand; intervals are wide where patients differ."""

import numpy as np
import pytest

from inference.levels import LEVELS
from inference.numbering import Peak
from training.localising import Located, localiser_figures, locate
from training.samples import Torso

VOXEL_MM = 4.0


def torso(*levels: str) -> Torso:
    numbers = np.array([LEVELS.index(level) for level in levels], np.uint8)
    centres = np.array([[60.0 - 8 * n, 10, 10] for n in range(len(levels))], np.float32)
    empty = np.zeros((70, 20, 20), np.int16)
    return Torso(empty, empty.astype(np.uint8), centres, numbers)


def peak(level: str, z_mm: float) -> Peak:
    log = np.full((1, len(LEVELS)), -6.0)
    log[0, LEVELS.index(level)] = 0.0
    return Peak(np.array([40.0, 40.0, z_mm]), 0.9, log)


def test_found_false_and_misnamed_points_are_told_apart() -> None:
    points = [peak("L2", 242.0), peak("L3", 210.0), peak("L4", 176.0), peak("L5", 140.0)]
    found = locate(points, torso("L1", "L2", "L3"), VOXEL_MM, 0.3, 2.0)
    assert (found.true, found.found, found.false, found.right) == (3, 3, 1, 0)
    assert found.distances_mm == pytest.approx((2.0, 2.0, 0.0))


def test_intervals_are_over_patients() -> None:
    good, bad = Located(10, 10, 10, 0, 10, (1.0,) * 10), Located(10, 10, 5, 5, 0, (5.0,) * 5)
    alike = localiser_figures([good] * 4, ["a", "b", "c", "d"])
    assert alike["identification_rate_interval"] == "1.000 to 1.000"
    mixed = localiser_figures([good, good, bad, bad], ["a", "a", "b", "b"])
    assert mixed["identification_rate"] == mixed["flawless_study_share"] == 0.5
    assert mixed["identification_rate_interval"] == "0.000 to 1.000"
    assert mixed["mean_distance_mm"] == pytest.approx((20 * 1 + 10 * 5) / 30, abs=1e-3)
    assert localiser_figures([good, bad], ["a", "a"])["found_share_interval"] == "not measurable"
