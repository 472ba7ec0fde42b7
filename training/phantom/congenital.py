"""A random generator in; what is unusual about a whole spine (fused, cleft, bridged, sacralised) out.

Rare in people and rarer in training data, so each is drawn by spine and more often than it occurs. None is a
fracture. Grades stay measured on the finished shape; a cleft body is measured beside its cleft.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from inference.levels import GRADED_LEVELS, LEVELS
from training.phantom.discs import Disc
from training.phantom.look_alikes import Feature, Frame
from training.phantom.variants import Variant

USUAL_SHARE: Final = 0.3
"""The share of look-alikes for which the shares below hold; with others they rise and fall."""

BOW_SHARE: Final = 0.15
BLOCK_SHARE: Final = 0.04
BUTTERFLY_SHARE: Final = 0.03
SACRALISED_SHARE: Final = 0.05
BRIDGED_SHARE: Final = 0.08
"""Shares of all spines."""

BLOCKED_STEP: Final = 0.85
"""Of the usual step between two bodies that never parted."""


@dataclass(frozen=True, slots=True)
class Congenital:
    """One spine's peculiarities.

    Attributes
    ----------
    variants : unusual shapes by level
    fused : levels that are one piece with the next one below
    bridged : first and last level of a bridged stretch, None without one
    flowing : whether its bridges flow along the front (hyperostosis) or are thin and all around (spondylitis)
    """

    variants: dict[str, Variant]
    fused: frozenset[str]
    bridged: tuple[str, str] | None
    flowing: bool

    @property
    def is_sacralised(self) -> bool:
        """Whether L5 is joined to the sacrum."""
        return "L5" in self.fused

    def step_scale(self) -> list[float]:
        """What each of the 24 steps C1-C2 ... L5-S1 is multiplied by."""
        return [BLOCKED_STEP if level in self.fused else 1.0 for level in LEVELS[:-1]]

    def discs(self, usual: Sequence[Disc]) -> tuple[Disc, ...]:
        """Discs, those of fused levels replaced by a remnant as narrow as the waist of the block."""
        return tuple(
            replace(disc, hu=disc.hu + 130, bulge=-0.14, calcified=False, vacuum=False)
            if level in self.fused
            else disc
            for level, disc in zip(LEVELS, usual, strict=False)
        )


def draw_congenital(look_alike_share: float, rng: np.random.Generator) -> Congenital:
    """Draw a spine's peculiarities; most have none."""
    happens = rng.random(5) < look_alike_share / USUAL_SHARE * np.array(
        [BOW_SHARE, BLOCK_SHARE, BUTTERFLY_SHARE, SACRALISED_SHARE, BRIDGED_SHARE]
    )
    variants: dict[str, Variant] = {}
    fused: set[str] = set()
    if happens[0]:
        depth = float(rng.uniform(2.0, 4.5))
        for level in ("L3", "L4", "L5"):
            variants[level] = Variant("Cupid's bow", bow_mm=depth * float(rng.uniform(0.6, 1.1)))
    if happens[1]:
        upper = int(rng.integers(LEVELS.index("C3"), LEVELS.index("L4")))
        fused.add(LEVELS[upper])
        for level in LEVELS[upper : upper + 2]:
            variants[level] = Variant("block", depth=float(rng.uniform(0.86, 0.94)), height=1.02)
    if happens[2]:
        level = LEVELS[int(rng.integers(LEVELS.index("T4"), LEVELS.index("L4")))]
        variants[level] = Variant("butterfly", cleft_mm=float(rng.uniform(0.8, 3.0)), width=1.1)
    if happens[3]:
        fused.add("L5")
        variants["L5"] = Variant("sacralised", wedge=float(rng.uniform(-0.05, 0.0)), height=1.04, width=1.05)
    bridged, flowing = None, bool(rng.random() < 0.65)
    if happens[4]:
        length = int(rng.integers(4, 9))
        first = int(rng.integers(LEVELS.index("T4"), LEVELS.index("L5") - length + 1))
        bridged = LEVELS[first], LEVELS[first + length]
    return Congenital(variants, frozenset(fused), bridged, flowing)


def congenital_features(
    frames: Sequence[Frame], congenital: Congenital, rng: np.random.Generator
) -> tuple[tuple[Feature, ...], ...]:
    """Bone that bridges discs, and the wings of a sacralised L5, by vertebra."""
    found: list[list[Feature]] = [[] for _ in frames]
    if congenital.bridged is not None:
        first, last = (LEVELS.index(level) for level in congenital.bridged)
        for number in range(first, last):
            found[number] += (_flowing if congenital.flowing else _thin)(
                frames[number], frames[number + 1], rng
            )
    if congenital.is_sacralised:
        found[LEVELS.index("L5")] += _wings(frames[LEVELS.index("L5")], frames[-1], rng)
    return tuple(
        tuple(features) if frame.level in GRADED_LEVELS else ()
        for frame, features in zip(frames, found, strict=True)
    )


def _flowing(upper: Frame, lower: Frame, rng: np.random.Generator) -> list[Feature]:
    """Thick bone along the front and right, furthest out at the disc (Resnick and Niwayama 1976)."""
    hu, features = float(rng.uniform(300, 600)), []
    for turn in np.radians(rng.uniform(228, 244) + np.array([0.0, 14.0, 28.0])):
        x, y = float(np.cos(turn)), float(np.sin(turn))
        above, below = upper.at(1.03 * x, 1.03 * y, 0.0), lower.at(1.03 * x, 1.03 * y, 0.0)
        middle = (upper.at(1.16 * x, 1.16 * y, -1.0) + lower.at(1.16 * x, 1.16 * y, 1.0)) / 2
        for start, end in ((above, middle), (middle, below)):
            radius = float(rng.uniform(1.8, 4.2))
            features.append(Feature("bridging", start, end, (radius,) * 3, upper.axes, hu, 0.8))
    return features


def _thin(upper: Frame, lower: Frame, rng: np.random.Generator) -> list[Feature]:
    """Thin bridges from rim to rim at the front and both sides, as in ankylosing spondylitis."""
    hu, radius = float(rng.uniform(350, 650)), float(rng.uniform(1.0, 1.8))
    features = []
    for degrees in range(190, 351, 20):
        turn = np.radians(degrees + rng.normal(0, 4))
        x, y = 0.97 * float(np.cos(turn)), 0.97 * float(np.sin(turn))
        start, end = upper.at(x, y, -0.8), lower.at(x, y, 0.8)
        features.append(Feature("bridging", start, end, (radius,) * 3, upper.axes, hu, 0.4))
    return features


def _wings(l5: Frame, s1: Frame, rng: np.random.Generator) -> list[Feature]:
    """Broad transverse processes that join the sacrum (Castellvi 1984, types III and IV), often unequal."""
    features = []
    sides = (-1, 1) if rng.random() < 0.6 else (int(rng.choice([-1, 1])),)
    for side in sides:
        start, end = l5.at(side * 1.0, 0.55, 0.1), s1.at(side * 1.35, 0.75, 0.5)
        radius = float(rng.uniform(6.5, 10))
        features.append(Feature("sacralised", start, end, (radius,) * 3, l5.axes, 480.0, 0.6))
        inner = (radius - 1.6,) * 3
        features.append(Feature("sacralised", start, end, inner, l5.axes, float(rng.uniform(110, 220)), 0.8))
    return features
