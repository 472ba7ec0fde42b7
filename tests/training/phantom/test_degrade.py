"""What a scanner adds is deterministic, as strong as asked, and within what CT values can be."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from training.phantom import Acquisition, degrade, draw_acquisition

PLAIN = Acquisition(1.0, 0.3, 0.0, 20.0, 0.7, ringing=False, circle=False, streaks=False)
WATER = np.zeros((12, 64, 64), np.int16)


def test_the_same_generator_gives_the_same_noise() -> None:
    first, second = (degrade(WATER, (1, 1, 1), PLAIN, np.random.default_rng(1)) for _ in range(2))
    assert (first == second).all()
    assert (first != degrade(WATER, (1, 1, 1), PLAIN, np.random.default_rng(2))).any()


@pytest.mark.parametrize("noise_hu", [3.0, 20.0, 60.0])
def test_noise_is_as_strong_as_asked(noise_hu: float) -> None:
    noisy = degrade(WATER, (1, 1, 1), replace(PLAIN, noise_hu=noise_hu), np.random.default_rng(1))
    assert noisy.std() == pytest.approx(noise_hu, rel=0.15)


def test_thick_slices_blur_along_the_slices_only() -> None:
    step = WATER.copy()
    step[6:] = 1000
    thick = degrade(step, (1, 1, 1), replace(PLAIN, thickness_mm=5.0, noise_hu=0.0), np.random.default_rng(1))
    assert 100 < thick[4, 32, 32] < 500
    assert thick[0].max() < 20


def test_metal_throws_streaks_only_where_they_are_asked_for() -> None:
    metal = WATER.copy()
    metal[:, 30:36, 30:34] = 3071
    quiet = replace(PLAIN, noise_hu=0.0)
    clean, streaked = (
        degrade(metal, (1, 1, 1), replace(quiet, streaks=streaks), np.random.default_rng(1))
        for streaks in (False, True)
    )
    away = np.ones_like(metal, dtype=bool)
    away[ndimage.binary_dilation(metal > 0, iterations=5)] = False
    assert np.abs(clean[away]).max() <= 1
    assert np.abs(streaked[away]).max() > 10


def test_values_stay_within_ct_numbers() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        acquisition = draw_acquisition(rng)
        air = np.full((6, 48, 48), -1000, np.int16)
        found = degrade(air, (1, 1, 1), acquisition, rng)
        assert found.min() >= (-1200 if acquisition.ringing else -1024)
        assert found.max() <= 3071
        assert 0.9 <= acquisition.thickness_mm <= 5.0
        assert 3 <= acquisition.noise_hu <= 60
