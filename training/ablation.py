"""Recipes and seeds in, one table of all of them on the same data and for the same number of steps out.

Each grader is fitted, calibrated and cut on validation, and measured on test. The recipe that wins is the one
with the best *validation* figure; the test figures are only shown. Finished fits are kept, so a stopped
ablation goes on.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.fit import fit_grader
from training.metrics import figures_of, measure
from training.recipe import Recipe
from training.run import calibrated, judged_tests
from training.samples import Purpose
from training.sources import Sources

SHOWN: Final = (
    "sensitivity at 99 % specificity, grade 1 or more",
    "sensitivity at 99 % specificity, grade 2 or more",
    "macro-F1, four grades",
    "recall, grade 1",
    "AUROC, grade 1 or more",
    "AUROC, grade 2 or more",
    "quadratic kappa",
    "height loss error, points",
)
CHOSEN_BY: Final = "AUROC, grade 1 or more"
"""The validation figure that decides; it needs no threshold, so it is the least noisy one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One grader of an ablation: its recipe's name, seed, cost and figures by data set (value, low, high)."""

    recipe: str
    seed: int
    steps: int
    crops_seen: int
    seconds: float
    validation: float | None
    tests: dict[str, dict[str, Any]]


def ablate(
    recipes: dict[str, Recipe], seeds: Sequence[int], sources: Sources, folder: Path,
    watch: Callable[[str, int, int], None],
) -> list[Fit]:  # fmt: skip
    """Fit and measure every recipe with every seed; ``watch`` hears of each fit's steps."""
    fits = []
    for seed in seeds:
        for name, recipe in recipes.items():
            kept = folder / f"{name}-{seed}.json"
            if kept.is_file():
                fits.append(Fit(**json.loads(kept.read_text(encoding="utf-8"))))
                continue
            found = _fit(name, replace(recipe, seed=seed), sources, folder / f"{name}-{seed}", watch)
            kept.write_text(json.dumps(_plain(found), indent=1) + "\n", encoding="utf-8")
            fits.append(found)
    return fits


def _fit(
    name: str, recipe: Recipe, sources: Sources, folder: Path, watch: Callable[[str, int, int], None]
) -> Fit:
    schedule = recipe.grader.schedule
    title = f"{name}, seed {recipe.seed}"
    started = time.monotonic()
    network = fit_grader(
        recipe, sources.training_crops(recipe.grader.spines), folder,
        watch=lambda step, _: watch(title, step, schedule.steps),
    )  # fmt: skip
    seconds = time.monotonic() - started
    network.eval()
    calibration, cuts = calibrated(network, sources)
    validation = [
        judged for _, judged in judged_tests(network, sources, calibration, cuts, Purpose.VALIDATION)
    ]
    decisive = [figures_of(judged)[CHOSEN_BY] for judged in validation]
    tests = {
        sample.data: {name: figure for name, figure in measure(judged).items() if name in SHOWN}
        for sample, judged in judged_tests(network, sources, calibration, cuts)
    }
    known = [value for value in decisive if value is not None]
    views = 2 if recipe.grader.two_views else 1
    return Fit(
        name, recipe.seed, schedule.steps, schedule.steps * schedule.batch * views, round(seconds, 1),
        float(np.mean(known)) if known else None, tests,
    )  # fmt: skip


def winner(fits: Sequence[Fit]) -> str | None:
    """The recipe with the best mean validation figure over its seeds."""
    means = {
        name: float(np.mean(values))
        for name in dict.fromkeys(fit.recipe for fit in fits)
        if (values := [fit.validation for fit in fits if fit.recipe == name and fit.validation is not None])
    }
    return max(means, key=lambda name: means[name]) if means else None


def as_markdown(fits: Sequence[Fit]) -> str:
    """Mean over seeds [least to most], and the mean of the seeds' 95 % intervals by patient, as tables."""
    recipes = list(dict.fromkeys(fit.recipe for fit in fits))
    tests = list(dict.fromkeys(data for fit in fits for data in fit.tests))
    parts = [f"Chosen by validation ({CHOSEN_BY}): {winner(fits) or 'none'}", ""]
    for data in tests:
        parts += [f"## {data}", "", f"| figure | {' | '.join(recipes)} |", f"|---|{'---|' * len(recipes)}"]
        for figure in SHOWN:
            cells = [
                _cell([fit.tests[data][figure] for fit in fits if fit.recipe == name and data in fit.tests])
                for name in recipes
            ]
            parts.append(f"| {figure} | {' | '.join(cells)} |")
        parts.append("")
    parts += [
        "| recipe | seeds | steps | crops seen | seconds a fit | validation |",
        "|---|---|---|---|---|---|",
    ]
    for name in recipes:
        own = [fit for fit in fits if fit.recipe == name]
        known = [fit.validation for fit in own if fit.validation is not None]
        mean = f"{np.mean(known):.4f}" if known else "-"
        seconds = np.mean([fit.seconds for fit in own])
        parts.append(
            f"| {name} | {len(own)} | {own[0].steps} | {own[0].crops_seen} | {seconds:.0f} | {mean} |"
        )
    return "\n".join(parts) + "\n"


def _cell(figures: Sequence[dict[str, Any]]) -> str:
    values = [figure["value"] for figure in figures if figure["value"] is not None]
    if not values:
        return "-"
    text = f"{np.mean(values):.3f} [{min(values):.3f} to {max(values):.3f}]"
    bounds = [(figure["low"], figure["high"]) for figure in figures if figure["low"] is not None]
    return (
        f"{text} ({np.mean([a for a, _ in bounds]):.3f} to {np.mean([b for _, b in bounds]):.3f})"
        if bounds
        else text
    )


def _plain(fit: Fit) -> dict[str, Any]:
    return {
        "recipe": fit.recipe, "seed": fit.seed, "steps": fit.steps, "crops_seen": fit.crops_seen,
        "seconds": fit.seconds, "validation": fit.validation, "tests": fit.tests,
    }  # fmt: skip
