"""Annotated data sets in, `training.cases.Gathered` out: one module for each layout, all checked whole.

An importer reads names, lists and headers; it loads no voxels and writes nothing. What it cannot make sense
of becomes a `Problem` with file and line.
"""

from training.importers.layouts import LAYOUTS, Layout
from training.importers.source import Source

__all__ = ["LAYOUTS", "Layout", "Source"]
