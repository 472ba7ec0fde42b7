"""A level and a generator in; a normal vertebral body, and one collapsed to a wanted height loss, out."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.levels import LEVELS
from training.phantom.anatomy import CONCAVITY, SIZES, shapes
from training.phantom.body import PLATE_SIZE, Body, plate_lattice
from training.phantom.variants import Variant

Array = NDArray[np.float64]

LEAST_THICKNESS_MM = 4.0


@dataclass(frozen=True, slots=True)
class Build:
    """What the vertebrae of one person have in common.

    Attributes
    ----------
    stature : size over the norm
    slenderness : width and depth over height, relative to the norm
    concavity : of the end plates, share of the height
    wedge : added to the norm's anterior to posterior ratio
    """

    stature: float
    slenderness: float
    concavity: float
    wedge: float


def draw_build(stature: float, rng: np.random.Generator) -> Build:
    """Draw a person's build around a given stature."""
    return Build(
        stature,
        float(np.clip(rng.normal(1, 0.05), 0.88, 1.14)),
        float(np.clip(rng.normal(CONCAVITY, 0.014), 0.06, 0.13)),
        float(np.clip(rng.normal(0, 0.015), -0.03, 0.03)),
    )


def smooth_field(rng: np.random.Generator, width: float) -> Array:
    """A random field over an end plate's lattice with unit spread; ``width`` in lattice steps."""
    field = ndimage.gaussian_filter(rng.normal(size=(PLATE_SIZE, PLATE_SIZE)), width, mode="reflect")
    return np.asarray(field / max(float(field.std()), 1e-9))


def _dish(offset_y: float, flatness: float) -> Array:
    """1 at the deepest place of an end plate, 0 at its rim and beyond."""
    u, v = plate_lattice()
    rho2 = np.clip(u**2 + (v - offset_y * (1 - v**2)) ** 2, 0, 1)
    return np.asarray((1 - rho2**flatness) ** 1.2)


def draw_body(level: str, build: Build, variant: Variant, rng: np.random.Generator) -> Body:
    """Draw a body of ``level`` that has not collapsed."""
    size = SIZES[level]
    height = variant.height * size.posterior_mm * build.stature * np.clip(rng.normal(1, 0.02), 0.95, 1.05)
    wedge = size.wedge + build.wedge + variant.wedge + np.clip(rng.normal(0, 0.018), -0.04, 0.04)
    concavity = np.clip(build.concavity + rng.normal(0, 0.012), 0.04, 0.15)
    girth = build.stature * build.slenderness * np.clip(rng.normal(1, 0.02), 0.95, 1.05)
    source = int(rng.choice(_nearest_sources(level)))
    _, v = plate_lattice()
    # Heights change linearly from front to back; the norm is met at 0.8 of the half depth.
    rim = height * (1 + (wedge - 1) * (0.8 - np.clip(v, -1, 1)) / 1.6)
    share = np.clip(rng.normal(0.5, 0.12), 0.2, 0.8)
    dishes = [_dish(rng.normal(0.12, 0.1), rng.uniform(0.9, 2.0)) for _ in range(2)]
    # The dish still has some depth at 0.8 of the half depth: what is lost there is added to the whole.
    depth = concavity * height * (1.2 if level == "L5" else 1.4)
    tilt = rng.normal(0, 0.008) * height
    plates = []
    for sign, dish, part in ((1, dishes[0], share), (-1, dishes[1], 1 - share)):
        rough = (
            smooth_field(rng, 5) * (0.2 + variant.rough_mm) * build.stature + tilt * plate_lattice()[0] * sign
        )
        plates.append(sign * (rim / 2 + 0.1 * depth - 2 * part * depth * dish * 0.5) + rough)
    plates[1] = plates[1] + variant.bow_mm * _bow()
    width = size.width_mm / 2 * girth * np.clip(rng.normal(1, 0.025), 0.94, 1.06)
    return Body(
        half_width_mm=float(width * variant.width),
        half_depth_mm=float(size.depth_mm / 2 * girth * variant.depth),
        outline=_jittered_outline(source, rng),
        waist=float(np.clip(rng.normal(0.09, 0.025), 0.03, 0.15)),
        bulge=0.0,
        retropulsion_mm=0.0,
        superior_mm=plates[0].astype(np.float32),
        inferior_mm=plates[1].astype(np.float32),
        cleft_mm=variant.cleft_mm,
    )


