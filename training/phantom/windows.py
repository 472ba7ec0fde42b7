"""A trunk and the wanted levels in; the box an acquisition covers out."""

import numpy as np

from training.phantom.trunk import Trunk

Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]


def torso_bounds(trunk: Trunk, first: int, last: int, rng: np.random.Generator) -> Bounds:
    """Box over level indices ``first`` to ``last``, ends anywhere, often a little off centre or cropped."""
    top = trunk.height_at(first) + (trunk.height_at(first - 1) - trunk.height_at(first)) * rng.uniform(
        -0.4, 1.2
    )
    bottom = trunk.height_at(last) - (trunk.height_at(last) - trunk.height_at(last + 1)) * rng.uniform(
        -0.4, 1.2
    )
    if last == len(trunk.centres) - 1:
        bottom -= rng.uniform(0, 160)
    return _across(trunk, bottom, top, rng)


def head_bounds(trunk: Trunk, rng: np.random.Generator) -> Bounds:
    """A head scan that ends above the first cervical vertebra."""
    return _across(trunk, trunk.height_at(-1.6 - rng.uniform(0, 1.5)), trunk.height_at(-8.6), rng)


def legs_bounds(trunk: Trunk, rng: np.random.Generator) -> Bounds:
    """Hips and thighs, below the sacrum's first segments."""
    top = trunk.height_at(26.2 + rng.uniform(0, 2))
    return _across(trunk, top - rng.uniform(180, 380), top, rng)


def _across(trunk: Trunk, bottom: float, top: float, rng: np.random.Generator) -> Bounds:
    heights = np.linspace(bottom, top, 20)
    width, depth, offset = trunk.skin_at(heights)
    x, y = trunk.skin_spine_at(heights)
    margin = rng.choice([25.0, 8.0, -20.0, -45.0], p=[0.4, 0.35, 0.15, 0.10])
    low = np.array([(x - width).min(), (y + offset - depth).min()]) - margin
    high = np.array([(x + width).max(), (y + offset + depth).max() + (25 if margin > 0 else 0)]) + margin
    shift = rng.normal(0, 8)
    # A tight field of view still shows the back of the body behind the vertebrae.
    behind = float(y.max()) + 45
    return (
        (float(low[0] + shift), float(low[1]), float(bottom)),
        (float(high[0] + shift), float(max(high[1], behind)), float(top)),
    )
