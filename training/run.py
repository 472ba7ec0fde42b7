"""One training run in one folder: its samples, checkpoints, figures and, at its end, its bundle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from inference.card import GradeCalibration, OperatingPoint
from training.checkpoint import load_network
from training.evaluate import (
    all_probabilities,
    calibrate,
    choose_cuts,
    grade_crops,
    grader_figures,
    level_temperature,
    localiser_figures,
    torso_peaks,
)
from training.export import write_bundle
from training.fit import build_grader, build_localiser, fit_grader, fit_localiser
from training.recipe import DEFAULT_RECIPE, Recipe, read_recipe
from training.samples import Purpose, load_crops, load_torsos
from training.synthetic import draw_spines, draw_torsos

CENTRE_CUT = 0.3
"""Heat-map value that speaks for a vertebra; peaks below it may still join a chain that needs them."""

LEVEL_CONFIDENCE = 0.5
"""A numbering less likely than this is reported as unknown."""


def recipe_of(path: Path | None) -> Recipe:
    """The recipe in ``path``, or the shipped one."""
    return read_recipe(path or DEFAULT_RECIPE)


def draw_samples(recipe: Recipe, run: Path, processes: int) -> None:
    """Draw the samples of every purpose for both networks."""
    for purpose, torsos, spines in (
        (Purpose.VALIDATION, recipe.localiser.validation_scenes, recipe.grader.validation_spines),
        (Purpose.TEST, recipe.localiser.validation_scenes, recipe.grader.test_spines),
        (Purpose.TRAINING, recipe.localiser.scenes, recipe.grader.spines),
    ):
        draw_torsos(recipe, purpose, torsos, _samples(run, "torsos", purpose), processes)
        draw_spines(recipe, purpose, spines, _samples(run, "crops", purpose), processes)


def fit_network(network: str, recipe: Recipe, run: Path, threads: int) -> None:
    """Train the network of that name on the run's training samples."""
    torch.set_num_threads(threads)
    if network == "localiser":
        fit_localiser(recipe, load_torsos(_samples(run, "torsos", Purpose.TRAINING)), run / network)
    else:
        fit_grader(recipe, load_crops(_samples(run, "crops", Purpose.TRAINING)), run / network)


def evaluate_run(recipe: Recipe, run: Path, threads: int) -> str:
    """Calibrate on validation, measure on test; keep and return the figures as JSON."""
    torch.set_num_threads(threads)
    figures = json.dumps(_grader_part(recipe, run) | _localiser_part(recipe, run), indent=1)
    (run / "figures.json").write_text(figures + "\n", encoding="utf-8")
    return figures


def _grader_part(recipe: Recipe, run: Path) -> dict[str, Any]:
    network = build_grader(recipe.grader)
    steps = load_network(run / "grader", network)
    network.eval()
    validation = load_crops(_samples(run, "crops", Purpose.VALIDATION))
    graded = grade_crops(network, validation)
    calibration = calibrate(graded, validation.grade)
    cuts = choose_cuts(all_probabilities(graded, calibration), validation.grade)
    test = load_crops(_samples(run, "crops", Purpose.TEST))
    measured = grader_figures(grade_crops(network, test), test, calibration, cuts)
    return {"grader_steps": steps, "calibration": asdict(calibration), "cuts": cuts, "grader_test": measured}


def _localiser_part(recipe: Recipe, run: Path) -> dict[str, Any]:
    network = build_localiser(recipe.localiser)
    steps = load_network(run / "localiser", network)
    network.eval()
    voxel_mm = recipe.localiser.voxel_mm
    validation = load_torsos(_samples(run, "torsos", Purpose.VALIDATION))
    peaks = [torso_peaks(network, torso, voxel_mm) for torso in validation]
    temperature = level_temperature(peaks, validation, voxel_mm, CENTRE_CUT)
    test = load_torsos(_samples(run, "torsos", Purpose.TEST))
    peaks = [torso_peaks(network, torso, voxel_mm) for torso in test]
    measured = localiser_figures(peaks, test, voxel_mm, CENTRE_CUT, temperature)
    return {"localiser_steps": steps, "level_temperature": temperature, "localiser_test": measured}


def export_run(recipe: Recipe, run: Path, folder: Path, name: str, version: str) -> None:
    """Write the bundle of an evaluated run; ``measured-real.json`` in the run is added to the card."""
    figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))
    localiser, grader = build_localiser(recipe.localiser), build_grader(recipe.grader)
    load_network(run / "localiser", localiser)
    load_network(run / "grader", grader)
    measured = [
        {"data": "held-out synthetic spines (other seeds)", "grader": figures["grader_test"]},
        {"data": "held-out synthetic torsos (other seeds)", "localiser": figures["localiser_test"]},
    ]
    real = run / "measured-real.json"
    if real.is_file():
        measured += json.loads(real.read_text(encoding="utf-8"))
    write_bundle(
        folder, recipe, (localiser, grader), GradeCalibration(**figures["calibration"]),
        OperatingPoint(tuple(figures["cuts"]), CENTRE_CUT, figures["level_temperature"], LEVEL_CONFIDENCE),
        measured, name, version,
    )  # fmt: skip


def _samples(run: Path, kind: str, purpose: Purpose) -> Path:
    return run / "samples" / kind / purpose.name.lower()
