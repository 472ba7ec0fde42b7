"""From maps to points, and from real volumes to vertebrae."""

import numpy as np
import pytest
import torch

from inference.levels import LEVELS
from inference.model import Localiser, LocaliserShape
from inference.spine import SpineMaps, coarse_grid, coarse_hu, draw_maps, find_peaks
from inference.volume import Volume

AFFINE = np.array([[0, 0, 4.0, -50], [0, 4.0, 0, -60], [4.0, 0, 0, 100], [0, 0, 0, 1.0]])


def maps_with(*centres: tuple[float, float, float]) -> SpineMaps:
    z, y, x = np.indices((40, 30, 30))
    heat = np.zeros(z.shape, np.float32)
    for cz, cy, cx in centres:
        heat = np.maximum(heat, np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 3.1)).astype(
            np.float32
        )
    level = np.full((2, len(LEVELS), *(size // 2 for size in heat.shape)), -3.0, np.float32)
    return SpineMaps(heat, heat, level, AFFINE)


def test_a_peak_is_placed_between_voxels() -> None:
    (peak,) = find_peaks(maps_with((20.3, 14.7, 10.0)))
    expected = AFFINE[:3, :3] @ [20.3, 14.7, 10.0] + AFFINE[:3, 3]
    assert peak.centre_mm == pytest.approx(expected, abs=1.0)
    assert peak.level_log == pytest.approx(np.full((2, len(LEVELS)), -3.0))


def test_every_separate_maximum_is_a_peak_and_noise_below_the_least_is_not() -> None:
    maps = maps_with((5, 15, 15), (13, 15, 15), (21, 15, 15))
    assert len(find_peaks(maps)) == 3
    assert find_peaks(maps, least=1.5) == []


def test_the_coarse_grid_covers_a_sheared_volume_and_keeps_places() -> None:
    voxels = np.full((40, 50, 60), -1024, np.int16)
    voxels[20:23, 24:28, 28:32] = 1000
    affine = np.array([[0, 0, 2.0, 7], [0.8, 2.0, 0, -9], [3.0, 0, 0, 11], [0, 0, 0, 1.0]])
    volume = Volume(voxels, affine, 3.0)
    looks, coarse = coarse_hu(volume, 4.0)
    grid = coarse_grid(volume, 4.0)
    assert len(looks) == 2
    for hu in looks:
        assert hu.shape == grid.shape
        weight = (hu.astype(float) + 1024) * (hu > -900)
        index = [(axis * weight).sum() / weight.sum() for axis in np.indices(hu.shape)]
        found = coarse[:3, :3] @ index + coarse[:3, 3]
        assert found == pytest.approx(affine[:3, :3] @ [21, 25.5, 29.5] + affine[:3, 3], abs=1.0)


def test_a_volume_as_coarse_as_the_grid_is_looked_at_once() -> None:
    volume = Volume(np.zeros((10, 10, 10), np.int16), np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]] * 5, 5.0)
    looks, _ = coarse_hu(volume, 4.0)
    assert len(looks) == 1


def test_left_and_right_make_no_difference_to_the_maps() -> None:
    torch.manual_seed(0)
    localiser = Localiser(LocaliserShape(4.0, (4, 8, 8))).eval()
    hu = np.random.default_rng(0).integers(-200, 600, (8, 12, 16)).astype(np.int16)
    maps, reversed_ = draw_maps([hu], AFFINE, localiser), draw_maps([hu[..., ::-1]], AFFINE, localiser)
    assert reversed_.centre[..., ::-1] == pytest.approx(maps.centre, abs=1e-6)
    assert reversed_.body[..., ::-1] == pytest.approx(maps.body, abs=1e-6)
    assert maps.level_log.shape == (2, len(LEVELS), 4, 6, 8)
