"""A bundle's folder in, the two networks with their card out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from inference.card import DEFAULT_BUNDLE, Card, read_card, weights_bytes
from inference.errors import BundleError
from inference.findings import ModelIdentity
from inference.model import Grader, GraderShape, Localiser, LocaliserShape, best_device


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """The networks, ready to use, and the card they came with."""

    card: Card
    localiser: Localiser
    grader: Grader

    @property
    def identity(self) -> ModelIdentity:
        """The model as reports name it."""
        return self.card.identity


def load_bundle(folder: Path | None = None) -> Bundle:
    """Load a bundle (the default one if none is named); raises BundleError where it cannot be trusted."""
    folder = folder or DEFAULT_BUNDLE
    card = read_card(folder)
    content = weights_bytes(folder, card.weights_sha256)
    try:
        weights = load(content)
        localiser = Localiser(LocaliserShape(**_tuples(card.architecture["localiser"])))
        grader = Grader(GraderShape(**_tuples(card.architecture["grader"])))
        localiser.load_state_dict(_part(weights, "localiser."))
        grader.load_state_dict(_part(weights, "grader."))
    except SafetensorError as error:
        raise BundleError(
            f"the weights of the model bundle {folder} are no safetensors file; a pickle is never loaded: "
            "export the bundle again with `faintline-train export`"
        ) from error
    except (KeyError, TypeError, RuntimeError) as error:
        raise BundleError(
            f"the weights of the model bundle {folder} do not fit its card, or are of another version of "
            "Faintline: export the bundle again with this one"
        ) from error
    device = best_device()
    return Bundle(card, localiser.to(device).eval(), grader.to(device).eval())


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
