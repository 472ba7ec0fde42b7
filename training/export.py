"""Trained networks and what is known about them in, a bundle folder out."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from inference.card import CARD, WEIGHTS, GradeCalibration, OperatingPoint
from inference.model import Grader, Localiser
from training.recipe import Recipe
from training.wei2022.network import BoxGrader
from training.whole_file import write_whole

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


@dataclass(frozen=True, slots=True)
class Target:
    """Where a bundle goes, and the name and version its card shall carry."""

    folder: Path
    name: str
    version: str


def write_bundle(
    target: Target,
    recipe: Recipe,
    networks: tuple[Localiser, Grader],
    calibration: GradeCalibration,
    operating_point: OperatingPoint,
    measured_on: list[dict[str, Any]],
    also_trained_on: list[dict[str, str]],
) -> None:
    """Write weights and card, which names the weights' SHA-256 and every data set with its licence."""
    localiser, grader = networks
    tensors = _named("localiser.", localiser) | _named("grader.", grader)
    trained_on = [*TRAINED_ON, *(origin for origin in also_trained_on if origin not in TRAINED_ON)]
    card = {
        "architecture": {"localiser": asdict(localiser.shape), "grader": asdict(grader.shape)},
        "calibration": asdict(calibration),
        "operating_point": asdict(operating_point),
        "trained_on": trained_on,
        "measured_on": measured_on,
        "recipe": asdict(recipe),
    }
    _write(target, tensors, _licence(trained_on), card)


def write_box_bundle(
    target: Target,
    recipe: Recipe,
    network: BoxGrader,
    measured_on: list[dict[str, Any]],
    trained_on: list[dict[str, str]],
) -> None:
    """Write the paper's network: it can be measured, not screen, and nothing of it is the phantom's."""
    card = {
        "architecture": {"grader": {"encoder": recipe.grader.encoder} | asdict(network.shape)},
        "trained_on": trained_on,
        "measured_on": measured_on,
        "recipe": asdict(recipe),
    }
    licence = "; ".join(sorted({f"{one['licence']} ({one['data']})" for one in trained_on}))
    _write(target, _named("grader.", network), licence, card)


def _named(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value.cpu().contiguous() for key, value in network.state_dict().items()}


def _write(target: Target, tensors: dict[str, Tensor], licence: str, card: dict[str, Any]) -> None:
    """The card is put in place last: a folder without one is no bundle, and an older one stays whole."""
    weights = save(tensors)
    head = {
        "name": target.name,
        "version": target.version,
        "notice": NOTICE,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "weights_licence": licence,
    }
    folder = target.folder
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / CARD, (json.dumps(head | card, indent=2) + "\n").encode())


def _licence(trained_on: list[dict[str, str]]) -> str:
    """What the weights stand under: the phantom's terms, and those of every other data set by name."""
    others = sorted({f"{one['licence']} ({one['data']})" for one in trained_on if one not in TRAINED_ON})
    return "; ".join([PHANTOM_LICENCE, *others])
