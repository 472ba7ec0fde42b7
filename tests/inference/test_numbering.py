"""Chains of points with known levels: named right, cleaned of what is no spine, or refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.levels import LEVELS
from inference.numbering import Peak, number_chain, spacing_mm


def level_log(level: int | None, certainty: float) -> np.ndarray:
    share = np.full(len(LEVELS), 1 / len(LEVELS))
    if level is not None:
        share *= 1 - certainty
        share[level] += certainty
    return np.array([np.log(share)])


def spine(first: int, last: int, rng: np.random.Generator, jitter: float, scale: float = 1.0) -> list[Peak]:
    height, peaks = 0.0, []
    for level in range(first, last + 1):
        centre = np.array([5 * np.sin(level / 5), 12 * np.sin(level / 4), height])
        centre += rng.normal(0, 20 * jitter, 3)
        peaks.append(Peak(centre, 0.8, level_log(level, 0.6)))
        if level < len(LEVELS) - 1:
            height -= scale * spacing_mm()[level]
    return peaks


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 22), st.integers(2, 24), st.integers(0, 2**32 - 1), st.floats(0.85, 1.15))
def test_any_run_of_levels_with_jittered_spacing_is_named_right(
    first: int, length: int, seed: int, scale: float
) -> None:
    last = min(24, first + length)
    chain = number_chain(spine(first, last, np.random.default_rng(seed), 0.05, scale), 0.3, 1.0)
    assert chain is not None
    assert chain.levels == tuple(range(first, last + 1))
    assert chain.confidence > 0.9


def test_a_missed_vertebra_leaves_a_gap_in_the_numbers() -> None:
    peaks = spine(10, 20, np.random.default_rng(0), 0.0)
    del peaks[4]
    chain = number_chain(peaks, 0.3, 1.0)
    assert chain is not None
    assert chain.levels == (10, 11, 12, 13, 15, 16, 17, 18, 19, 20)


def test_a_spine_that_leans_far_over_at_its_top_is_found_to_the_top() -> None:
    leans_degrees = [50, 50, 55, 60, 50, 30, 15, 5]
    place, peaks = np.zeros(3), []
    for level in range(LEVELS.index("T1"), LEVELS.index("L1") + 1):
        unsure = level < LEVELS.index("T6")
        certainty, named = (0.3, level - 1) if unsure else (0.6, level)
        peaks.append(Peak(place, 0.35 if unsure else 0.6, level_log(named, certainty)))
        lean = np.radians(leans_degrees.pop(0) if leans_degrees else 10)
        place = place - spacing_mm()[level] * np.array([0.0, -np.sin(lean), np.cos(lean)])
    chain = number_chain(peaks, 0.3, 1.0)
    assert chain is not None
    assert [LEVELS[level] for level in chain.levels][:3] == ["T1", "T2", "T3"]


def test_where_two_looks_name_the_levels_differently_no_numbering_is_certain() -> None:
    points = [
        Peak(peak.centre_mm, peak.score, np.concatenate([peak.level_log, level_log(level + 1, 0.6)]))
        for level, peak in enumerate(spine(8, 16, np.random.default_rng(0), 0.0), start=8)
    ]
    chain = number_chain(points, 0.3, 1.0)
    assert chain is not None
    assert chain.confidence < 0.7


def test_only_what_is_surely_thoracic_or_lumbar_is_surely_graded() -> None:
    chain = number_chain(spine(21, 24, np.random.default_rng(0), 0.0), 0.3, 1.0)
    assert chain is not None
    assert chain.graded[-1] < 0.1
    assert min(chain.graded[:-1]) > 0.9
    unclear = [Peak(peak.centre_mm, peak.score, level_log(None, 0)) for peak in chain.peaks]
    chain = number_chain(unclear, 0.3, 1.0)
    assert chain is not None
    assert 0.5 < chain.graded[-1] < 0.9


def test_points_beside_the_spine_are_left_out() -> None:
    peaks = spine(17, 24, np.random.default_rng(0), 0.0)
    lowest = peaks[-1].centre_mm
    femurs = [Peak(lowest + np.array([x, 0, -110.0]), 0.7, level_log(None, 0)) for x in (-95, 95)]
    chain = number_chain([*peaks, *femurs], 0.3, 1.0)
    assert chain is not None
    assert chain.levels == tuple(range(17, 25))


def test_without_level_evidence_the_numbering_is_uncertain() -> None:
    peaks = [
        Peak(peak.centre_mm, peak.score, level_log(None, 0))
        for peak in spine(10, 13, np.random.default_rng(0), 0.0)
    ]
    chain = number_chain(peaks, 0.3, 1.0)
    assert chain is not None
    assert chain.confidence < 0.5


def test_scattered_weak_points_are_no_spine() -> None:
    rng = np.random.default_rng(3)
    points = [Peak(rng.uniform(-100, 100, 3), 0.1, level_log(None, 0)) for _ in range(4)]
    assert number_chain(points, 0.3, 1.0) is None


def test_one_point_is_no_spine() -> None:
    assert number_chain([Peak(np.zeros(3), 0.9, level_log(3, 0.9))], 0.3, 1.0) is None
    assert number_chain([], 0.3, 1.0) is None


@pytest.mark.parametrize(("first", "after"), [("T9", "L5"), ("T6", "T12")])
def test_one_vertebra_more_than_usual_leaves_the_numbering_unknown(first: str, after: str) -> None:
    """Ribs name the upper vertebrae, the sacrum the lower ones, and there is one too many in between."""
    start, extra = LEVELS.index(first), LEVELS.index(after)
    peaks = spine(start, 24, np.random.default_rng(0), 0.0)
    step = np.array([0.0, 0.0, spacing_mm()[extra - 1]])
    above = [Peak(peak.centre_mm + step, peak.score, peak.level_log) for peak in peaks[: extra - start + 1]]
    middle = Peak(peaks[extra - start].centre_mm, 0.8, level_log(None, 0))
    chain = number_chain([*above, middle, *peaks[extra - start + 1 :]], 0.3, 2.0)
    assert chain is not None
    assert len(chain.peaks) == 24 - start + 2
    assert chain.confidence < 0.5
    assert min(chain.graded[:-1]) > 0.9


@pytest.mark.parametrize(("lacking", "most"), [("T12", 0.5), ("L5", 0.85)])
def test_one_vertebra_fewer_than_usual_casts_doubt_on_the_numbering(lacking: str, most: float) -> None:
    """Ribs name the upper vertebrae, the sacrum the lower ones, and there is one too few in between.

    Where the sacrum alone contradicts nine ribbed or lumbar vertebrae, the usual numbering stays likelier.
    """
    gone = LEVELS.index(lacking)
    peaks = spine(14, 24, np.random.default_rng(0), 0.0)
    step = np.array([0.0, 0.0, spacing_mm()[gone - 1]])
    above = [Peak(peak.centre_mm - step, peak.score, peak.level_log) for peak in peaks[: gone - 14]]
    chain = number_chain([*above, *peaks[gone - 14 + 1 :]], 0.3, 2.0)
    assert chain is not None
    assert len(chain.peaks) == 10
    assert chain.confidence < most


def test_a_usual_spine_is_not_doubted_for_rare_ones() -> None:
    chain = number_chain(spine(15, 24, np.random.default_rng(0), 0.05), 0.3, 2.0)
    assert chain is not None
    assert chain.levels == tuple(range(15, 25))
    assert chain.confidence > 0.95
