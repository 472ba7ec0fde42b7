"""True and found grades with probabilities in, figures with bootstrap intervals by patient out.

Per vertebra and per study, in the terms of the literature. A figure that cannot be computed (no positive, no
negative) is None, never zero.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

REPLICATES: Final = 500
SPECIFICITY: Final = 0.99
"""Where the paper's headline reads its sensitivity."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """N vertebrae with what is true and what was found.

    Attributes
    ----------
    true, found : int (N,), grades 0-3
    probability : (N, 3), P(grade >= 1), P(>= 2), P(3)
    true_loss, found_loss : (N,), raw height loss 0-1; NaN in ``true_loss`` where it was not measured
    study : int (N,), which study each is of
    patient : (N,), whose it is: the unit of the bootstrap
    """

    true: NDArray[np.int64]
    found: NDArray[np.int64]
    probability: Array
    true_loss: Array
    found_loss: Array
    study: NDArray[np.int64]
    patient: NDArray[np.str_]

    def taken(self, rows: NDArray[np.int64]) -> "Judged":
        """The vertebrae at ``rows``."""
        return Judged(*(getattr(self, field.name)[rows] for field in fields(self)))


Figure = Callable[[Judged], float | None]


def measure(judged: Judged, replicates: int = REPLICATES, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Every figure as ``{"value", "low", "high"}``: 95 % percentile interval over patients drawn again."""
    rng = np.random.default_rng(seed)
    patients, owner = np.unique(judged.patient, return_inverse=True)
    rows = [np.flatnonzero(owner == number) for number in range(len(patients))]
    drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(replicates):
        again = judged.taken(np.concatenate([rows[n] for n in rng.integers(len(rows), size=len(rows))]))
        for name, value in figures_of(again).items():
            if value is not None:
                drawn[name].append(value)
    return {name: _interval(value, drawn[name], replicates) for name, value in figures_of(judged).items()}


def figures_of(judged: Judged) -> dict[str, float | None]:
    """Every figure's value, None where it cannot be computed."""
    studies = by_study(judged)
    each = {name: figure(judged) for name, figure in VERTEBRA_FIGURES.items()}
    return each | {name: figure(studies) for name, figure in STUDY_FIGURES.items()}


def _interval(value: float | None, drawn: list[float], replicates: int) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    if len(drawn) < max(1, replicates / 2):
        return {"value": round(value, 4), "low": None, "high": None}
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def sensitivity(judged: Judged, grade: int) -> float | None:
    """Share of the vertebrae of at least ``grade`` that were found as such."""
    return _share(judged.found[judged.true >= grade] >= grade)


def specificity(judged: Judged, grade: int) -> float | None:
    """Share of the vertebrae below ``grade`` that were not found as it."""
    return _share(judged.found[judged.true < grade] < grade)


def sensitivity_at(judged: Judged, grade: int, wanted: float = SPECIFICITY) -> float | None:
    """Sensitivity for ``grade`` and more at the threshold that leaves ``wanted`` specificity here."""
    score, positive = judged.probability[:, grade - 1], judged.true >= grade
    if not positive.any() or positive.all():
        return None
    return _share(score[positive] > np.quantile(score[~positive], wanted, method="higher"))


def macro_f1(judged: Judged) -> float | None:
    """Mean F1 of the four grades, over those that occur."""
    table = confusion(judged.true, judged.found)
    hit = np.diag(table)
    occurs = table.sum(1) > 0
    if not occurs.any():
        return None
    f1 = 2 * hit / np.maximum(1, table.sum(0) + table.sum(1))
    return float(f1[occurs].mean())


def auroc(judged: Judged, grade: int) -> float | None:
    """Area under the ROC curve for ``grade`` and more."""
    return auc(judged.probability[:, grade - 1], judged.true >= grade)


def quadratic_kappa(judged: Judged) -> float | None:
    """Cohen's kappa with quadratic weights over the four grades."""
    table = confusion(judged.true, judged.found).astype(np.float64)
    grades = np.arange(4)
    weight = (grades[:, None] - grades[None, :]) ** 2
    expected = np.outer(table.sum(1), table.sum(0)) / max(1.0, table.sum())
    chance = float((weight * expected).sum())
    return 1 - float((weight * table).sum()) / chance if chance else None


