"""Two bundles and case sets in; every figure of both, and where the new one is worse, out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from inference.bundle import Bundle
from training.casesets import CaseSet, load_set_crops, load_set_torsos
from training.errors import NotPromotedError
from training.evaluate import judge
from training.localising import localiser_figures, locate, torso_peaks
from training.metrics import FIGURES, REPLICATES, Judged, figures_of, measure
from training.samples import BoxFiles, Purpose, Torso, join_boxes
from training.sources import Sample, Sources, together
from training.wei2022.judging import judge_boxes
from training.wei2022.network import BoxGrader

GUARDED: Final[dict[str, str]] = {
    "specificity, grade 1 or more": "normal vertebrae called grade 1",
    "specificity, grade 2 or more": "vertebrae below grade 2 called grade 2",
    "recall, grade 1": "grade 1",
    "sensitivity, grade 2 or more": "grades 2 and 3",
    "recall, grade 2": "grade 2",
    "recall, grade 3": "grade 3",
}
"""What must not get worse, and how it is named to people."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both bundles; ``low`` and ``high`` bound the difference (paired bootstrap by patient)."""

    name: str
    current: float | None
    candidate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two bundles on the same data. ``localiser`` holds the localisers' figures, current and candidate."""

    vertebrae: int
    studies: int
    rows: tuple[Row, ...]
    localiser: tuple[dict[str, Any], dict[str, Any]] | None

    def worse(self, tolerance: float) -> list[str]:
        """What got worse by more than ``tolerance``, in words that name the grade."""
        found = []
        for row in self.rows:
            if row.name in GUARDED and row.current is not None and row.candidate is not None:
                lost = row.current - row.candidate
                if lost > tolerance + 1e-9:
                    found.append(
                        f"{GUARDED[row.name]}: {row.name} fell from {row.current:.3f} to {row.candidate:.3f}"
                    )
        return found + self._localiser_worse(tolerance)

    def _localiser_worse(self, tolerance: float) -> list[str]:
        if self.localiser is None:
            return []
        current, candidate = self.localiser
        true = max(1, current["vertebrae"])
        found = []
        if (current["found"] - candidate["found"]) / true > tolerance:
            found.append(f"vertebrae found: {candidate['found']} of {true}, before {current['found']}")
        if (candidate["false_points"] - current["false_points"]) / true > tolerance:
            found.append(
                f"points that are no vertebra: {candidate['false_points']}, before {current['false_points']}"
            )
        return found


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures (value, low, high) of one bundle on one kind of crops."""

    data: str
    vertebrae: int
    patients: int
    figures: dict[str, dict[str, Any]]


def compare(
    current: Bundle, candidate: Bundle, sets: Sequence[CaseSet], purpose: Purpose = Purpose.VALIDATION
) -> Comparison:
    """Measure both bundles, each with its own calibration and cuts, on one split of the sets.

    Raises
    ------
    NotPromotedError : the sets hold no vertebra to compare on
    """
    samples = [
        Sample(one.data, *loaded)
        for one in sets
        for kind in ("crops", "virtual")
        if (loaded := load_set_crops(one, purpose, kind)) is not None
    ]
    if not samples:
        raise NotPromotedError(f"the case sets hold no {purpose.name.lower()} vertebra to compare on")
    sample = together(samples)
    both = [_judged(bundle, sample) for bundle in (current, candidate)]
    torsos = [pair for one in sets for pair in load_set_torsos(one, purpose)]
    localiser = (_localised(current, torsos), _localised(candidate, torsos)) if torsos else None
    rows = tuple(_rows(*both))
    return Comparison(len(both[0].true), len(np.unique(both[0].study)), rows, localiser)


def measure_bundle(bundle: Bundle, sets: Sequence[CaseSet], purposes: Sequence[Purpose]) -> list[Measured]:
    """Figures of one bundle on the crops of each set, real and virtual ones apart."""
    found = []
    for one in sets:
        for kind, words in (("crops", ""), ("virtual", ", virtual fractures")):
            loaded = [load_set_crops(one, purpose, kind) for purpose in purposes]
            samples = [Sample(one.data, *part) for part in loaded if part is not None]
            if samples:
                judged = _judged(bundle, together(samples))
                patients = len(np.unique(judged.patient))
                found.append(Measured(one.data + words, len(judged.true), patients, measure(judged)))
    return found


def measure_boxes(network: BoxGrader, sources: Sources, purposes: Sequence[Purpose]) -> list[Measured]:
    """Figures of the paper's network on the boxes of each set."""
    found: dict[str, list[BoxFiles]] = defaultdict(list)
    for purpose in purposes:
        for data, boxes in sources.boxes(purpose):
            found[data].append(boxes)
    judged = [(data, judge_boxes(network, join_boxes(parts))) for data, parts in found.items()]
    return [Measured(data, len(one.true), len(np.unique(one.patient)), measure(one)) for data, one in judged]


def _judged(bundle: Bundle, sample: Sample) -> Judged:
    card = bundle.card
    sample = _one_view_each(sample)
    return judge(bundle.grader, sample.crops, sample.patient, card.calibration, card.operating_point.grade)


def _one_view_each(sample: Sample) -> Sample:
    """The first, upright crop of every vertebra: training splits hold more, which must not count twice."""
    pairs = np.column_stack([sample.crops.spine, sample.crops.level])
    first = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
    return Sample(sample.data, sample.crops.taken(first), sample.patient[first])


def _rows(current: Judged, candidate: Judged) -> list[Row]:
    rng = np.random.default_rng(0)
    patients, owner = np.unique(current.patient, return_inverse=True)
    members = [np.flatnonzero(owner == number) for number in range(len(patients))]
    drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(REPLICATES // 2):
        again = np.concatenate([members[n] for n in rng.integers(len(members), size=len(members))])
        after = figures_of(candidate.taken(again))
        for name, was in figures_of(current.taken(again)).items():
            now = after[name]
            if was is not None and now is not None:
                drawn[name].append(now - was)
    before, after = figures_of(current), figures_of(candidate)
    rows = []
    for name in FIGURES:
        enough = len(drawn[name]) >= REPLICATES / 4 and len(patients) > 1
        low, high = np.quantile(drawn[name], [0.025, 0.975]) if enough else (None, None)
        rows.append(Row(name, before[name], after[name], low, high))
    return rows


def _localised(bundle: Bundle, torsos: list[tuple[Torso, str]]) -> dict[str, Any]:
    voxel_mm = bundle.localiser.shape.voxel_mm
    cuts = bundle.card.operating_point
    located = [
        locate(
            torso_peaks(bundle.localiser, torso, voxel_mm), torso, voxel_mm, cuts.centre,
            cuts.level_temperature,
        )
        for torso, _ in torsos
    ]  # fmt: skip
    return localiser_figures(located, [patient for _, patient in torsos])
