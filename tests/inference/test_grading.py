"""What is graded, what is refused and why, and how outputs become probabilities and grades."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.bundle import Bundle, load_bundle
from inference.card import GradeCalibration
from inference.crops import CROP
from inference.findings import Grade
from inference.grading import grade_of, grade_vertebrae, probabilities, trabecular_hu
from inference.spine import LocatedVertebra
from inference.volume import Volume
from training.phantom import SceneKind, SceneOptions, draw_scene, grid_over, render

IDENTITY = GradeCalibration((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


@given(st.tuples(*[st.floats(-20, 20)] * 3), st.floats(0, 1), st.tuples(*[st.floats(-5, 5)] * 3))
def test_probabilities_never_rise_with_the_grade(
    ordinal: tuple[float, float, float], loss: float, bias: tuple[float, float, float]
) -> None:
    found = probabilities(np.array(ordinal), loss, GradeCalibration((1, 1, 1), (0, 5, 9), bias))
    assert 0 <= found[2] <= found[1] <= found[0] <= 1


def test_a_calibrated_probability_equals_the_hand_worked_value() -> None:
    calibration = GradeCalibration((2.0, 1.0, 1.0), (10.0, 0.0, 0.0), (-3.0, 0.0, 0.0))
    found = probabilities(np.array([0.5, -1.0, -2.0]), 0.3, calibration)
    assert found[0] == pytest.approx(1 / (1 + np.exp(-(2 * 0.5 + 10 * 0.3 - 3))))
    assert found[1] == pytest.approx(1 / (1 + np.exp(1)))


def test_the_grade_is_the_highest_whose_cut_is_reached() -> None:
    cuts = (0.4, 0.5, 0.5)
    assert grade_of((0.39, 0.2, 0.1), cuts) is Grade.NORMAL
    assert grade_of((0.40, 0.2, 0.1), cuts) is Grade.MILD
    assert grade_of((0.90, 0.5, 0.1), cuts) is Grade.MODERATE
    assert grade_of((0.90, 0.8, 0.5), cuts) is Grade.SEVERE


def test_trabecular_hu_is_that_of_the_middle_of_the_body_not_of_its_shell() -> None:
    crop = np.full((CROP.slices, CROP.rows, CROP.columns), 40, np.int16)
    crop[2:11, 42:70, 22:58] = 900
    crop[3:10, 46:66, 26:54] = 130
    corners = np.array([[42, 24], [69, 24], [42, 40], [69, 40], [42, 56], [69, 56]], float)
    assert trabecular_hu(crop, corners) == pytest.approx(130, abs=25)
    flat = corners.copy()
    flat[:, 0] = 55
    assert trabecular_hu(crop, flat) is None


def scanned(last_slice: int | None = None) -> tuple[Volume, list[LocatedVertebra]]:
    scene = draw_scene(
        SceneOptions(kind=SceneKind.SPINE, levels=("T12", "S1"), fracture_share=0.0), np.random.default_rng(5)
    )
    assert scene.spine_bounds_lps_mm is not None
    grid = grid_over(scene.spine_bounds_lps_mm, (1.5, 1.0, 1.0))
    volume = Volume(render(scene, grid)[:last_slice].copy(), grid.affine, 1.5)
    shown = [truth for truth in scene.truths if truth.level in {"L1", "L2", "L3", "L4", "L5", "S1"}]
    return volume, [LocatedVertebra(t.level, 0.9, t.centre_lps_mm, np.asarray(t.axes)) for t in shown]


def test_the_sacrum_gives_no_finding_and_every_other_vertebra_one(bundle: Bundle) -> None:
    volume, located = scanned()
    findings = grade_vertebrae(volume, located, bundle)
    assert [finding.level for finding in findings] == ["L1", "L2", "L3", "L4", "L5"]
    assert all(finding.assessment for finding in findings)
    for finding in findings:
        assert finding.assessment is not None
        assert 10 < finding.assessment.heights.posterior_mm < 40


def test_a_vertebra_cut_by_the_scan_is_named_and_not_graded(bundle: Bundle) -> None:
    volume, located = scanned()
    top = volume.to_index(np.array(located[1].centre_lps_mm))[0]
    volume, located = scanned(last_slice=int(top) + 4)
    findings = {finding.level: finding for finding in grade_vertebrae(volume, located, bundle)}
    assert findings["L1"].not_assessed == "cut by the end of the scan"
    assert findings["L2"].not_assessed == "cut by the end of the scan"
    assert findings["L4"].assessment is not None


def test_slices_too_far_apart_are_the_reason(bundle: Bundle) -> None:
    volume, located = scanned()
    affine = volume.affine.copy()
    affine[:3, 0] *= 5
    sparse = Volume(volume.voxels[::5].copy(), affine, 7.5)
    findings = grade_vertebrae(sparse, located, bundle)
    assert {finding.not_assessed for finding in findings} == {"slices 7.5 mm apart"}
