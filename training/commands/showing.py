"""Figures, bundles and paths as commands show and name them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.bundle import Bundle, load_bundle
from training.metrics import interval_text

Paths = Sequence[Path] | None
console = Console(soft_wrap=True)


def bundle_named(name: str) -> Bundle:
    """The shipped bundle for ``default``, else the one in the folder of that name."""
    return load_bundle(None if name == "default" else Path(name))


def show_figures(title: str, figures: dict[str, dict[str, Any]]) -> None:
    """Print figures with their intervals."""
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value (95 % interval by patient)")
    for name, figure in figures.items():
        table.add_row(name, interval_text(figure))
    console.print(table)
