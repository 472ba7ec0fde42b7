import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from inference.volume import AIR_HU, Grid, Volume, sample, shrink


@st.composite
def affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Any orientation and spacing, sheared by a gantry tilt of up to 30 degrees."""
    turn = Rotation.from_euler(
        "zyx", [draw(st.floats(-180, 180)) for _ in range(3)], degrees=True
    ).as_matrix()
    tilt = math.radians(draw(st.floats(-30, 30)))
    affine = np.eye(4)
    affine[:3, 0] = turn @ (0.0, math.sin(tilt), math.cos(tilt))
    affine[:3, 1:3] = turn[:, 1::-1]
    affine[:3, :3] *= [draw(st.floats(0.5, 4)) for _ in range(3)]
    affine[:3, 3] = [draw(st.floats(-500, 500)) for _ in range(3)]
    return affine


def ramp(affine: NDArray[np.float64], shape: tuple[int, int, int], slope: NDArray[np.float64]) -> Volume:
    """A volume whose HU is a linear function of the place in the patient: 0 at its first voxel."""
    index = np.moveaxis(np.indices(shape), 0, -1).astype(float)
    hu = (index @ affine[:3, :3].T) @ slope
    return Volume(np.rint(hu).astype(np.int16), affine, 1.0)


def points(grid: Grid) -> NDArray[np.float64]:
    """The place of every point of a grid, LPS mm (slices, rows, columns, 3)."""
    index = np.moveaxis(np.indices(grid.shape), 0, -1).astype(np.float64)
    return np.asarray(index @ grid.affine[:3, :3].T + grid.affine[:3, 3], dtype=np.float64)


def expected(volume: Volume, grid: Grid, slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """The linear function at every point of a grid."""
    return np.asarray((points(grid) - volume.affine[:3, 3]) @ slope, dtype=np.float64)


SLOPE = np.array([31.0, -47.0, 59.0])


@given(affine=affines(), point=st.tuples(*[st.floats(-50, 50)] * 3))
def test_index_and_lps_are_inverse_to_each_other(
    affine: NDArray[np.float64], point: tuple[float, float, float]
) -> None:
    volume = Volume(np.zeros((2, 2, 2), np.int16), affine, 1.0)
    np.testing.assert_allclose(volume.to_index(volume.to_lps(np.array(point))), point, atol=1e-6)


@settings(deadline=None)
@given(affine=affines(), other=affines())
def test_sampling_a_sheared_volume_on_any_grid_keeps_every_point_in_its_place(
    affine: NDArray[np.float64], other: NDArray[np.float64]
) -> None:
    volume = ramp(affine, (12, 13, 14), SLOPE)
    centre = volume.to_lps(np.array([5.5, 6.0, 6.5]))
    grid_affine = other.copy()
    grid_affine[:3, :3] *= 0.3
    grid_affine[:3, 3] = centre - grid_affine[:3, :3] @ (1.5, 2.0, 2.5)
    grid = Grid((4, 5, 6), grid_affine)
    index = volume.to_index(points(grid))
    inside = ((index >= 0) & (index <= np.array(volume.voxels.shape) - 1)).all(axis=-1)
    difference = sample(volume, grid) - expected(volume, grid, SLOPE)
    assert np.abs(difference[inside]).max(initial=0) <= 1.01


def test_sampling_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    volume = Volume(rng.integers(-1000, 2000, (9, 10, 11)).astype(np.int16), np.diag([2.0, 1.0, 1.5, 1]), 2.0)
    grid_affine = np.diag([1.1, 0.7, 0.9, 1])
    grid_affine[:3, 3] = (0.5, 0.3, 0.2)
    grid = Grid((10, 9, 8), grid_affine)
    index = np.moveaxis(volume.to_index(points(grid)), -1, 0)
    theirs = map_coordinates(volume.voxels.astype(np.float64), index, order=1)
    np.testing.assert_allclose(sample(volume, grid), theirs, atol=0.51)


def test_sampling_a_volume_on_its_own_grid_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    affine = np.array(
        [[0.1, 0.2, 0.7, -200.3], [0.9, 0.7, -0.1, -59.7], [2.5, -0.3, 0.2, -679.8], [0, 0, 0, 1]]
    )
    volume = Volume(rng.integers(-1000, 2000, (7, 8, 9)).astype(np.int16), affine, 2.5)
    np.testing.assert_array_equal(sample(volume, Grid((7, 8, 9), affine)), volume.voxels)


def test_outside_the_volume_there_is_air() -> None:
    volume = Volume(np.full((4, 4, 4), 100, np.int16), np.eye(4), 1.0)
    far = np.eye(4)
    far[:3, 3] = 100
    assert (sample(volume, Grid((3, 3, 3), far)) == AIR_HU).all()
    near = np.eye(4)
    near[:3, 3] = -2
    sampled = sample(volume, Grid((8, 8, 8), near), fill_hu=-7)
    assert sampled[0, 0, 0] == -7
    assert sampled[2, 2, 2] == 100
    assert (sampled == 100).sum() == 64


@settings(deadline=None)
@given(
    affine=affines(),
    factors=st.tuples(*[st.integers(1, 4)] * 3),
    shape=st.tuples(*[st.integers(4, 11)] * 3),
)
def test_a_shrunken_volume_lies_where_the_whole_one_lay(
    affine: NDArray[np.float64], factors: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    volume = ramp(affine, shape, SLOPE)
    small = shrink(volume, factors)
    assert small.voxels.shape == tuple(size // factor for size, factor in zip(shape, factors, strict=True))
    own = Grid(small.voxels.shape, small.affine)
    np.testing.assert_allclose(small.voxels, expected(volume, own, SLOPE), atol=1.01)


def test_shrinking_averages_without_a_bias() -> None:
    rng = np.random.default_rng(5)
    voxels = rng.integers(-1000, 1000, (8, 8, 8)).astype(np.int16)
    small = shrink(Volume(voxels, np.eye(4), 1.0), (2, 2, 2)).voxels
    true = voxels.reshape(4, 2, 4, 2, 4, 2).mean(axis=(1, 3, 5))
    assert np.abs(small - true).max() <= 0.5
    assert abs(float((small - true).mean())) < 0.15


def test_spacing_is_the_length_of_each_step() -> None:
    affine = np.array([[0, 0, 0.8, 0], [1.5, 0.7, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1.0]])
    assert Volume(np.zeros((2, 2, 2), np.int16), affine, 1.0).spacing_mm == pytest.approx((2.5, 0.7, 0.8))


def test_a_volume_cannot_be_written_to() -> None:
    volume = Volume(np.zeros((2, 2, 2), np.int16), np.eye(4), 1.0)
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 1
