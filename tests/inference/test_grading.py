"""What is graded, what is refused and why, and how outputs become probabilities and grades."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from inference.bundle import Bundle
from inference.card import GradeCalibration
from inference.crops import CROP
from inference.findings import Grade, VertebraFinding
from inference.grading import along_points, grade_of, grade_vertebrae, probabilities, trabecular_hu
from inference.spine import LocatedVertebra, as_point, find_vertebrae
from inference.volume import Volume
from training.phantom import SceneKind, SceneOptions, draw_scene, grid_over, render

IDENTITY = GradeCalibration((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.05)


@given(st.tuples(*[st.floats(-20, 20)] * 3), st.floats(0, 1), st.tuples(*[st.floats(-5, 5)] * 3))
def test_probabilities_never_rise_with_the_grade(
    ordinal: tuple[float, float, float], loss: float, bias: tuple[float, float, float]
) -> None:
    found = probabilities(np.array(ordinal), loss, GradeCalibration((1, 1, 1), (0, 5, 9), bias, 0.05))
    assert 0 <= found[2] <= found[1] <= found[0] <= 1


def test_a_calibrated_probability_equals_the_hand_worked_value() -> None:
    calibration = GradeCalibration((2.0, 1.0, 1.0), (10.0, 0.0, 0.0), (-3.0, 0.0, 0.0), 0.05)
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


@given(st.floats(-24, 24))
def test_the_frame_turns_with_the_six_points(degrees: float) -> None:
    angle = np.radians(degrees)
    back, up = np.array([0, np.cos(angle), np.sin(angle)]), np.array([0, -np.sin(angle), np.cos(angle)])
    points = np.array([a * 12 * back + h * 11 * up for a in (-1, 0, 1) for h in (1, -1)])
    turned = along_points(np.eye(3), points)
    assert turned == pytest.approx(np.stack([[1, 0, 0], back, up]), abs=1e-9)


@cache
def drawn(highest: str, lowest: str, seed: int) -> tuple[Volume, tuple[LocatedVertebra, ...]]:
    """A spine without fractures, and where its vertebrae are."""
    options = SceneOptions(kind=SceneKind.SPINE, levels=(highest, lowest), fracture_share=0.0)
    scene = draw_scene(options, np.random.default_rng(seed))
    assert scene.spine_bounds_lps_mm is not None
    grid = grid_over(scene.spine_bounds_lps_mm, (1.5, 1.0, 1.0))
    located = (LocatedVertebra(t.level, 0.9, 1.0, t.centre_lps_mm, np.asarray(t.axes)) for t in scene.truths)
    return Volume(render(scene, grid), grid.affine, 1.5), tuple(located)


def up_to(volume: Volume, top: int) -> Volume:
    """Its lowest slices alone."""
    return Volume(volume.voxels[:top].copy(), volume.affine, 1.5)


def lumbar_spine() -> tuple[Volume, list[LocatedVertebra]]:
    volume, located = drawn("T12", "S1", 5)
    return volume, [v for v in located if v.level in {"L1", "L2", "L3", "L4", "L5", "S1"}]


def test_the_sacrum_gives_no_finding_and_every_other_vertebra_one(bundle: Bundle) -> None:
    volume, located = lumbar_spine()
    findings = grade_vertebrae(volume, located, bundle)
    assert [finding.level for finding in findings] == ["L1", "L2", "L3", "L4", "L5"]
    assert all(finding.assessment for finding in findings)
    for finding in findings:
        assert finding.assessment is not None
        assert 10 < finding.assessment.heights.posterior_mm < 40


def test_a_measured_vertebra_lies_where_its_six_points_do(bundle: Bundle) -> None:
    """However far off the localiser put it."""
    volume, located = lumbar_spine()
    off = [replace(v, centre_lps_mm=as_point(np.add(v.centre_lps_mm, (0, 3, 6)))) for v in located]
    for true, finding in zip(located, grade_vertebrae(volume, off, bundle), strict=False):
        assert np.linalg.norm(np.subtract(finding.centre_lps_mm, true.centre_lps_mm)) < 3


def test_a_vertebra_cut_by_the_scan_is_named_and_not_graded(bundle: Bundle) -> None:
    volume, located = lumbar_spine()
    top = volume.to_index(np.array(located[1].centre_lps_mm))[0]
    cut = up_to(volume, int(top) + 4)
    findings = {finding.level: finding for finding in grade_vertebrae(cut, located, bundle)}
    assert findings["L1"].not_assessed == "cut by the edge of the images"
    assert findings["L2"].not_assessed == "cut by the edge of the images"
    assert findings["L4"].assessment is not None


@pytest.mark.parametrize("shown_mm", [4, 6])
def test_the_lower_half_of_a_vertebra_is_not_taken_for_a_crushed_one(bundle: Bundle, shown_mm: int) -> None:
    """Without its neighbours' heights this one is a Genant 3: half of T7, its upper end cut away."""
    whole, located = drawn("T6", "L1", 20416)
    shown = [v for v in located if v.level in {"T7", "T8", "T9", "T10", "T11"}]
    top = whole.to_index(np.array(shown[0].centre_lps_mm))[0] + shown_mm / 1.5
    volume = up_to(whole, int(top))
    first, *others = grade_vertebrae(volume, shown, bundle)
    assert first.not_assessed == "cut by the edge of the images"
    assert all(finding.assessment for finding in others)


