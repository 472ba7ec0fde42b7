"""Scored points in, one chain of vertebrae with their levels out.

A hidden Markov model over (point, level): points along one spine are consecutive levels; the distance and
direction of each step follow the geometry of real spines; the network's level scores name them. Points that
fit no chain (pelvis, femur, skull) are left out, and a point may be missing where the step is long enough.

Some spines have a thirteenth thoracic or a sixth lumbar vertebra, which have no name here, and some have one
fewer. They are weighed against the usual numberings: where one of them is likely, no usual one is certain.
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

TILT_SPREAD_DEGREES: Final = 35.0
"""Spread of the angle between a step and the patient's long axis.

At C7 to T2 the root of its mean square is 28 to 32 degrees, and one step in twenty leans by more than 45
(2,116 spines, ImFusion VID key points); elsewhere it is less, and nothing is gained by saying so.
"""

LEVEL_DOUBT: Final = 0.2
"""Share of the points whose level scores are taken to say nothing: some wrong ones must not break a chain."""

EXTRA_VERTEBRAE: Final = (("T12", 0.01), ("L5", 0.04))
"""After which level a spine may have one more, and how many spines do (T13; L6, or a lumbar S1)."""

MISSING_VERTEBRAE: Final = (("T12", 0.02), ("L5", 0.05))
"""Which level a spine may lack, and how many spines do (eleven ribs; four lumbar vertebrae)."""

UNNAMED: Final = len(LEVELS)
"""Stands for the level of such a vertebra."""

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

    ``graded`` is, for each peak, the posterior of all numberings in which it is of a level that is graded, or
    is one more of that kind.
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
    steps = _consecutive([level for _, level in path])
    if steps.max() - steps.min() >= len(LEVELS):
        unknown = tuple(int(level) for level in np.clip(steps, 0, len(LEVELS) - 1))
        return Chain(chosen, unknown, 0.0, tuple(float(LEVELS[n] in GRADED_LEVELS) for n in unknown))
    numberings, prior = _numberings(steps)
    scores = np.array([_score(chosen, named, np.diff(steps)) for named in numberings]).T
    posterior = softmax(scores / temperature + np.log(prior), axis=1).mean(axis=0)
    usual = np.flatnonzero(prior == 1)
    best = max(usual, key=lambda number: float(posterior[number]))
    levels = tuple(int(level) for level in numberings[best])
    is_graded = np.array([*(level in GRADED_LEVELS for level in LEVELS), True])
    graded = is_graded[np.array(numberings)].T @ posterior
    return Chain(chosen, levels, float(posterior[best]), tuple(float(share) for share in graded))


def _best_path(peaks: list[Peak], threshold: float) -> list[tuple[int, int]]:
    """Viterbi: the (peak, level) pairs of the best chain, cranial to caudal.

    A vertebra more than usual repeats the level above it.
    """
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
            for after, share in EXTRA_VERTEBRAE:
                extra = LEVELS.index(after)
                again = best[earlier, extra] + _step_log(peaks[earlier], peak, 1)[extra] + np.log(share)
                if again + gain[later] > best[later, extra]:
                    best[later, extra], before[later, extra] = again + gain[later], (earlier, extra)
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


def _consecutive(levels: list[int]) -> NDArray[np.int64]:
    """A path's levels with each repeated one counted: those above it are named one higher."""
    counted = np.array(levels)
    for number in range(1, len(levels)):
        if levels[number] == levels[number - 1]:
            counted[:number] -= 1
    return counted


def _numberings(levels: NDArray[np.int64]) -> tuple[list[NDArray[np.int64]], Array]:
    """All shifts of a chain's levels within C1 to S1, each also with a vertebra more or fewer; their priors.

    A vertebra more is ``UNNAMED``; those above it are named one lower than without it. Where a vertebra is
    lacking, those below are named one lower. The usual numberings come first, with a prior of 1.
    """
    shifted = [levels + shift for shift in range(-int(levels.min()), len(LEVELS) - int(levels.max()))]
    found, prior = list(shifted), [1.0] * len(shifted)
    for after, share in EXTRA_VERTEBRAE:
        extra = LEVELS.index(after)
        for named in shifted:
            if named[0] < extra < named[-1] and extra in named:
                found.append(np.where(named == extra, UNNAMED, named + (named < extra)))
                prior.append(share)
    for lacking, share in MISSING_VERTEBRAE:
        level = LEVELS.index(lacking)
        for named in shifted:
            if named[0] < level <= named[-1] < len(LEVELS) - 1 and level in named:
                found.append(named + (named >= level))
                prior.append(share)
    return found, np.array(prior)


def _score(chain: tuple[Peak, ...], named: NDArray[np.int64], spans: NDArray[np.int64]) -> Array:
    """Log-score of one numbering, by look: level scores, and the steps, which span so many vertebrae."""
    known = named != UNNAMED
    logs = np.array([_level_log(peak) for peak in chain])
    ignorance = (~known).sum() * np.log(1 / len(LEVELS))
    score = logs[known, :, named[known]].sum(axis=0) + ignorance
    for upper, lower, start, end, span in zip(chain, chain[1:], named, named[1:], spans, strict=False):
        if UNNAMED not in (start, end):
            score = score + _step_log(upper, lower, int(span))[start]
        else:
            # Its neighbours are as far away as those of the level beside it.
            beside = min(int(start if end == UNNAMED else end), len(LEVELS) - 2)
            score = score + _step_log(upper, lower, 1)[beside]
    return np.asarray(score)


def _level_log(peak: Peak) -> Array:
    """The level scores (looks, 25) as a mixture with ignorance."""
    return np.asarray(np.log((1 - LEVEL_DOUBT) * np.exp(peak.level_log) + LEVEL_DOUBT / len(LEVELS)))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return float(np.log(bounded / (1 - bounded)))
