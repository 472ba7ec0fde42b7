"""Rendering: deterministic, on any grid the same, and bone lies where the label says."""

import numpy as np
import pytest

from inference.levels import LEVELS
from inference.volume import Grid, Volume, sample
from training.phantom import Scene, SceneKind, SceneOptions, body_mask, draw_scene, grid_over, render


@pytest.fixture(scope="module")
def scene() -> Scene:
    options = SceneOptions(SceneKind.SPINE, ("T12", "L2"), fracture_share=0.0, look_alike_share=0.0)
    return draw_scene(options, np.random.default_rng(12))


@pytest.fixture(scope="module")
def grid(scene: Scene) -> Grid:
    assert scene.spine_bounds_lps_mm is not None
    return grid_over(scene.spine_bounds_lps_mm, (2.0, 1.5, 1.5))


def test_the_same_scene_gives_the_same_voxels(scene: Scene, grid: Grid) -> None:
    assert (render(scene, grid) == render(scene, grid)).all()


def test_bodies_lie_where_the_mask_says(scene: Scene, grid: Grid) -> None:
    hu, mask = render(scene, grid), body_mask(scene, grid)
    for level in ("T12", "L1", "L2"):
        inside = mask == 1 + LEVELS.index(level)
        assert inside.sum() * 2.0 * 1.5 * 1.5 > 15_000
        assert np.median(hu[inside]) > np.median(hu[mask == 0]) + 20
        centre = scene.truths[LEVELS.index(level)].centre_lps_mm
        index = np.rint(np.linalg.inv(grid.affine) @ [*centre, 1])[:3].astype(int)
        assert inside[tuple(index)]


def test_a_turned_grid_shows_the_same_as_resampling_a_straight_one(scene: Scene, grid: Grid) -> None:
    truth = scene.truths[LEVELS.index("L1")]
    affine = np.eye(4)
    affine[:3, :3] = truth.axes[[2, 1, 0]].T * 1.5
    affine[:3, 3] = truth.centre_lps_mm - affine[:3, :3] @ [12, 14, 14]
    turned = Grid((24, 28, 28), affine)
    straight = sample(Volume(render(scene, grid), grid.affine, 2.0), turned)
    direct = render(scene, turned)
    assert np.corrcoef(straight.ravel(), direct.ravel())[0, 1] > 0.9
    assert abs(float(np.median(straight - direct))) < 15


def test_a_coarse_torso_holds_lung_bone_fat_and_air() -> None:
    scene = draw_scene(SceneOptions(SceneKind.TORSO, ("C6", "S1")), np.random.default_rng(13))
    grid = grid_over(scene.bounds_lps_mm, (6.0, 6.0, 6.0))
    hu = render(scene, grid)
    assert {int(level) for level in np.unique(body_mask(scene, grid))} >= set(range(8, 25))
    for low, high, least in ((-920, -780, 0.01), (-130, -70, 0.05), (20, 80, 0.1), (200, 3071, 0.005)):
        assert ((hu >= low) & (hu <= high)).mean() > least
    assert (hu <= -980).mean() > 0.03


def test_a_grid_outside_the_body_is_air(scene: Scene) -> None:
    affine = np.diag([3.0, 3.0, 3.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = [900, 900, 0]
    hu = render(scene, Grid((6, 6, 6), affine))
    assert (hu == -1000).all()
    assert not body_mask(scene, Grid((6, 6, 6), affine)).any()
