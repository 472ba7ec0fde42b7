"""A lattice and a shape in; the shape painted on the lattice out."""

import numpy as np
from numpy.typing import NDArray

from training.phantom.lattice import Array32, Lattice, Region
from training.phantom.trunk import Trunk


def rows(lattice: Lattice, trunk: Trunk, first: float, last: float) -> Region:
    """The whole slices between two level coordinates."""
    return lattice.region((trunk.height_at(last), trunk.height_at(first)))


def ellipse(u: Array32, v: Array32, half_width: Array32 | float, half_depth: Array32 | float) -> Array32:
    """About the signed distance to an ellipse (or a stack of them)."""
    radius = np.hypot(u / half_width, v / half_depth)
    return np.asarray((radius - 1) * np.minimum(half_width, half_depth), dtype=np.float32)


def paint_ellipsoid(
    lattice: Lattice,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    hu: Array32 | float,
) -> None:
    """Paint an ellipsoid at (u, v, z), radii in the same order, mm."""
    spans = [(c - 1.15 * r, c + 1.15 * r) for c, r in zip(centre, radii, strict=True)]
    region = lattice.region(spans[2], spans[0], spans[1])
    if any(part.start >= part.stop for part in region):
        return
    u, v, z = lattice.places(region)
    radius = np.sqrt(
        ((u - centre[0]) / radii[0]) ** 2
        + ((v - centre[1]) / radii[1]) ** 2
        + ((z - centre[2]) / radii[2]) ** 2
    )
    lattice.blend(region, ((radius - 1) * min(radii)).astype(np.float32), hu)


def paint_column_tube(
    lattice: Lattice, span: tuple[float, float], knots: NDArray[np.float64], hu: float, trunk: Trunk
) -> None:
    """Paint a vertical tube: ``knots`` rows are level, u, v, radius, flattening (depth over width)."""
    reach = knots[:, 3].max() * max(1, knots[:, 4].max()) + 3
    region = lattice.region(
        (trunk.height_at(span[1]), trunk.height_at(span[0])),
        (knots[:, 1].min() - reach, knots[:, 1].max() + reach),
        (knots[:, 2].min() - reach, knots[:, 2].max() + reach),
    )
    if any(part.start >= part.stop for part in region):
        return
    u, v, _ = lattice.places(region)
    at = lattice.level[region[0]]
    cu, cv, radius, flat = (np.interp(at, knots[:, 0], knots[:, i]).astype(np.float32) for i in (1, 2, 3, 4))
    lattice.blend(region, ellipse(u - cu, v - cv, radius, radius * flat), hu)
