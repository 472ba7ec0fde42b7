"""Judged vertebrae and training logs in, PNG pictures out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.crops import CROP
from inference.levels import LEVELS
from training.metrics import Judged, confusion
from training.samples import Crops

GRADES = ("normal", "mild", "moderate", "severe")
WORST = 24
"""Mistakes that are shown as pictures."""


def curves(log: Path, target: Path) -> bool:
    """Losses and validation figures over the steps; False where there is no log."""
    if not log.is_file():
        return False
    entries: dict[int, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        entries[values.pop("step")] = values  # a resumed run repeats steps: the later line counts
    names = sorted({name for values in entries.values() for name in values})
    if not names:
        return False
    figure = Figure(figsize=(10, 2.4 * ((len(names) + 2) // 3)), layout="constrained")
    axes = figure.subplots((len(names) + 2) // 3, 3, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        steps = [step for step in sorted(entries) if name in entries[step]]
        axis.plot(steps, [entries[step][name] for step in steps], linewidth=1)
        axis.set_title(name, fontsize=9)
        axis.grid(alpha=0.3)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    return _saved(figure, target)


def confusion_matrix(judged: Judged, target: Path) -> bool:
    """Counts of true by found grade, coloured by share of the true grade."""
    table = confusion(judged.true, judged.found)
    share = table / np.maximum(1, table.sum(1, keepdims=True))
    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for true in range(4):
        for found in range(4):
            colour = "white" if share[true, found] > 0.5 else "black"
            axis.text(found, true, f"{table[true, found]}", ha="center", va="center", color=colour)
    axis.set_xticks(range(4), GRADES)
    axis.set_yticks(range(4), GRADES)
    axis.set_xlabel("found")
    axis.set_ylabel("true")
    return _saved(figure, target)


def roc(judged: Judged, target: Path) -> bool:
    """ROC curves for grade 1 and 2 or more; False where one side is empty."""
    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    axis = figure.subplots()
    drawn = False
    for grade in (1, 2):
        positive = judged.true >= grade
        if positive.any() and not positive.all():
            axis.plot(*_roc(judged.probability[:, grade - 1], positive), label=f"grade {grade} or more")
            drawn = True
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axis.set_xlabel("1 - specificity")
    axis.set_ylabel("sensitivity")
    if drawn:
        axis.legend(loc="lower right", fontsize=8)
    return drawn and _saved(figure, target)


def _roc(
    score: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(-score, kind="stable")
    hits, false = np.cumsum(positive[order]), np.cumsum(~positive[order])
    return np.insert(false / false[-1], 0, 0.0), np.insert(hits / hits[-1], 0, 0.0)


def reliability(judged: Judged, target: Path) -> bool:
    """Share that is true against the probability that was given, in ten bins."""
    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    axis = figure.subplots()
    for grade in (1, 2):
        probability, positive = judged.probability[:, grade - 1], judged.true >= grade
        bins = np.minimum((probability * 10).astype(int), 9)
        present = sorted(set(bins))
        axis.plot(
            [probability[bins == b].mean() for b in present],
            [positive[bins == b].mean() for b in present],
            marker="o", markersize=3, label=f"grade {grade} or more",
        )  # fmt: skip
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axis.set_xlabel("probability given")
    axis.set_ylabel("share that is true")
    axis.legend(fontsize=8)
    return _saved(figure, target)


def mistakes(judged: Judged, crops: Crops, target: Path) -> bool:
    """The worst mistakes as mid-sagittal pictures; ``crops`` are those judged, in the same order."""
    off = np.abs(judged.found - judged.true)
    surprise = 1 - _given(judged)
    worst = [int(n) for n in np.lexsort((-surprise, -off)) if off[n]][:WORST]
    if not worst:
        return False
    columns = 8
    rows = -(-len(worst) // columns)
    figure = Figure(figsize=(1.6 * columns, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, number in zip(axes, worst, strict=False):
        axis.imshow(crops.hu[number, CROP.slices // 2], cmap="gray", vmin=-150, vmax=750)
        points = crops.points[number]
        if np.isfinite(points).all():
            axis.plot(points[:, 1], points[:, 0], "r.", markersize=3)
        axis.set_title(_caption(judged, crops, number), fontsize=6)
    return _saved(figure, target)


def _given(judged: Judged) -> NDArray[np.float64]:
    """Probability that was given to what is true."""
    bounds = np.column_stack([np.ones(len(judged.true)), judged.probability, np.zeros(len(judged.true))])
    rows = np.arange(len(judged.true))
    return np.asarray(bounds[rows, judged.true] - bounds[rows, judged.true + 1])


def _caption(judged: Judged, crops: Crops, number: int) -> str:
    loss = judged.true_loss[number]
    true_loss = "" if np.isnan(loss) else f" {100 * loss:.0f} %"
    return (
        f"{LEVELS[crops.level[number]]} true {judged.true[number]}{true_loss}\n"
        f"found {judged.found[number]} {100 * judged.found_loss[number]:.0f} %"
        f" p2 {judged.probability[number, 1]:.2f}"
    )


def _saved(figure: Any, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)
    return True