def test_what_has_no_number_and_may_be_the_sacrum_is_not_graded(bundle: Bundle) -> None:
    volume, located = lumbar_spine()
    nameless = [replace(vertebra, level=None) for vertebra in located]
    nameless[-1] = replace(nameless[-1], graded_probability=0.5)
    *others, lowest = grade_vertebrae(volume, nameless, bundle)
    assert all(finding.assessment for finding in others)
    assert lowest.not_assessed == "may be part of the sacrum or of the neck"


def test_slices_too_far_apart_are_the_reason(bundle: Bundle) -> None:
    volume, located = lumbar_spine()
    affine = volume.affine.copy()
    affine[:3, 0] *= 5
    sparse = Volume(volume.voxels[::5].copy(), affine, 7.5)
    findings = grade_vertebrae(sparse, located, bundle)
    assert {finding.not_assessed for finding in findings} == {"slices 7.5 mm apart"}


def nifti(path: Path) -> Volume:
    """A NIfTI file as a volume; slices run to the head."""
    image = sitk.DICOMOrient(sitk.ReadImage(str(path), sitk.sitkFloat32), "LPS")
    x, y, z = image.GetSpacing()
    affine = np.array([[0, 0, x, 0], [0, y, 0, 0], [z, 0, 0, 0], [0, 0, 0, 1.0]])
    affine[:3, 3] = image.GetOrigin()
    voxels = np.clip(np.rint(sitk.GetArrayFromImage(image)), -1024, 3071).astype(np.int16)
    return Volume(voxels, affine, z)


def findings_of(path: Path, bundle: Bundle) -> dict[str | None, VertebraFinding]:
    volume = nifti(path)
    return {
        finding.level: finding for finding in grade_vertebrae(volume, find_vertebrae(volume, bundle), bundle)
    }


@pytest.mark.real_data
def test_the_real_moderate_fracture_is_flagged_at_its_level_and_no_neighbour_is(
    real_data: Path, bundle: Bundle
) -> None:
    findings = findings_of(real_data / "labelled/verse19/sub-verse008_ct.nii.gz", bundle)
    fractured = findings["L2"].assessment
    assert fractured is not None
    assert fractured.grade >= Grade.MODERATE
    assert fractured.height_loss_percent > 20
    for level in ("T12", "L1", "L3", "L4"):
        assessment = findings[level].assessment
        assert assessment is None or assessment.grade < Grade.MODERATE


@pytest.mark.real_data
def test_a_real_lumbar_spine_is_numbered_right_and_not_flagged(real_data: Path, bundle: Bundle) -> None:
    findings = findings_of(real_data / "labelled/verse19/sub-verse005_ct.nii.gz", bundle)
    assert {"L2", "L3", "L4"} <= set(findings)
    for finding in findings.values():
        assert finding.assessment is None or finding.assessment.grade < Grade.MODERATE
