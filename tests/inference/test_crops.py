"""Crops follow the vertebra's frame: a known point lands where it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.crops import CROP, crop_affine, cut_crop, spine_axes, to_crop
from inference.volume import Volume


def tilted_axes(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    up = np.array([0.0, np.sin(angle), np.cos(angle)])
    left = np.array([1.0, 0.0, 0.0])
    return np.stack([left, np.cross(up, left), up])


@given(st.floats(-40, 40), st.floats(-15, 15), st.floats(-50, 50), st.floats(-30, 30))
def test_a_point_given_in_the_vertebras_frame_lands_at_that_pixel(
    tilt: float, left_mm: float, up_mm: float, back_mm: float
) -> None:
    axes, centre = tilted_axes(tilt), np.array([12.0, -40.0, 300.0])
    point = centre + left_mm * axes[0] + back_mm * axes[1] + up_mm * axes[2]
    found = to_crop(point, crop_affine(centre, axes))
    middle = (np.array([CROP.slices, CROP.rows, CROP.columns]) - 1) / 2
    assert found == pytest.approx(middle + np.array([left_mm / CROP.slice_mm, -up_mm, back_mm]), abs=1e-6)


def test_a_bright_voxel_shows_at_its_place_in_the_crop() -> None:
    voxels = np.zeros((100, 120, 90), np.int16)
    voxels[60:63, 40:43, 30:33] = 900
    affine = np.diag([1.5, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    volume = Volume(voxels, affine, 1.5)
    axes, centre = tilted_axes(20.0), np.array([34.0, 47.0, 80.0])
    crop = cut_crop(volume, centre, axes)
    expected = to_crop(np.array([31.0, 41.0, 91.5]), crop_affine(centre, axes))
    assert crop.shape == (CROP.slices, CROP.rows, CROP.columns)
    weight = crop.clip(0).astype(float)
    found = [(np.indices(crop.shape)[axis] * weight).sum() / weight.sum() for axis in range(3)]
    assert found == pytest.approx(expected, abs=0.6)


def test_axes_follow_a_leaning_spine_and_stay_orthonormal() -> None:
    lean = np.array([0.1, 0.3, 1.0]) / np.linalg.norm([0.1, 0.3, 1.0])
    centres = np.array([-30.0 * step * lean for step in range(6)])
    for axes in spine_axes(centres):
        assert axes[2] == pytest.approx(lean, abs=1e-9)
        assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-9)
        assert np.linalg.det(axes) == pytest.approx(1.0)
        assert axes[0, 0] > 0.9
        assert axes[1, 1] > 0.8


def test_axes_follow_lordosis() -> None:
    angles = np.radians(np.linspace(-25, 25, 7))
    centres = 150 * np.stack([np.zeros(7), np.cos(angles), -np.sin(angles)], axis=1)
    for angle, axes in zip(angles, spine_axes(centres), strict=True):
        assert axes[2] == pytest.approx([0, np.sin(angle), np.cos(angle)], abs=0.02)


def test_a_lone_vertebra_stands_upright() -> None:
    assert spine_axes(np.zeros((1, 3)))[0] == pytest.approx(np.eye(3))
