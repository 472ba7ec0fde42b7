"""Figures against values worked out by hand."""

import numpy as np
import pytest

from training.evaluate import Graded, calibrate, choose_cuts
from training.metrics import auc, calibration_error


def test_auc_counts_the_pairs_in_the_right_order() -> None:
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == pytest.approx(0.75)


def test_calibration_error_is_zero_for_honest_and_large_for_boasting_probabilities() -> None:
    positive = np.array([False] * 50 + [True] * 50)
    assert calibration_error(np.full(100, 0.5), positive) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.95), positive) == pytest.approx(0.45)


def test_calibration_recovers_the_logistic_curve_the_truth_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    score, loss = rng.normal(0, 2, 20000), rng.uniform(0, 0.6, 20000)
    reached = rng.random(20000) < 1 / (1 + np.exp(-(1.5 * score + 6 * loss - 2)))
    graded = Graded(np.repeat(score[:, None], 3, 1), np.zeros((20000, 6, 2)), loss)
    fitted = calibrate(graded, (3 * reached).astype(np.uint8), np.full(20000, np.nan))
    assert fitted.slope[1] == pytest.approx(1.5, abs=0.1)
    assert fitted.bias[1] == pytest.approx(-2, abs=0.3)
    assert fitted.loss_half_width == 1.0


def test_the_interval_holds_nine_new_losses_in_ten() -> None:
    rng = np.random.default_rng(2)
    true = rng.uniform(0, 0.6, (2, 5000))
    measured = true + rng.normal(0, 0.03, true.shape)
    graded = Graded(np.zeros((5000, 3)), np.zeros((5000, 6, 2)), measured[0])
    half = calibrate(graded, rng.integers(0, 4, 5000).astype(np.uint8), true[0]).loss_half_width
    assert (np.abs(measured[1] - true[1]) <= half).mean() == pytest.approx(0.9, abs=0.015)


def test_cuts_keep_the_specificity_they_were_chosen_for() -> None:
    rng = np.random.default_rng(1)
    probability = np.sort(rng.uniform(0, 0.4, (5000, 3)), axis=1)[:, ::-1]
    mild, moderate, severe = choose_cuts(probability, np.zeros(5000, np.uint8))
    assert (probability[:, 0] < mild).mean() == pytest.approx(0.93, abs=0.01)
    assert (probability[:, 1] < moderate).mean() == pytest.approx(0.9966, abs=0.002)
    assert severe == 0.5
