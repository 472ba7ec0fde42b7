"""A bundle's folder in, its card out: what the weights are, what they were trained and measured on.

The card is read without loading torch, so that the receiver and ``faintline check`` can name the model.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.errors import BundleError
from inference.findings import ModelIdentity

DEFAULT_BUNDLE: Final = Path(__file__).with_name("bundles") / "default"
"""The bundle that is shipped with the package."""

WEIGHTS: Final = "weights.safetensors"
CARD: Final = "card.json"


@dataclass(frozen=True, slots=True)
class GradeCalibration:
    """How the grader's outputs become probabilities; fitted on synthetic validation crops.

    For k = 1, 2, 3, with the raw height loss from 0 to 1:
    logit P(grade >= k) = slope[k] * ordinal logit[k] + loss_slope[k] * loss + bias[k].
    The measured loss of nine vertebrae in ten lies within ``loss_half_width`` of the true one.
    """

    slope: tuple[float, float, float]
    loss_slope: tuple[float, float, float]
    bias: tuple[float, float, float]
    loss_half_width: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where decisions are cut; chosen on synthetic validation data.

    Attributes
    ----------
    grade : a vertebra has the highest grade k whose P(grade >= k) reaches ``grade[k - 1]``
    centre : least heat-map value of a vertebra's centre
    level_temperature : what the log-probabilities of the numbering are divided by
    level_confidence : least posterior at which a level is named
    """

    grade: tuple[float, float, float]
    centre: float
    level_temperature: float
    level_confidence: float


@dataclass(frozen=True, slots=True)
class Card:
    """What a bundle says about itself.

    ``architecture`` holds the numbers that build the networks; ``trained_on`` and ``measured_on`` are for
    people and are passed through as they stand.
    """

    name: str
    version: str
    notice: str
    weights_sha256: str
    architecture: dict[str, Any]
    calibration: GradeCalibration
    operating_point: OperatingPoint
    trained_on: list[Any]
    measured_on: list[Any]

    @property
    def identity(self) -> ModelIdentity:
        """The model as reports name it."""
        return ModelIdentity(self.name, self.version, self.weights_sha256)


def read_card(folder: Path) -> Card:
    """Read a bundle's card; raises BundleError where it is missing or incomplete."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"the model bundle {folder} has no readable {CARD}") from error
    try:
        if "encoder" in values["architecture"].get("grader", {}):
            raise BundleError(
                f"the grader of the model bundle {folder} looks at masked vertebrae (Wei et al. 2022), "
                "which a CT alone lacks: it can be measured with `faintline-train measure`, but not screen"
            )
        return Card(
            values["name"], values["version"], values["notice"], values["weights_sha256"],
            values["architecture"],
            GradeCalibration(**_tuples(values["calibration"])),
            OperatingPoint(**_tuples(values["operating_point"])),
            values["trained_on"], values["measured_on"],
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise BundleError(
            f"the card of the model bundle {folder} is incomplete, or of another version of Faintline "
            f"({error}): export the bundle again with this one"
        ) from error


def verify(folder: Path) -> Card:
    """Read the card and check the weights' SHA-256 against it; raises BundleError where they differ."""
    card = read_card(folder)
    weights_bytes(folder, card.weights_sha256)
    return card


def weights_bytes(folder: Path, sha256: str) -> bytes:
    """Return the weights file, whose SHA-256 must be the card's ``sha256``; raises BundleError."""
    try:
        content = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise BundleError(f"the model bundle {folder} has no readable {WEIGHTS}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BundleError(
            f"the weights of the model bundle {folder} are not those of its card"
            f" (SHA-256 {found[:12]}..., the card says {sha256[:12]}...)"
        )
    return content


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
