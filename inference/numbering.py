"""Scored points in, one chain of vertebrae with their levels out.

A hidden Markov model over (point, level): points along one spine are consecutive levels; the distance and
direction of each step follow the geometry of real spines; the network's level scores name them. Points that
fit no chain (pelvis, femur, skull) are left out, and a point may be missing where the step is long enough.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from inference.levels import GRADED_LEVELS, LEVELS

Array = NDArray[np.float64]

LONGEST_STEP: Final = 3
"""Levels that one step of the chain may span: up to two vertebrae in a row may have been missed."""

GAP_LOG: Final = -4.0
"""Log-probability of each missed vertebra."""

STEP_SPREAD: Final = 0.12
"""Spread of a step's length over its expectation: size of the person, wedges, the points' error."""

TILT_SPREAD_DEGREES: Final = 25.0
"""Standard deviation of the angle between a step and the patient's long axis."""

LEVEL_DOUBT: Final = 0.2
"""Share of the points whose level scores are taken to say nothing: some wrong ones must not break a chain."""

LEAST_CHAIN: Final = 2
"""Fewer points than this are no spine."""


@dataclass(frozen=True, slots=True, eq=False)
class Peak:
    """One candidate: LPS centre in mm (3,), heat-map value 0-1, log-probability of each level (looks, 25)."""

    centre_mm: Array
    score: float
    level_log: Array


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One spine: its peaks cranial to caudal, their level indices, and the posterior of that numbering.

    ``graded`` is, for each peak, the posterior of all numberings in which it is of a level that is graded.
    """

    peaks: tuple[Peak, ...]
    levels: tuple[int, ...]
    confidence: float
    graded: tuple[float, ...]


@cache
def spacing_mm() -> tuple[float, ...]:
    """Mean distance between the centres of neighbouring bodies in real spines, C1-C2 first (24)."""
    geometry = json.loads(Path(__file__).with_name("spine_geometry.json").read_text(encoding="utf-8"))
    return tuple(float(geometry[f"{a}-{b}"]["mean_mm"]) for a, b in pairwise(LEVELS))


def number_chain(peaks: list[Peak], threshold: float, temperature: float) -> Chain | None:
    """Find the likeliest chain through ``peaks`` and its levels; None where there is no spine.

    ``threshold`` is the least heat-map value that speaks for a vertebra; ``temperature`` divides the
    log-probabilities of the numberings, because evidence from neighbours is not independent. Every look has
    its own posterior and their mean counts: where looks disagree no numbering is certain.
    """
    ordered = sorted(peaks, key=lambda peak: -peak.centre_mm[2])
    if not ordered:
        return None
    path = _best_path(ordered, threshold)
    if len(path) < LEAST_CHAIN:
        return None
    chosen = tuple(ordered[number] for number, _ in path)
    steps = np.array([level for _, level in path])
    shifts, scores = _numberings(chosen, steps)
    posterior = softmax(scores / temperature, axis=1).mean(axis=0)
    best = int(posterior.argmax())
    levels = tuple(int(level) for level in steps + shifts[best])
    is_graded = np.array([level in GRADED_LEVELS for level in LEVELS])
    graded = is_graded[steps + shifts[:, None]].T @ posterior
    return Chain(chosen, levels, float(posterior[best]), tuple(float(share) for share in graded))


def _best_path(peaks: list[Peak], threshold: float) -> list[tuple[int, int]]:
    """Viterbi: the (peak, level) pairs of the best chain, cranial to caudal."""
    states = (len(peaks), len(LEVELS))
    gain = np.array([_log_odds(peak.score) - _log_odds(threshold) for peak in peaks])
    named = np.array([_level_log(peak).mean(axis=0) for peak in peaks])
    own = gain[:, None] + 0.5 * (named + np.log(len(LEVELS)))
    best, before = own.copy(), np.full((*states, 2), -1)
    for later, peak in enumerate(peaks):
        for earlier in range(later):
            for span in range(1, LONGEST_STEP + 1):
                step = _step_log(peaks[earlier], peak, span)
                reached = best[earlier, :-span] + step + own[later, span:]
                better = np.flatnonzero(reached > best[later, span:]) + span
                best[later, better] = reached[better - span]
                before[later, better] = np.stack([np.full(len(better), earlier), better - span], 1)
    number, level = np.unravel_index(int(best.argmax()), states)
    if best[number, level] <= 0:
        return []
    path = [(int(number), int(level))]
    while before[path[-1]][0] >= 0:
        earlier_peak, earlier_level = before[path[-1]]
        path.append((int(earlier_peak), int(earlier_level)))
    return path[::-1]


def _step_log(upper: Peak, lower: Peak, span: int) -> Array:
    """Log-likelihood ratio of a step that spans ``span`` levels, by the level it starts from (25 - span,)."""
    difference = upper.centre_mm - lower.centre_mm
    length = float(np.linalg.norm(difference))
    expected = np.convolve(spacing_mm(), np.ones(span), "valid")
    misfit = (length / expected - 1) / STEP_SPREAD
    tilt = np.degrees(np.arccos(np.clip(difference[2] / max(length, 1e-6), -1, 1))) / TILT_SPREAD_DEGREES
    log = 2.0 - misfit**2 / 2 - tilt**2 / 2 + (span - 1) * GAP_LOG
    return np.asarray(np.maximum(log, -50.0))


def _numberings(chain: tuple[Peak, ...], levels: NDArray[np.int64]) -> tuple[Array, Array]:
    """All shifts of a chain's levels that stay within C1 to S1, and their log-scores by look."""
    shifts = np.arange(-levels.min(), len(LEVELS) - levels.max())
    level_logs = np.array([_level_log(peak) for peak in chain])
    scores = np.zeros((level_logs.shape[1], len(shifts)))
    for index, shift in enumerate(shifts):
        named = levels + shift
        scores[:, index] = level_logs[np.arange(len(chain)), :, named].sum(axis=0)
        for upper, lower, start, end in zip(chain, chain[1:], named, named[1:], strict=False):
            scores[:, index] += _step_log(upper, lower, int(end - start))[start]
    return shifts, scores


def _level_log(peak: Peak) -> Array:
    """The level scores (looks, 25) as a mixture with ignorance."""
    return np.asarray(np.log((1 - LEVEL_DOUBT) * np.exp(peak.level_log) + LEVEL_DOUBT / len(LEVELS)))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return float(np.log(bounded / (1 - bounded)))
