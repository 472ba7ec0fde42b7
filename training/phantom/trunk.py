"""The spine's place in; everything around it (skin, fat, muscle, lungs, organs, ribs, pelvis) out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from training.phantom.column import Placed

if TYPE_CHECKING:
    from training.phantom.scene import Bounds, SceneKind

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """Parameters of the soft tissue."""

    centres: Array
    half_width_mm: float
    half_depth_mm: float

    def bounds(self, kind: "SceneKind", first: str, last: str, rng: np.random.Generator) -> "Bounds":
        """The box that an acquisition of ``first`` to ``last`` covers."""
        i, j = LEVELS.index(first), LEVELS.index(last)
        top, low = self.centres[i], self.centres[j]
        cut = rng.uniform(-15, 15, 2)
        x, y = self.centres[i : j + 1, 0].mean(), self.centres[i : j + 1, 1].mean()
        w, d = self.half_width_mm + 10, self.half_depth_mm + 10
        return (
            (float(x - w), float(y + 70 - 2 * d), float(low[2] + cut[0])),
            (float(x + w), float(y + 80), float(top[2] + cut[1])),
        )


def draw_trunk(placed: Sequence[Placed], rng: np.random.Generator) -> Trunk:
    """Draw what surrounds the spine."""
    return Trunk(np.array([p.centre for p in placed]), float(rng.uniform(150, 200)), float(rng.uniform(100, 140)))
