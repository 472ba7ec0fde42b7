"""What a training run shows while it runs: progress with the time left, and scalars for TensorBoard."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from training.descent import Watch

T = TypeVar("T")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[figures]}"),
    )  # fmt: skip


@contextmanager
def watched(folder: Path, steps: int) -> Iterator[Watch]:
    """Show steps, time left and figures of a fit, and write them as TensorBoard scalars under ``folder``."""
    from tensorboardX import SummaryWriter  # noqa: PLC0415  (installed with the extra "training")

    figures_shown: dict[str, float] = {}
    with _progress() as progress, SummaryWriter(str(folder / "tensorboard")) as scalars:
        task = progress.add_task(f"fit {folder.name}", total=steps, figures="")

        def watch(step: int, figures: dict[str, float]) -> None:
            figures_shown.update(figures)
            shown = "  ".join(f"{name} {value:.3f}" for name, value in figures_shown.items())
            progress.update(task, completed=step, figures=shown)
            for name, value in figures.items():
                scalars.add_scalar(name.replace(" ", "/", 1), value, step)
            scalars.flush()

        yield watch


def counted(items: Iterable[T], count: int, what: str) -> Iterator[T]:
    """Show how many of ``items`` are done and the time left."""
    with _progress() as progress:
        task = progress.add_task(what, total=count, figures="")
        for item in items:
            yield item
            progress.advance(task)
