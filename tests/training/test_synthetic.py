"""Drawn samples are cut as screening cuts, carry true points, and are drawn once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.crops import CROP
from inference.levels import GRADED_LEVELS, LEVELS
from training.phantom import SceneKind, SceneOptions
from training.phantom.paint import UNNAMED
from training.recipe import Recipe, read_recipe
from training.samples import Purpose, load_crops, load_torsos
from training.synthetic import draw_crops, draw_spines, draw_torso, draw_torsos


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe()


def test_points_lie_on_the_end_plates_and_give_the_grade(recipe: Recipe) -> None:
    crops = draw_crops(
        SceneOptions(kind=SceneKind.SPINE, levels=("T10", "L4")), recipe.grader, np.random.default_rng(2)
    )
    assert len(crops) >= 4
    assert crops.hu.shape[1:] == (CROP.slices, CROP.rows, CROP.columns)
    assert {LEVELS[level] for level in crops.level} <= GRADED_LEVELS
    cuts = np.array([0.20, 0.25, 0.40])
    for hu, points, grade, loss in zip(crops.hu, crops.points, crops.grade, crops.raw_loss, strict=True):
        assert grade == (loss >= cuts).sum()
        assert (points[1::2, 0] > points[0::2, 0]).all()
        middle = points.mean(axis=0).round().astype(int)
        inside = hu[CROP.slices // 2, middle[0] - 2 : middle[0] + 3, middle[1] - 2 : middle[1] + 3].mean()
        assert inside > -200
    heights = np.linalg.norm(crops.points[:, 1::2] - crops.points[:, 0::2], axis=2)
    assert (heights > 3).all()
    assert (heights < 45).all()


def test_a_torso_names_the_bodies_it_shows(recipe: Recipe) -> None:
    for seed in range(4):
        torso = draw_torso(recipe.localiser.voxel_mm, np.random.default_rng(seed))
        assert torso.hu.shape == torso.body.shape
        for centre, level in zip(torso.centres, torso.levels, strict=True):
            place = tuple(np.clip(np.round(centre).astype(int), 0, np.array(torso.hu.shape) - 1))
            assert torso.body[place] in {0, UNNAMED if level == UNNAMED else level + 1}
        if not len(torso.levels):
            assert not torso.body.any()


def test_samples_are_drawn_once_and_purposes_do_not_share_them(recipe: Recipe, tmp_path: Path) -> None:
    draw_spines(recipe, Purpose.TRAINING, 1, tmp_path / "a", 1)
    first = next((tmp_path / "a").iterdir()).stat().st_mtime_ns
    draw_spines(recipe, Purpose.TRAINING, 1, tmp_path / "a", 1)
    assert next((tmp_path / "a").iterdir()).stat().st_mtime_ns == first
    draw_spines(recipe, Purpose.TEST, 1, tmp_path / "b", 1)
    assert not np.array_equal(load_crops(tmp_path / "a").points, load_crops(tmp_path / "b").points)


def test_cached_torsos_come_back_as_they_were_drawn(recipe: Recipe, tmp_path: Path) -> None:
    small = replace(recipe, localiser=replace(recipe.localiser, voxel_mm=8.0))
    draw_torsos(small, Purpose.VALIDATION, 1, tmp_path, 1)
    (torso,) = load_torsos(tmp_path)
    again = draw_torso(8.0, np.random.default_rng((recipe.seed, 10 + Purpose.VALIDATION, 0)))
    assert np.array_equal(torso.hu, again.hu)
    assert np.array_equal(torso.centres, again.centres)