def loss_error(judged: Judged) -> float | None:
    """Mean absolute error of the raw height loss, in points (hundredths)."""
    known = np.isfinite(judged.true_loss)
    if not known.any():
        return None
    return float(100 * np.abs(judged.found_loss[known] - judged.true_loss[known]).mean())


def calibration(judged: Judged, grade: int) -> float | None:
    """Expected calibration error of P(>= grade) over ten equal bins."""
    return (
        calibration_error(judged.probability[:, grade - 1], judged.true >= grade)
        if len(judged.true)
        else None
    )


def by_study(judged: Judged) -> Judged:
    """One row a study: the highest true and found grade, the highest probabilities."""
    studies, first, owner = np.unique(judged.study, return_index=True, return_inverse=True)
    true, found = np.zeros((2, len(studies)), np.int64)
    probability = np.zeros((len(studies), 3))
    for highest, values in ((true, judged.true), (found, judged.found), (probability, judged.probability)):
        np.maximum.at(highest, owner, values)
    unknown = np.full(len(studies), np.nan)
    return Judged(true, found, probability, unknown, unknown, studies, judged.patient[first])


def confusion(true: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts (4, 4), true grade by found grade."""
    table = np.zeros((4, 4), np.int64)
    np.add.at(table, (true, found), 1)
    return table


def auc(score: Array, positive: Bools) -> float | None:
    """Area under the ROC curve (Mann-Whitney); None without positives or negatives."""
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return None
    return float((rankdata(score)[positive].sum() - count * (count + 1) / 2) / (count * others))


def calibration_error(probability: Array, positive: Bools) -> float:
    """Expected calibration error over ten equal bins."""
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [
        abs(probability[bins == b].mean() - positive[bins == b].mean()) * (bins == b).mean()
        for b in set(bins)
    ]
    return float(sum(gaps))


def _share(hits: Bools) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _recall(grade: int) -> Figure:
    return lambda judged: _share(judged.found[judged.true == grade] == grade)


def _of(figure: Callable[[Judged, int], float | None], grade: int) -> Figure:
    return lambda judged: figure(judged, grade)


VERTEBRA_FIGURES: Final[dict[str, Figure]] = {
    "sensitivity, grade 1 or more": _of(sensitivity, 1),
    "sensitivity, grade 2 or more": _of(sensitivity, 2),
    "specificity, grade 1 or more": _of(specificity, 1),
    "specificity, grade 2 or more": _of(specificity, 2),
    "sensitivity at 99 % specificity, grade 1 or more": _of(sensitivity_at, 1),
    "sensitivity at 99 % specificity, grade 2 or more": _of(sensitivity_at, 2),
    "macro-F1, four grades": macro_f1,
    "recall, grade 0": _recall(0),
    "recall, grade 1": _recall(1),
    "recall, grade 2": _recall(2),
    "recall, grade 3": _recall(3),
    "AUROC, grade 1 or more": _of(auroc, 1),
    "AUROC, grade 2 or more": _of(auroc, 2),
    "quadratic kappa": quadratic_kappa,
    "height loss error, points": loss_error,
    "calibration error, grade 1 or more": _of(calibration, 1),
    "calibration error, grade 2 or more": _of(calibration, 2),
}

STUDY_FIGURES: Final[dict[str, Figure]] = {
    "study sensitivity, grade 1 or more": _of(sensitivity, 1),
    "study sensitivity, grade 2 or more": _of(sensitivity, 2),
    "study specificity, grade 1 or more": _of(specificity, 1),
    "study specificity, grade 2 or more": _of(specificity, 2),
    "study sensitivity at 99 % specificity, grade 2 or more": _of(sensitivity_at, 2),
    "study macro-F1, highest grade": macro_f1,
    "study AUROC, grade 1 or more": _of(auroc, 1),
    "study AUROC, grade 2 or more": _of(auroc, 2),
    "study quadratic kappa, highest grade": quadratic_kappa,
    "study calibration error, grade 2 or more": _of(calibration, 2),
}

FIGURES: Final = (*VERTEBRA_FIGURES, *STUDY_FIGURES)
"""The figures by the names that tables, reports and cards use."""


def worded(figures: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Figures as a card holds them: value and interval in one text; without those that have no value."""
    return {name: interval_text(figure) for name, figure in figures.items() if figure["value"] is not None}


def interval_text(figure: dict[str, Any]) -> str:
    """A figure with its interval, as people read it."""
    if figure["value"] is None:
        return "not measurable"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
