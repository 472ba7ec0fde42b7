"""Options and a random generator in; a `Scene`, the frozen description of a torso with its truths, out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.findings import Heights
from inference.heights import deformity
from inference.levels import GRADED_LEVELS, LEVELS
from training.phantom.column import GRADED, Placed, Streams, draw_column
from training.phantom.congenital import congenital_features, draw_congenital
from training.phantom.discs import Disc, draw_discs
from training.phantom.look_alikes import Feature, Frame, draw_features
from training.phantom.sacrum import Sacrum, draw_sacrum
from training.phantom.trunk import Trunk, draw_trunk
from training.phantom.truth import VertebraTruth, grade_of, height_points, losses
from training.phantom.variants import draw_variants
from training.phantom.windows import Bounds, head_bounds, legs_bounds, torso_bounds

Array = NDArray[np.float64]

LOSS_BANDS = ((0.15, 0.20), (0.20, 0.25), (0.25, 0.40), (0.40, 0.68))
"""Wanted raw losses: a slight deformity below the first threshold, then grades 1, 2 and 3."""


class SceneKind(StrEnum):
    """Which part of the body a scene's bounds show. Head and legs show no vertebra."""

    TORSO = "torso"
    SPINE = "spine"
    HEAD = "head"
    LEGS = "legs"


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What to draw.

    Attributes
    ----------
    kind : what the bounds show
    levels : first and last level within the bounds; None draws them
    fracture_share : share of the graded vertebrae for which a collapse is drawn, the same at every level
    band_shares : how the drawn collapses spread over `LOSS_BANDS` (sub-threshold, grade 1, 2, 3)
    look_alike_share : share of the vertebrae that carry a look-alike
    thirteenth_thoracic_share : how likely a vertebra with ribs, T13, lies between T12 and L1
    sixth_lumbar_share : how likely a sixth lumbar vertebra, L6, lies between L5 and the sacrum
    wanted_loss : raw loss of named levels, beside the drawn ones: ``(("L1", 0.45), …)``
    """

    kind: SceneKind = SceneKind.SPINE
    levels: tuple[str, str] | None = None
    fracture_share: float = 0.42
    band_shares: tuple[float, float, float, float] = (0.07, 0.31, 0.31, 0.31)
    look_alike_share: float = 0.3
    thirteenth_thoracic_share: float = 0.0
    sixth_lumbar_share: float = 0.0
    wanted_loss: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A torso, or the part of it within ``bounds_lps_mm``; all vertebrae from C1 to S1 are described."""

    kind: SceneKind
    vertebrae: tuple[Placed, ...]
    truths: tuple[VertebraTruth, ...]
    features: tuple[tuple[Feature, ...], ...]
    bones: tuple["Bone", ...]
    discs: tuple[Disc, ...]
    sacrum: Sacrum
    trunk: Trunk
    texture_seed: int
    bounds_lps_mm: Bounds
    spine_bounds_lps_mm: Bounds | None


@dataclass(frozen=True, slots=True)
class Bone:
    """Attenuation of one vertebra.

    Trabecular and cortical HU, shell thickness, spread and streakiness of the texture, how much darker the
    basivertebral vein is, and how much denser the bone under one end plate is (superior 1, inferior -1).
    """

    trabecular_hu: float
    cortical_hu: float
    cortical_mm: float
    texture_hu: float
    striated: bool
    vein_hu: float
    sclerosis_hu: float
    sclerotic_end: int


def draw_scene(options: SceneOptions, rng: np.random.Generator) -> Scene:
    """Draw a scene; the same options and generator state give the same scene."""
    geometry, shape, grade, collapse, looks, bone, trunk, bounds, rare, extra = rng.spawn(10)
    wanted = _draw_losses(options, grade)
    unusual = draw_congenital(options.look_alike_share, rare)
    variants = draw_variants(options.look_alike_share, looks) | unusual.variants
    more = _draw_more(options, extra)
    streams = Streams(geometry, shape, collapse, extra)
    placed = draw_column(streams, wanted, variants, unusual.step_scale(), more)
    frames = [_frame(p) for p in placed]
    usual = draw_features(frames, options.look_alike_share, looks)
    grown = congenital_features(frames, unusual, rare)
    features = tuple((*own, *more) for own, more in zip(usual, grown, strict=True))
    names = [
        tuple(sorted({f.name for f in found} | ({p.variant.name} if p.variant else set())))
        for p, found in zip(placed, features, strict=True)
    ]
    body = draw_trunk(placed, trunk)
    first, last = options.levels or _draw_levels(options.kind, bounds)
    bones = _draw_bones(placed, features, bone)
    return Scene(
        options.kind,
        placed,
        measure(placed, names),
        features,
        bones,
        unusual.discs(draw_discs(len(placed) - 1, bone)),
        draw_sacrum(bones[-1].trabecular_hu, bone),
        body,
        int(rng.integers(2**31)),
        _bounds(options.kind, body, LEVELS.index(first), LEVELS.index(last), bounds),
        _spine_bounds(placed, first, last) if options.kind in {SceneKind.TORSO, SceneKind.SPINE} else None,
    )


