"""One training run in one folder: its recipe, samples, checkpoints, figures and, at its end, its bundle."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.bundle import Bundle
from inference.card import CARD, GradeCalibration, OperatingPoint
from inference.model import Grader
from training.checkpoint import load_network
from training.errors import CaseSetError, TrainingError
from training.evaluate import (
    all_probabilities,
    calibrate,
    choose_cuts,
    grade_crops,
    grader_figures,
    judge,
    localiser_figures,
    torso_peaks,
)
from training.export import write_bundle
from training.fit import Watch, build_grader, build_localiser, fit_grader, fit_localiser, unwatched
from training.metrics import Judged, figures_of, measure
from training.naming import close_views, level_confidence, level_temperature, naming_figures, numbered
from training.recipe import Recipe, read_recipe, recipe_path, save_recipe
from training.samples import UNGRADED, Purpose
from training.sources import PHANTOM, Sample, Sources, samples_folder, together
from training.synthetic import draw_spines, draw_torsos

CENTRE_CUT = 0.3
"""Heat-map value that speaks for a vertebra; peaks below it may still join a chain that needs them."""

WATCHED = {
    "AUROC 1+": "AUROC, grade 1 or more",
    "AUROC 2+": "AUROC, grade 2 or more",
    "macro-F1": "macro-F1, four grades",
    "loss error": "height loss error, points",
}
"""What is measured on validation crops while the grader trains."""


def recipe_of(name: str | None, run: Path) -> Recipe:
    """The recipe that is named, or the run's own, or the shipped one; it is kept in the run.

    Where a run goes on with another recipe, the former ones stay beside it as ``recipe-1.json`` and so on.
    """
    own = run / "recipe.json"
    if name is None and own.is_file():
        return read_recipe(own)
    recipe = read_recipe(recipe_path(name))
    if own.is_file() and read_recipe(own) != recipe:
        number = 1 + len(list(run.glob("recipe-*.json")))
        own.rename(run / f"recipe-{number}.json")
    save_recipe(recipe, own)
    return recipe


def draw_samples(recipe: Recipe, run: Path, processes: int) -> None:
    """Draw the samples of every purpose for both networks."""
    for purpose, torsos, spines in (
        (Purpose.VALIDATION, recipe.localiser.validation_scenes, recipe.grader.validation_spines),
        (Purpose.TEST, recipe.localiser.validation_scenes, recipe.grader.test_spines),
        (Purpose.TRAINING, recipe.localiser.scenes, recipe.grader.spines),
    ):
        draw_torsos(recipe, purpose, torsos, samples_folder(run, "torsos", purpose), processes)
        draw_spines(recipe, purpose, spines, samples_folder(run, "crops", purpose), processes)


def fit_network(
    network: str,
    recipe: Recipe,
    sources: Sources,
    start: Bundle | None = None,
    watch: Watch = unwatched,
) -> None:
    """Train the network of that name, from a bundle's weights if one is given."""
    folder = sources.run / network
    if network == "localiser":
        torsos = [torso for _, own in sources.torsos(Purpose.TRAINING) for torso in own]
        if not torsos:
            raise CaseSetError(
                f"{sources.run}: no torsos to train on: `faintline-train draw`, or sets with masks"
            )
        fit_localiser(recipe, torsos, folder, start.localiser if start else None, watch)
        return
    validation = sources.crops(Purpose.VALIDATION)
    fit_grader(
        recipe, sources.training_crops(recipe.grader.spines), folder, start.grader if start else None, watch,
        _validation(together(validation)) if validation else None,
    )  # fmt: skip


