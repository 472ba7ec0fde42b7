"""Drawn spines are spaced as the real ones that the geometry file tells of."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

import inference
from inference.levels import LEVELS
from training.phantom.spines import draw_steps

GEOMETRY = json.loads((Path(inference.__file__).parent / "spine_geometry.json").read_text())


def test_the_geometry_names_every_pair_of_neighbours() -> None:
    assert list(GEOMETRY) == [f"{a}-{b}" for a, b in pairwise(LEVELS)]
    assert all(10 < pair["mean_mm"] < 40 and 0.5 < pair["sd_mm"] < 5 for pair in GEOMETRY.values())


def test_drawn_steps_are_as_long_as_real_ones() -> None:
    rng = np.random.default_rng(0)
    length = np.linalg.norm([draw_steps(rng) for _ in range(300)], axis=2)
    mean = np.array([pair["mean_mm"] for pair in GEOMETRY.values()])
    spread = np.array([pair["sd_mm"] for pair in GEOMETRY.values()])
    assert np.abs(length.mean(0) / mean - 1).max() < 0.05
    assert (length.std(0) / spread)[7:23].min() > 0.5
    assert (length.std(0) / spread)[7:23].max() < 1.5


def test_neighbouring_steps_of_one_spine_go_together() -> None:
    rng = np.random.default_rng(1)
    length = np.linalg.norm([draw_steps(rng) for _ in range(300)], axis=2)
    assert np.corrcoef(length[:, 20], length[:, 21])[0, 1] > 0.4
