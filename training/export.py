"""Trained networks and what is known about them in, a bundle folder out."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from inference.card import CARD, WEIGHTS, GradeCalibration, OperatingPoint
from inference.model import Grader, Localiser
from training.recipe import Recipe

NOTICE = "FOR RESEARCH USE ONLY. Not a medical device; not for diagnosis, triage or any clinical decision."

TRAINED_ON: list[dict[str, str]] = [
    {
        "data": "synthetic spine CT drawn by training/phantom; no patient's CT was used",
        "licence": "Apache-2.0, with the parts below",
    },
    {
        "data": "shapes of vertebrae: masks of VerSe 2019/2020 (Sekuboyina, Loeffler et al.), "
        "subjects 004, 009, 010, gl003, gl017",
        "licence": "CC BY-SA 4.0",
    },
    {
        "data": "courses of 2,116 spines: ImFusion VID key points (Buergin, Prevost, Stollenga 2023)",
        "licence": "CC BY-SA 4.0",
    },
    {"data": "pelvis and sacrum: Visible Human Male surfaces", "licence": "BSD-3-Clause"},
]
"""What every bundle trained on the phantom owes to whom; see training/phantom/ATTRIBUTION.md."""

PHANTOM_LICENCE = "CC BY-SA 4.0 (the phantom's shapes and spines derive from such data)"


def write_bundle(
    folder: Path,
    recipe: Recipe,
    networks: tuple[Localiser, Grader],
    calibration: GradeCalibration,
    operating_point: OperatingPoint,
    measured_on: list[dict[str, Any]],
    name: str,
    version: str,
    also_trained_on: list[dict[str, str]] | None = None,
) -> None:
    """Write weights and card; the card names the SHA-256 of the weights, and every data set with its licence.

    The card is written last: a folder without one is no bundle.
    """
    localiser, grader = networks
    tensors = {f"localiser.{key}": value.contiguous() for key, value in localiser.state_dict().items()}
    tensors |= {f"grader.{key}": value.contiguous() for key, value in grader.state_dict().items()}
    weights = save(tensors)
    trained_on = [*TRAINED_ON, *(origin for origin in also_trained_on or [] if origin not in TRAINED_ON)]
    card = {
        "name": name,
        "version": version,
        "notice": NOTICE,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "weights_licence": _licence(trained_on),
        "architecture": {
            "localiser": asdict(localiser.shape),
            "grader": asdict(grader.shape),
        },
        "calibration": asdict(calibration),
        "operating_point": asdict(operating_point),
        "trained_on": trained_on,
        "measured_on": measured_on,
        "recipe": asdict(recipe),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _licence(trained_on: list[dict[str, str]]) -> str:
    """What the weights stand under: the phantom's terms, and those of every other data set by name."""
    others = sorted({f"{one['licence']} ({one['data']})" for one in trained_on if one not in TRAINED_ON})
    return "; ".join([PHANTOM_LICENCE, *others])
