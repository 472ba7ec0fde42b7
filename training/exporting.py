"""An evaluated run in, the bundle of its networks out."""

import json
from pathlib import Path
from typing import Any

from inference.bundle import Bundle
from inference.card import CARD, GradeCalibration, OperatingPoint
from training.errors import TrainingError
from training.export import Target, write_box_bundle, write_bundle
from training.metrics import worded
from training.recipe import Recipe
from training.run import CENTRE_CUT, localiser_of, trained_box_grader, trained_grader
from training.samples import Purpose
from training.sources import PHANTOM, Sources


def export_run(
    recipe: Recipe, sources: Sources, target: Target, may_replace: bool, start: Bundle | None = None
) -> None:
    """Write the bundle of an evaluated run; ``measured-real.json`` in the run is added to the card.

    A network that the run did not train is taken from ``start``.
    """
    run = sources.run
    try:
        figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(
            f"{run} has not been evaluated: `faintline-train evaluate --run {run}` first"
        ) from error
    if (target.folder / CARD).exists() and not may_replace:
        raise TrainingError(
            f"{target.folder} holds a bundle already: export to another folder, or say --replace"
        )
    measured, origins = _measured(run, figures), _origins(sources, start)
    if recipe.grader.sees_boxes:
        write_box_bundle(target, recipe, trained_box_grader(recipe, run)[0], measured, origins)
        return
    localiser = start.localiser if start else None
    if "localiser_steps" in figures:
        localiser = localiser_of(recipe, run)
    if localiser is None:
        raise TrainingError(f"{run} has no localiser: fit one, or name the bundle it came from with --start")
    grader, _ = trained_grader(recipe, run)
    known = start.card.operating_point if start else None
    write_bundle(
        target, recipe, (localiser, grader), GradeCalibration(**figures["calibration"]),
        OperatingPoint(
            tuple(figures["cuts"]), CENTRE_CUT,
            figures.get("level_temperature", known and known.level_temperature),
            figures.get("level_confidence", known and known.level_confidence),
        ), measured, origins,
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


def _origins(sources: Sources, start: Bundle | None) -> list[dict[str, str]]:
    """What the card says the weights were trained on, beside the phantom's own origins."""
    known = list(start.card.trained_on) if start else []
    own = [
        {"data": f"{one.data} ({len(one.of(Purpose.TRAINING))} studies)", "licence": one.licence}
        for one in sources.sets
    ]
    return [*known, *(origin for origin in own if origin not in known)]
