"""The processes that torchrun started in; which of them this is, and how they train one network, out.

Every process draws the whole batch of a step, computes its own rows, and gathers what the others computed, so
that the loss, and its gradient, are those of one process with the whole batch (but for batch statistics on
CPUs, which each process takes from its own rows). The first process alone writes files and shows progress.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from inference.model import best_device
from training.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Crew:
    """This process among ``size``; ``rank`` counts from 0, ``device`` is where it computes."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """The rows of a batch that this process computes; raises RecipeError where they cannot be shared."""
        if batch % self.size:
            raise RecipeError(
                f"schedule.batch: {batch} samples a step cannot be shared by {self.size} processes: choose a "
                "multiple, or start as many processes as divide it"
            )
        own = batch // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def share_out(self, network: nn.Module) -> nn.Module:
        """What to call instead of ``network`` in training: the same with gradients averaged over the crew."""
        if self.size == 1:
            return network
        if self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        # A recipe may leave a head out of the loss.
        return DistributedDataParallel(network, find_unused_parameters=True)

    def gather(self, own: Tensor) -> Tensor:
        """The rows of all processes in the batch's order; gradients flow into this process's own."""
        if self.size == 1:
            return own
        own = own.contiguous()
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own.detach())
        parts[self.rank] = own
        return torch.cat(parts)

    def wait(self) -> None:
        """Go on when every process has come so far."""
        if self.size > 1:
            dist.barrier()

    def half_precision(self) -> AbstractContextManager[object]:
        """Compute in bfloat16 where it helps and is sound: on GPUs.

        Gradients of small 3D convolutions in bfloat16 were seen to be wrong on a CPU.
        """
        on_gpu = self.device.type == "cuda"
        return torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext()


def alone() -> Crew:
    """A crew of this process."""
    return Crew(0, 1, best_device())


@contextmanager
def enlist() -> Iterator[Crew]:
    """Join the crew that torchrun's variables name; this process alone without them."""
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield alone()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Crew(dist.get_rank(), dist.get_world_size(), best_device())
    finally:
        dist.destroy_process_group()