def _validation(sample: Sample) -> Callable[[Grader], dict[str, float]]:
    """What is measured at every checkpoint, uncalibrated."""

    def validate(network: Grader) -> dict[str, float]:
        as_is = GradeCalibration((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0)
        judged = judge(network, sample.crops, sample.patient, as_is, (0.5, 0.5, 0.5))
        found = figures_of(judged)
        return {short: value for short, name in WATCHED.items() if (value := found[name]) is not None}

    return validate


def evaluate_run(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    """Calibrate on validation, measure on test; keep and return the figures."""
    figures = _grader_part(recipe, sources) | _localiser_part(recipe, sources)
    text = json.dumps(figures, indent=1)
    (sources.run / "figures.json").write_text(text + "\n", encoding="utf-8")
    return figures


def trained_grader(recipe: Recipe, run: Path) -> tuple[Grader, int]:
    """The grader of a run's last checkpoint, and its steps."""
    network = build_grader(recipe.grader)
    steps = _restore(run / "grader", network)
    network.eval()
    return network, steps


def _restore(folder: Path, network: torch.nn.Module) -> int:
    try:
        return load_network(folder, network)
    except FileNotFoundError as error:
        raise TrainingError(
            f"{folder} has no checkpoint: `faintline-train fit {folder.name}` first"
        ) from error
    except RuntimeError as error:
        raise TrainingError(
            f"the checkpoint in {folder} is of another architecture than the recipe's"
        ) from error


def judged_tests(
    network: Grader, sources: Sources, calibration: GradeCalibration, cuts: tuple[float, float, float],
    purpose: Purpose = Purpose.TEST,
) -> list[tuple[Sample, Judged]]:  # fmt: skip
    """Every origin's held-out crops with what the network finds in them."""
    return [
        (sample, judge(network, sample.crops, sample.patient, calibration, cuts))
        for sample in sources.crops(purpose)
    ]


def calibrated(network: Grader, sources: Sources) -> tuple[GradeCalibration, tuple[float, float, float]]:
    """Calibration and cuts from the validation crops of all origins."""
    validation = sources.crops(Purpose.VALIDATION)
    if not validation:
        raise CaseSetError(
            f"{sources.run}: no validation samples: draw some, or import a set with more patients"
        )
    crops = together(validation).crops
    known = crops.grade != UNGRADED
    graded = grade_crops(network, crops).taken(known)
    calibration = calibrate(graded, crops.grade[known], crops.raw_loss[known].astype(float))
    return calibration, choose_cuts(all_probabilities(graded, calibration), crops.grade[known])


def _grader_part(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    network, steps = trained_grader(recipe, sources.run)
    calibration, cuts = calibrated(network, sources)
    part: dict[str, Any] = {"grader_steps": steps, "calibration": asdict(calibration), "cuts": cuts}
    part["tests"] = []
    for sample, judged in judged_tests(network, sources, calibration, cuts):
        if sample.data == PHANTOM:
            part["grader_test"] = grader_figures(
                grade_crops(network, sample.crops), sample.crops, calibration, cuts
            )
        part["tests"].append({"data": sample.data, "vertebrae": len(judged.true), "grader": measure(judged)})
    return part


def _localiser_part(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    if not (sources.run / "localiser" / "latest.json").is_file():
        return {}
    network = build_localiser(recipe.localiser)
    steps = _restore(sources.run / "localiser", network)
    network.eval()
    voxel_mm = recipe.localiser.voxel_mm
    validation = [torso for _, own in sources.torsos(Purpose.VALIDATION) for torso in own]
    validation += close_views(validation, voxel_mm, np.random.default_rng((recipe.seed, Purpose.VALIDATION)))
    peaks = [torso_peaks(network, torso, voxel_mm) for torso in validation]
    temperature = level_temperature(peaks, validation, voxel_mm, CENTRE_CUT)
    least = level_confidence(numbered(peaks, validation, voxel_mm, CENTRE_CUT, temperature))
    part: dict[str, Any] = {
        "localiser_steps": steps, "level_temperature": temperature, "level_confidence": least,
        "localiser_tests": [],
    }  # fmt: skip
    for data, test in sources.torsos(Purpose.TEST):
        peaks = [torso_peaks(network, torso, voxel_mm) for torso in test]
        measured = localiser_figures(peaks, test, voxel_mm, CENTRE_CUT, temperature)
        part["localiser_tests"].append({"data": data, "localiser": measured})
        views = close_views(test, voxel_mm, np.random.default_rng((recipe.seed, Purpose.TEST)))
        peaks = [torso_peaks(network, view, voxel_mm) for view in views]
        named = naming_figures(numbered(peaks, views, voxel_mm, CENTRE_CUT, temperature), least)
        part["localiser_tests"].append({"data": f"close views of {data}", "localiser": named})
    return part


def export_run(
    recipe: Recipe, sources: Sources, folder: Path, target: tuple[str, str, bool], start: Bundle | None = None
) -> None:
    """Write the bundle of an evaluated run; ``measured-real.json`` in the run is added to the card.

    ``target`` is the card's name and version, and whether a bundle in ``folder`` may be replaced. A network
    that the run did not train is taken from ``start``.
    """
    run = sources.run
    name, version, may_replace = target
    try:
        figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(
            f"{run} has not been evaluated: `faintline-train evaluate --run {run}` first"
        ) from error
    if (folder / CARD).exists() and not may_replace:
        raise TrainingError(f"{folder} holds a bundle already: export to another folder, or say --replace")
    grader, _ = trained_grader(recipe, run)
    known = start.card.operating_point if start else None
    localiser = start.localiser if start else None
    if "localiser_steps" in figures:
        localiser = build_localiser(recipe.localiser)
        _restore(run / "localiser", localiser)
    if localiser is None:
        raise TrainingError(f"{run} has no localiser: fit one, or name the bundle it came from with --start")
    write_bundle(
        folder, recipe, (localiser, grader), GradeCalibration(**figures["calibration"]),
        OperatingPoint(
            tuple(figures["cuts"]), CENTRE_CUT,
            figures.get("level_temperature", known and known.level_temperature),
            figures.get("level_confidence", known and known.level_confidence),
        ),
        _measured(run, figures), name, version, _origins(sources, start),
    )  # fmt: skip


def _measured(run: Path, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What the card says was measured: the phantom's figures, and those of each case set with intervals."""
    measured = [{"data": PHANTOM, "grader": figures["grader_test"]}] if "grader_test" in figures else []
    measured += [
        {"data": one["data"], "vertebrae": one["vertebrae"], "grader": worded(one["grader"])}
        for one in figures["tests"]
        if one["data"] != PHANTOM
    ]
    measured += figures.get("localiser_tests", [])
    real = run / "measured-real.json"
    if real.is_file():
        measured += json.loads(real.read_text(encoding="utf-8"))
    return measured


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


def _origins(sources: Sources, start: Bundle | None) -> list[dict[str, str]] | None:
    """What the card says the weights were trained on, beside the phantom's own origins."""
    known = list(start.card.trained_on) if start else []
    own = [
        {"data": f"{one.data} ({len(one.of(Purpose.TRAINING))} studies)", "licence": one.licence}
        for one in sources.sets
    ]
    return [*known, *(origin for origin in own if origin not in known)]


def check_threads(threads: int) -> None:
    """Let torch use so many CPU threads."""
    torch.set_num_threads(threads)


def folders(paths: Sequence[Path] | None) -> tuple[Path, ...]:
    """What the command line gives for a repeatable option."""
    return tuple(paths or ())
