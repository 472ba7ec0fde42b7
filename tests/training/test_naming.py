"""How far a numbering can be trusted is fitted to whole torsos and to close views of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.naming import (
    VIEW_VERTEBRAE,
    Numbered,
    close_views,
    level_confidence,
    naming_figures,
)
from training.samples import Torso


@pytest.fixture
def torso() -> Torso:
    """Ten vertebrae, 28 mm apart, one voxel of body at each centre."""
    hu, body = np.zeros((90, 60, 70), np.int16), np.zeros((90, 60, 70), np.uint8)
    centres = np.array([(80 - 7 * n, 30 + n % 3, 35) for n in range(10)], np.float32)
    levels = np.arange(12, 22, dtype=np.uint8)
    for (z, y, x), level in zip(centres.astype(int), levels, strict=True):
        body[z, y, x] = level + 1
    return Torso(hu, body, centres, levels)


def test_a_close_view_shows_a_few_neighbours_where_they_were(torso: Torso) -> None:
    for seed in range(30):
        (view,) = close_views([torso], 4.0, np.random.default_rng(seed))
        assert VIEW_VERTEBRAE[0] <= len(view.levels)
        assert list(view.levels) == list(range(view.levels[0], view.levels[-1] + 1))
        assert view.hu.shape == view.body.shape
        assert view.hu.shape[2] * 4 <= 180
        for centre, level in zip(view.centres.astype(int), view.levels, strict=True):
            assert view.body[tuple(centre)] == level + 1


def test_a_head_gives_no_close_view(torso: Torso) -> None:
    head = Torso(torso.hu, torso.body, torso.centres[:0], torso.levels[:0])
    assert close_views([head], 4.0, np.random.default_rng(0)) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_of_what_is_named_nineteen_in_twenty_are_right_or_nothing_is_named(
    trials: list[tuple[float, bool]],
) -> None:
    given_trials = [Numbered(confidence, 5, 5 if right else 4) for confidence, right in trials]
    least = level_confidence(given_trials)
    assert least >= 0.5
    figures = naming_figures(given_trials, least)
    tied = any(abs(confidence - least) < 2e-3 for confidence, _ in trials)
    if figures["views_named"] and least < 1 and not tied:
        assert figures["views_named_right"] >= 0.95 * figures["views_named"]


def test_one_wrong_name_among_sure_ones_raises_the_confidence_that_is_asked_for() -> None:
    sure = [Numbered(0.9 + n / 1000, 5, 5) for n in range(30)]
    wrong = [Numbered(0.7, 5, 0) for _ in range(10)]
    assert level_confidence(sure + wrong) == pytest.approx(0.7, abs=0.2)
    assert naming_figures(sure + wrong, level_confidence(sure + wrong))["views_named_right"] == 30
