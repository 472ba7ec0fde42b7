"""One training run in one folder: its recipe, samples, checkpoints, figures and, at its end, its bundle."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.bundle import Bundle
from inference.card import GradeCalibration
from inference.model import Grader, Localiser, best_device
from training.checkpoint import load_network
from training.crew import Crew
from training.descent import Watch, unwatched
from training.errors import CaseSetError, TrainingError
from training.evaluate import (
    all_probabilities,
    calibrate,
    choose_cuts,
    grade_crops,
    grader_figures,
    judge,
)
from training.fit import build_grader, build_localiser, fit_grader, fit_localiser
from training.localising import localiser_figures, locate, torso_peaks
from training.metrics import Judged, figures_of, measure
from training.naming import close_views, level_confidence, level_temperature, naming_figures, numbered
from training.recipe import Recipe, read_recipe, recipe_path, save_recipe
from training.samples import UNGRADED, Crops, Purpose
from training.sources import PHANTOM, Sample, Sources, samples_folder, together
from training.synthetic import draw_spines, draw_torsos
from training.wei2022.fit import build_box_grader, fit_box_grader
from training.wei2022.judging import judge_boxes
from training.wei2022.network import BoxGrader

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
    crew: Crew | None = None,
) -> None:
    """Train the network of that name, from a bundle's weights if one is given, with the crew's help."""
    folder = sources.run / network
    if network == "localiser":
        torsos = [torso for one in sources.torsos(Purpose.TRAINING) for torso in one.torsos]
        if not torsos:
            raise CaseSetError(
                f"{sources.run}: no torsos to train on: `faintline-train draw`, or sets with masks"
            )
        fit_localiser(recipe, torsos, folder, start.localiser if start else None, watch, crew)
        return
    if recipe.grader.sees_boxes:
        if start is not None:
            raise TrainingError("the paper's network starts from nothing: leave --start out")
        fit_box_grader(recipe, sources.training_boxes(), folder, watch, crew)
        return
    validation = sources.crops(Purpose.VALIDATION)
    fit_grader(
        recipe, sources.training_crops(recipe.grader.spines), folder, start.grader if start else None, watch,
        _validation(together(validation)) if validation else None, crew,
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
    part = _box_part if recipe.grader.sees_boxes else _grader_part
    figures = part(recipe, sources) | _localiser_part(recipe, sources)
    text = json.dumps(figures, indent=1)
    (sources.run / "figures.json").write_text(text + "\n", encoding="utf-8")
    return figures


def trained_grader(recipe: Recipe, run: Path) -> tuple[Grader, int]:
    """The grader of a run's last checkpoint, and its steps."""
    network = build_grader(recipe.grader)
    steps = _restore(run / "grader", network)
    return network.to(best_device()).eval(), steps


def trained_box_grader(recipe: Recipe, run: Path) -> tuple[BoxGrader, int]:
    """The paper's network of a run's last checkpoint, and its steps."""
    network = build_box_grader(recipe.grader)
    steps = _restore(run / "grader", network)
    return network.to(best_device()).eval(), steps


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


def _box_part(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    network, steps = trained_box_grader(recipe, sources.run)
    tests = [
        {"data": data, "vertebrae": len(boxes), "grader": measure(judge_boxes(network, boxes))}
        for data, boxes in sources.boxes(Purpose.TEST)
    ]
    return {"grader_steps": steps, "tests": tests}


def tested(recipe: Recipe, sources: Sources) -> list[tuple[str, Judged, Crops | None]]:
    """An evaluated run's held-out vertebrae with what it finds in them; crops where it looked at some."""
    if recipe.grader.sees_boxes:
        boxes = trained_box_grader(recipe, sources.run)[0]
        return [(data, judge_boxes(boxes, own), None) for data, own in sources.boxes(Purpose.TEST)]
    figures = json.loads((sources.run / "figures.json").read_text(encoding="utf-8"))
    network, _ = trained_grader(recipe, sources.run)
    calibration = GradeCalibration(**figures["calibration"])
    judged = judged_tests(network, sources, calibration, tuple(figures["cuts"]))
    return [(s.data, one, s.crops.taken(s.crops.grade != UNGRADED)) for s, one in judged]


def localiser_of(recipe: Recipe, run: Path) -> Localiser:
    """The localiser of a run's last checkpoint."""
    network = build_localiser(recipe.localiser)
    _restore(run / "localiser", network)
    return network


def _localiser_part(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    if not (sources.run / "localiser" / "latest.json").is_file():
        return {}
    network = build_localiser(recipe.localiser)
    steps = _restore(sources.run / "localiser", network)
    network.to(best_device()).eval()
    voxel_mm = recipe.localiser.voxel_mm
    validation = [torso for one in sources.torsos(Purpose.VALIDATION) for torso in one.torsos]
    validation += close_views(validation, voxel_mm, np.random.default_rng((recipe.seed, Purpose.VALIDATION)))
    peaks = [torso_peaks(network, torso, voxel_mm) for torso in validation]
    temperature = level_temperature(peaks, validation, voxel_mm, CENTRE_CUT)
    least = level_confidence(numbered(peaks, validation, voxel_mm, CENTRE_CUT, temperature))
    part: dict[str, Any] = {
        "localiser_steps": steps, "level_temperature": temperature, "level_confidence": least,
        "localiser_tests": [],
    }  # fmt: skip
    for test in sources.torsos(Purpose.TEST):
        located = [
            locate(torso_peaks(network, torso, voxel_mm), torso, voxel_mm, CENTRE_CUT, temperature)
            for torso in test.torsos
        ]
        measured = localiser_figures(located, test.patient)
        part["localiser_tests"].append({"data": test.data, "localiser": measured})
        views = close_views(test.torsos, voxel_mm, np.random.default_rng((recipe.seed, Purpose.TEST)))
        peaks = [torso_peaks(network, view, voxel_mm) for view in views]
        named = naming_figures(numbered(peaks, views, voxel_mm, CENTRE_CUT, temperature), least)
        part["localiser_tests"].append({"data": f"close views of {test.data}", "localiser": named})
    return part


def check_threads(threads: int) -> None:
    """Let torch use so many CPU threads."""
    torch.set_num_threads(threads)


def folders(paths: Sequence[Path] | None) -> tuple[Path, ...]:
    """What the command line gives for a repeatable option."""
    return tuple(paths or ())
