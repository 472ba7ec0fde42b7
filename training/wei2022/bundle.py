"""A bundle's folder in, the paper's network out."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load

from inference.card import CARD, weights_bytes
from inference.errors import BundleError
from inference.model import best_device
from training.wei2022.network import BoxGrader, BoxGraderShape


def load_box_grader(folder: Path) -> BoxGrader | None:
    """Load the paper's network; None where the folder holds another one, or none at all.

    Raises
    ------
    BundleError : the weights are not those of the card, or do not fit it
    """
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        shape = dict(values["architecture"]["grader"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if shape.pop("encoder", None) != "se_resnet50":
        return None
    try:
        weights = load(weights_bytes(folder, str(values["weights_sha256"])))
        network = BoxGrader(BoxGraderShape(**shape))
        network.load_state_dict({name.removeprefix("grader."): value for name, value in weights.items()})
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise BundleError(f"the weights of the model bundle {folder} do not fit its card") from error
    return network.to(best_device()).eval()
