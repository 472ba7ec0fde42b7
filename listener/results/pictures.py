"""From a statement to its pictures: the overview first, then the view from the front and the close-ups."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from listener.results.close_up import draw_close_up
from listener.results.kinds import ResultKind
from listener.results.overview import draw_overview
from listener.results.reformat import Plane
from listener.results.statement import Statement


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture.

    Attributes
    ----------
    name : what tells it from the others of its study; the overview's never changes
    number : its place in the series, from 1
    pixels : uint8 (rows, columns, 3), RGB
    """

    kind: ResultKind
    name: str
    number: int
    pixels: NDArray[np.uint8]


def draw_pictures(statement: Statement, kinds: Collection[ResultKind]) -> tuple[Picture, ...]:
    """Draw the pictures of ``kinds``; without anatomy to show there is the overview only."""
    drawn: list[Picture] = []
    if ResultKind.OVERVIEW in kinds:
        drawn.append(Picture(ResultKind.OVERVIEW, "overview", 1, draw_overview(statement)))
    if statement.volume is None:
        return tuple(drawn)
    if ResultKind.CORONAL in kinds:
        drawn.append(Picture(ResultKind.CORONAL, "coronal", 2, draw_overview(statement, Plane.CORONAL)))
    if ResultKind.CLOSE_UPS in kinds:
        drawn += _close_ups(statement)
    return tuple(drawn)


def _close_ups(statement: Statement) -> list[Picture]:
    findings = statement.report.findings
    return [
        Picture(
            ResultKind.CLOSE_UPS,
            f"close-up-{findings.index(finding)}",
            3 + n,
            draw_close_up(statement, finding),
        )
        for n, finding in enumerate(statement.outcome.flagged)
    ]