def _bow() -> Array:
    """Two hollows side by side, 1 at their deepest (Cupid's bow: Dietz and Christensen 1976)."""
    u, v = plate_lattice()
    return np.asarray(
        sum(np.exp(-((u - side) ** 2 + (v - 0.35) ** 2) / (2 * 0.2**2)) for side in (-0.42, 0.42))
    )


def _nearest_sources(level: str) -> NDArray[np.intp]:
    """Source vertebrae at most one level away that have a body."""
    levels = shapes().levels.astype(int)
    wanted = min(max(LEVELS.index(level), 2), 23)
    return np.flatnonzero((np.abs(levels - wanted) <= 1) & (levels >= 2))


def _jittered_outline(source: int, rng: np.random.Generator) -> NDArray[np.float32]:
    outline = shapes().outlines[source]
    turn = np.arange(len(outline)) * 2 * np.pi / len(outline)
    wobble = sum(rng.normal(0, 0.015) * np.cos(k * turn + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5))
    return np.asarray(outline * (1 + wobble), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """How a body loses height: where (profile), on which end plate, how irregularly.

    ``superior`` and ``inferior`` are (33, 33) shares of the height that are lost at unit amount.
    """

    superior: Array
    inferior: Array
    bulge: float
    retropulsion: float


def draw_collapse(rng: np.random.Generator) -> Collapse:
    """Draw a wedge, biconcave or crush collapse."""
    u, v = plate_lattice()
    kind = rng.choice(3, p=[0.5, 0.27, 0.23])
    forward = np.clip((0.95 - v) / 1.9, 0, 1)
    pivot = forward ** rng.uniform(0.7, 1.8)
    dish = np.clip(1.05 - (u**2 + (v - rng.normal(0, 0.2)) ** 2) * rng.uniform(0.75, 1.0), 0, 1)
    flat = np.ones_like(u)
    mixes = [
        (1, rng.uniform(0, 0.55), 0),
        (rng.uniform(0, 0.3), 1, 0),
        (rng.uniform(0, 0.35), rng.uniform(0, 0.4), 1),
    ]
    wedge, cave, crush = mixes[kind]
    profile = wedge * pivot + cave * dish + crush * flat
    profile = profile * (1 + np.clip(rng.normal(0, 0.15), -0.3, 0.3) * u)
    share = rng.choice(
        [rng.uniform(0.8, 1), rng.uniform(0.35, 0.65), rng.uniform(0, 0.25)], p=[0.55, 0.35, 0.10]
    )
    rough = rng.uniform(0.02, 0.10)
    inside = np.clip(1.4 - np.hypot(u, v), 0, 1)
    return Collapse(
        np.clip(profile * share + rough * smooth_field(rng, rng.uniform(1.6, 4)) * inside, -0.1, 2),
        np.clip(
            profile * (1 - share) + 0.5 * rough * smooth_field(rng, rng.uniform(1.6, 4)) * inside, -0.1, 2
        ),
        float(rng.uniform(0.1, 0.4)),
        float(max(rng.normal(3, 5), 0)),
    )


def collapsed(body: Body, collapse: Collapse, amount: float) -> Body:
    """``body`` after losing ``amount`` (share of its height) along ``collapse``."""
    height = float(body.heights_mm().max())
    superior = body.superior_mm - height * amount * collapse.superior
    inferior = body.inferior_mm + height * amount * collapse.inferior
    gap = np.maximum(LEAST_THICKNESS_MM - (superior - inferior), 0) / 2
    return replace(
        body,
        superior_mm=(superior + gap).astype(np.float32),
        inferior_mm=(inferior - gap).astype(np.float32),
        bulge=collapse.bulge * amount,
        retropulsion_mm=collapse.retropulsion * max(amount - 0.25, 0) * 2,
        waist=body.waist * (1 - 0.5 * amount),
    )


def collapse_to(body: Body, collapse: Collapse, wanted_loss: float, reference_mm: float) -> Body:
    """Deform ``body`` until its least height is ``wanted_loss`` below the tallest comparable height.

    ``reference_mm`` is the comparable height that the neighbours give; the own heights change on the way.
    """

    def loss(amount: float) -> float:
        heights = collapsed(body, collapse, amount).heights_mm()
        return float(1 - heights.min() / max(heights[0], heights[2], reference_mm))

    low, high = 0.0, 0.95
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(middle) < wanted_loss else (low, middle)
    return collapsed(body, collapse, high)