def _draw_more(options: SceneOptions, rng: np.random.Generator) -> str | None:
    """Which vertebra this spine has beside the usual ones, if any."""
    happens = rng.random()
    if happens < options.sixth_lumbar_share:
        return "L6"
    return "T13" if happens < options.sixth_lumbar_share + options.thirteenth_thoracic_share else None


def _draw_losses(options: SceneOptions, rng: np.random.Generator) -> dict[str, float]:
    """Wanted raw loss of each level that collapses; the density rises towards the lower end of grade 3."""
    wanted = {}
    for level in GRADED:
        happens, band, place = rng.random(), rng.choice(4, p=options.band_shares), rng.random()
        if happens < options.fracture_share:
            low, high = LOSS_BANDS[band]
            wanted[level] = low + (high - low) * place ** (1.6 if band == 3 else 1.0)
    return wanted | dict(options.wanted_loss)


def measure(placed: Sequence[Placed], look_alikes: Sequence[tuple[str, ...]]) -> tuple[VertebraTruth, ...]:
    """Measure every vertebra's finished shape."""
    points = [np.zeros((2, 3, 3)) if p.body is None else p.body.height_points() for p in placed]
    heights = np.array([np.maximum(p[0, :, 2] - p[1, :, 2], 0.1) for p in points])
    graded = [i for i, p in enumerate(placed) if p.level in GRADED_LEVELS]
    raw, neighbour, reference = np.zeros((3, len(placed)))
    raw[graded], neighbour[graded], reference[graded] = losses(list(GRADED), heights[graded])
    truths = []
    for i, vertebra in enumerate(placed):
        grade = grade_of(raw[i])
        own = Heights(*map(float, heights[i]))
        truths.append(
            VertebraTruth(
                vertebra.level,
                (float(vertebra.centre[0]), float(vertebra.centre[1]), float(vertebra.centre[2])),
                vertebra.axes,
                height_points(vertebra.centre, vertebra.axes, points[i]),
                own,
                float(raw[i]),
                float(neighbour[i]),
                grade,
                deformity(own, float(reference[i])) if grade else None,
                look_alikes[i],
            )
        )
    return tuple(truths)


def _frame(vertebra: Placed) -> Frame:
    body = vertebra.body
    if body is None:
        return Frame(vertebra.level, vertebra.centre, vertebra.axes, 10.0, 6.0, 8.0)
    half_height = float(body.heights_mm().mean()) / 2
    return Frame(
        vertebra.level, vertebra.centre, vertebra.axes, body.half_width_mm, body.half_depth_mm, half_height
    )


def _draw_bones(
    placed: Sequence[Placed], features: Sequence[Sequence[Feature]], rng: np.random.Generator
) -> tuple[Bone, ...]:
    density = float(np.clip(rng.normal(135, 50), 25, 280))
    cortical = float(np.clip(rng.normal(520 + density, 90), 350, 1000))
    shell = float(np.clip(rng.normal(0.75, 0.15), 0.45, 1.1))
    bones = []
    for vertebra, found in zip(placed, features, strict=True):
        haemangioma = any(f.name == "haemangioma" for f in found)
        extra = 90 if vertebra.level in LEVELS[:7] else 0
        bones.append(
            Bone(
                density + extra + float(rng.normal(0, 10)) - 70 * haemangioma,
                cortical,
                shell,
                float(rng.uniform(18, 38)) + 45 * haemangioma,
                haemangioma,
                float(rng.uniform(20, 160)),
                float(rng.uniform(60, 320)) if rng.random() < (0.55 if vertebra.collapsed else 0.12) else 0.0,
                1 if rng.random() < 0.75 else -1,
            )
        )
    return tuple(bones)


def _draw_levels(kind: SceneKind, rng: np.random.Generator) -> tuple[str, str]:
    if kind is SceneKind.SPINE:
        length = int(rng.integers(5, 14))
        first = int(rng.integers(5, len(LEVELS) - length + 1))
        return LEVELS[first], LEVELS[first + length - 1]
    spans = (("C1", "T6"), ("C6", "L1"), ("T9", "S1"), ("C6", "S1"), ("C1", "S1"), ("T7", "L3"))
    return spans[int(rng.choice(len(spans), p=[0.1, 0.3, 0.28, 0.22, 0.04, 0.06]))]


def _bounds(kind: SceneKind, trunk: Trunk, first: int, last: int, rng: np.random.Generator) -> Bounds:
    if kind is SceneKind.HEAD:
        return head_bounds(trunk, rng)
    if kind is SceneKind.LEGS:
        return legs_bounds(trunk, rng)
    return torso_bounds(trunk, first, last, rng)


def _spine_bounds(placed: Sequence[Placed], first: str, last: str) -> Bounds:
    """Box around ``first`` to ``last``: 55 mm to the sides, 50 in front, 70 behind, 25 beyond the ends."""
    chosen = placed[LEVELS.index(first) : LEVELS.index(last) + 1]
    centres = np.array([p.centre for p in chosen])
    low = centres.min(0) - np.array([55, 50, 25])
    high = centres.max(0) + np.array([55, 70, 25])
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
