"""Augmented samples stay true: what moves, moves with its truth."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.crops import CROP
from training.augment import _move, crop_batch, heat_map, torso_batch
from training.recipe import read_recipe
from training.samples import Crops, Torso


def test_height_points_move_with_the_picture() -> None:
    points = torch.tensor([[30.0, 20], [80, 20], [32, 40], [78, 41], [31, 60], [79, 59]])
    picture = torch.zeros(6, CROP.slices, CROP.rows, CROP.columns)
    row, column = torch.meshgrid(torch.arange(CROP.rows), torch.arange(CROP.columns), indexing="ij")
    for number, (y, x) in enumerate(points):
        picture[number] = torch.exp(-((row - y) ** 2 + (column - x) ** 2) / 8)
    moved, where = _move(picture, points[:, None].repeat(1, 6, 1), np.random.default_rng(4))
    for number in range(6):
        weight = moved[number, 0]
        found = [(weight * axis).sum() / weight.sum() for axis in (row, column)]
        assert torch.stack(found) == pytest.approx(where[number, 0], abs=0.3)


def test_a_batch_holds_the_grades_in_the_shares_asked_for() -> None:
    recipe = replace(read_recipe().grader, grade_shares=(0.0, 0.0, 0.0, 1.0))
    count = 8
    crops = Crops(
        np.zeros((count, CROP.slices, CROP.rows, CROP.columns), np.int16),
        np.full((count, 6, 2), 40, np.float32),
        (np.arange(count) % 4).astype(np.uint8),
        np.zeros(count, np.float32),
        np.zeros(count, np.uint8),
        np.zeros(count, np.int32),
        np.zeros(count, np.uint8),
    )
    batch = crop_batch(crops, recipe, np.random.default_rng(0))
    assert set(batch.grade.tolist()) == {3}
    assert batch.crops.shape == (recipe.schedule.batch, 2, CROP.slices, CROP.rows, CROP.columns)


def test_every_view_of_a_torso_keeps_centres_bodies_and_levels_together() -> None:
    recipe = read_recipe().localiser
    body = np.zeros((60, 40, 40), np.uint8)
    body[28:33, 18:23, 8:13] = 18
    hu = np.where(body > 0, 700, 0).astype(np.int16)
    torso = Torso(hu, body, np.array([[30, 20, 10]], np.float32), np.array([17], np.uint8))
    for seed in range(6):
        batch = torso_batch([torso], recipe, np.random.default_rng(seed))
        assert ((batch.level == 17) == (batch.body > 0)).all()
        bright = batch.volume[:, 0] > 0.35
        assert (bright & (batch.body > 0)).sum() >= 0.8 * batch.body.sum()
        for heat, mask in zip(batch.heat, batch.body, strict=True):
            if mask.sum() == 125:
                assert mask.flatten()[heat.argmax()] == 1


def test_the_heat_map_is_one_at_the_nearest_voxel_of_each_centre_within() -> None:
    heat = heat_map(np.array([[3.4, 2.0, 2.0], [50.0, 0, 0]]), np.array([8, 5, 5]), 1.25)
    assert heat[3, 2, 2] == 1
    assert (heat == 1).sum() == 1
