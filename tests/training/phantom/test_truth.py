"""Truths: measured, in grades' bounds, and the same as an independent measurement on the rendered mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.findings import Grade
from inference.levels import GRADED_LEVELS, LEVELS
from inference.volume import Grid
from training.phantom import Scene, SceneOptions, VertebraTruth, body_mask, draw_scene
from training.phantom.truth import grade_of

STEP_MM = 0.25


@pytest.mark.parametrize(
    ("loss", "grade"),
    [(0.0, 0), (0.1999, 0), (0.20, 1), (0.2499, 1), (0.25, 2), (0.3999, 2), (0.40, 3), (0.9, 3)],
)
def test_thresholds_are_half_open(loss: float, grade: int) -> None:
    assert grade_of(loss) == grade


@given(st.floats(-0.5, 1.0), st.floats(-0.5, 1.0))
def test_a_larger_loss_is_never_a_lower_grade(a: float, b: float) -> None:
    assert (a <= b) <= (grade_of(a) <= grade_of(b))


def test_every_truth_is_graded_by_its_own_measured_loss() -> None:
    truths = draw_scene(SceneOptions(), np.random.default_rng(1)).truths
    assert tuple(truth.level for truth in truths) == LEVELS
    for truth in truths:
        expected = grade_of(truth.raw_loss) if truth.level in GRADED_LEVELS else Grade.NORMAL
        assert truth.grade == expected
        assert (truth.deformity is None) == (truth.grade == Grade.NORMAL)


def test_height_points_are_as_far_apart_as_the_heights_say() -> None:
    for truth in draw_scene(SceneOptions(), np.random.default_rng(2)).truths[7:24]:
        points, heights = truth.height_points, truth.heights
        pairs = [
            (points.anterior_superior, points.anterior_inferior, heights.anterior_mm),
            (points.middle_superior, points.middle_inferior, heights.middle_mm),
            (points.posterior_superior, points.posterior_inferior, heights.posterior_mm),
        ]
        for above, below, height in pairs:
            apart = np.subtract(above, below)
            assert np.linalg.norm(apart) == pytest.approx(height, abs=1e-6)
            assert apart @ truth.axes[2] > 0
        forward = np.subtract(points.anterior_superior, points.posterior_superior)
        assert forward @ truth.axes[1] < -10


def test_measured_heights_equal_those_of_the_rendered_mask() -> None:
    errors = []
    for seed in range(3):
        scene = draw_scene(SceneOptions(look_alike_share=0.0), np.random.default_rng(seed))
        errors += [_mask_error(scene, truth) for truth in scene.truths if truth.level in GRADED_LEVELS]
    # A corner pushed into the canal moves what the mask takes for the posterior wall: rare, and only behind.
    worst = np.abs(errors)
    assert np.median(worst, axis=0).max() < 0.25
    assert (worst[:, :2] < 1.0).mean() > 0.95
    assert (worst[:, 2] < 1.0).mean() > 0.85


def _mask_error(scene: Scene, truth: VertebraTruth) -> list[float]:
    """Heights counted in the mid-sagittal section of the mask, less the truth's, mm."""
    size = 240
    affine = np.eye(4)
    affine[:3, :3] = truth.axes[[2, 1, 0]].T * STEP_MM
    affine[:3, 3] = truth.centre_lps_mm - affine[:3, :2].sum(1) * size / 2
    section = body_mask(scene, Grid((size, size, 1), affine))[:, :, 0] == 1 + LEVELS.index(truth.level)
    behind = np.flatnonzero(section.any(0))
    middle, half = (behind[0] + behind[-1]) / 2, (behind[-1] - behind[0] + 1) / 2
    counted = [section[:, round(middle + part * half)].sum() * STEP_MM for part in (-0.8, 0.0, 0.8)]
    own = truth.heights
    return list(np.subtract(counted, [own.anterior_mm, own.middle_mm, own.posterior_mm]))
