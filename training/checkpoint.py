"""A network with its optimiser in, files to go on from out: safetensors for tensors, JSON for the step."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from training.whole_file import write_whole


def save_checkpoint(
    folder: Path, step: int, network: nn.Module, optimiser: torch.optim.Optimizer, beside: dict[str, Tensor]
) -> None:
    """Write the state after ``step`` steps; a stop half-way leaves the earlier checkpoint whole.

    ``beside`` are tensors that belong to neither, such as the contrastive memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": value.contiguous() for name, value in network.state_dict().items()}
    for number, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in values.items()}
    tensors |= {f"beside.{name}": value for name, value in beside.items()}
    target = folder / f"step-{step:06d}.safetensors"
    write_whole(target, save(tensors))
    write_whole(folder / "latest.json", json.dumps({"step": step, "file": target.name}).encode())
    for older in folder.glob("step-*.safetensors"):
        if older != target:
            older.unlink()


def load_checkpoint(
    folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Tensor]]:
    """Restore the latest checkpoint, if there is one: how many steps it had made, what was saved beside."""
    if not (folder / "latest.json").is_file():
        return 0, {}
    latest = json.loads((folder / "latest.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / latest["file"])
    network.load_state_dict(_under(tensors, "network."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimiser.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(latest["step"]), _under(tensors, "beside.")


def load_network(folder: Path, network: nn.Module) -> int:
    """Restore the network alone from the latest checkpoint; raises FileNotFoundError where there is none."""
    latest = json.loads((folder / "latest.json").read_text(encoding="utf-8"))
    network.load_state_dict(_under(load_file(folder / latest["file"]), "network."))
    return int(latest["step"])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
