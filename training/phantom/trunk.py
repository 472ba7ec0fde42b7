"""The spine's place in; the parameters of everything around it (skin, fat, lungs, organs, ribs) out.

Places are given by *level coordinate*: the index in ``LEVELS`` as a real number along z, continued above C1
and below S1. Sideways and to the back they are mm from the spine's centre line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.phantom.column import Placed

Array = NDArray[np.float64]

SKIN: Final = np.array([
    # level coordinate, half width, half depth, centre behind the spine
    (-8.6, 4, 4, 5), (-8.0, 45, 50, 5), (-6.5, 68, 84, 5), (-3.5, 76, 96, 2), (0.0, 72, 92, -10),
    (1.6, 64, 78, -12), (2.8, 57, 66, -8), (5.0, 60, 68, -4), (6.0, 92, 74, -2), (7.0, 150, 82, -4),
    (8.3, 178, 94, -10), (10.0, 182, 106, -24), (13.0, 168, 118, -40), (16.0, 160, 121, -44),
    (19.0, 156, 118, -38), (22.0, 163, 116, -30), (24.0, 176, 116, -34), (27.0, 186, 114, -50),
    (30.0, 180, 102, -66), (34.0, 170, 92, -78),
])  # fmt: skip
"""Outline of an average adult lying with the arms up."""

CAGE: Final = np.array([
    # level coordinate, half width, half depth of the rib cage's outer wall
    (6.6, 38, 24), (7.3, 58, 36), (8.3, 82, 48), (9.5, 103, 61), (11.0, 119, 73), (13.0, 131, 83),
    (15.0, 136, 87), (17.0, 134, 86), (19.0, 130, 84), (21.0, 128, 84),
])  # fmt: skip
CAGE_BACK_MM: Final = 40.0
"""How far behind the body's centre the rib cage's outer wall reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """One person's soft tissue.

    Attributes
    ----------
    centres : float64 (25, 3), body centres C1 to S1, LPS mm
    girth, cage : size of skin and organs, and of the rib cage, over the average
    fat_mm : thickness of the subcutaneous fat
    muscle_hu : attenuation of muscle
    contrast_hu : added to vessels by a contrast agent
    diaphragm : level coordinate of the domes' top
    dome_mm : how far the domes' rim lies below their top
    shoulders : level coordinate of the shoulder joints
    arms_up : whether the arms lie beside the head or beside the trunk
    chest_levels, belly_levels : by how many levels the organs lie lower than on average
    organs : float64 (20,), uniform numbers from which the organs take their sizes and places
    rib_tilt : fall of the ribs over the average
    rib_lengths : float64 (13,), degrees round the cage at which each bony rib ends, a thirteenth included
    last_ribs_fall : how steeply the last two pairs fall, times the usual
    table_mm : distance of the table from the back, None without one
    seed : of lung vessels and bowel
    """

    centres: Array
    girth: float
    cage: float
    fat_mm: float
    muscle_hu: float
    contrast_hu: float
    diaphragm: float
    dome_mm: float
    shoulders: float
    arms_up: bool
    chest_levels: float
    belly_levels: float
    organs: Array
    rib_tilt: float
    rib_lengths: Array
    last_ribs_fall: float
    table_mm: float | None
    seed: int

    def level_at(self, z: Array) -> Array:
        """Level coordinate at heights ``z``."""
        known = self.centres[:, 2]
        inside = np.interp(-z, -known, np.arange(len(known)))
        above, below = np.maximum(z - known[0], 0) / 17, np.maximum(known[-1] - z, 0) / 28
        return np.asarray(inside - above + below)

    def height_at(self, level: float) -> float:
        """Height z of a level coordinate."""
        known = self.centres[:, 2]
        if level < 0:
            return float(known[0] - 17 * level)
        if level > len(known) - 1:
            return float(known[-1] - 28 * (level - len(known) + 1))
        return float(np.interp(level, np.arange(len(known)), known))

    def sacrum_height(self) -> float:
        """Height z of the middle of S1, however many vertebrae lie above it."""
        return float(self.centres[-1, 2])

    def organ_level(self, usual: float) -> float:
        """Level coordinate at which this person has what lies at level ``usual`` on average.

        Carina, aortic arch, kidneys and the aorta's fork are each found over two to four levels: an organ
        tells a network about where it is, never which vertebra it sees.
        """
        lower = [0, self.chest_levels, self.chest_levels, self.belly_levels]
        return usual + float(np.interp(usual, [8, 10, 15, 18], lower))

    def organ_height(self, usual: float) -> float:
        """Height z of what lies at level ``usual`` on average."""
        return self.height_at(self.organ_level(usual))

    def spine_at(self, z: Array) -> tuple[Array, Array]:
        """x and y of the spine's centre line at heights ``z``; it goes on straight beyond the ends."""
        order = np.argsort(self.centres[:, 2])
        known = self.centres[order]
        return np.interp(z, known[:, 2], known[:, 0]), np.interp(z, known[:, 2], known[:, 1])

    def skin_spine_at(self, z: Array) -> tuple[Array, Array]:
        """The centre line as the skin follows it: smoothed."""
        fine = np.arange(self.centres[-1, 2] - 250, self.centres[0, 2] + 250, 5.0)
        x, y = self.spine_at(fine)
        return (
            np.interp(z, fine, ndimage.gaussian_filter1d(x, 10, mode="nearest")),
            np.interp(z, fine, ndimage.gaussian_filter1d(y, 8, mode="nearest")),
        )

    def skin_at(self, z: Array) -> tuple[Array, Array, Array]:
        """Half width, half depth and centre offset (mm behind the spine) of the skin at heights ``z``."""
        level = self.level_at(z)
        half_width, half_depth, offset = (np.interp(level, SKIN[:, 0], SKIN[:, i]) for i in (1, 2, 3))
        torso = np.clip((level - 6) / 3, 0, 1)
        grow = 1 + (self.girth - 1) * torso
        extra = (self.fat_mm - 18) * torso
        depth = half_depth * grow + extra
        # What is added in depth is added in front: the back stays at the table.
        width, offset = half_width * grow + extra, offset - 0.75 * (depth - half_depth)
        # The ribs stay under the skin.
        cage_width, cage_depth = self.cage_at(level)
        thorax = np.clip(np.minimum(level - 8, (20 - level) / 2.5), 0, 1)
        chest = CAGE_BACK_MM * self.cage - 2 * cage_depth - 16
        front = offset - depth + thorax * np.minimum(chest - (offset - depth), 0)
        back = offset + depth
        width = width + thorax * np.maximum(cage_width + 14 - width, 0)
        return width, (back - front) / 2, (back + front) / 2

    def cage_at(self, level: Array) -> tuple[Array, Array]:
        """Half width and half depth of the rib cage's outer wall."""
        return tuple(self.cage * np.interp(level, CAGE[:, 0], CAGE[:, i]) for i in (1, 2))


def draw_trunk(placed: Sequence[Placed], rng: np.random.Generator) -> Trunk:
    """Draw what surrounds the spine."""
    stature = float(np.mean([p.arch_scale for p in placed]))
    arms_up = bool(rng.random() < 0.7)
    return Trunk(
        centres=np.array([p.centre for p in placed]),
        girth=stature * float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.25)),
        cage=stature * float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)),
        fat_mm=float(np.clip(rng.gamma(4, 5), 5, 50)),
        muscle_hu=float(np.clip(rng.normal(50, 10), 20, 70)),
        contrast_hu=float(rng.choice([0, rng.uniform(60, 130), rng.uniform(150, 330)], p=[0.5, 0.35, 0.15])),
        diaphragm=float(np.clip(rng.normal(16.5, 1.2), 13.0, 19.0)),
        dome_mm=float(rng.uniform(35, 80)),
        shoulders=float(rng.normal(8.2 if arms_up else 8.9, 0.6)),
        arms_up=arms_up,
        chest_levels=float(np.clip(rng.normal(0, 0.7), -1.6, 1.6)),
        belly_levels=float(np.clip(rng.normal(0, 0.7), -1.6, 1.6)),
        organs=rng.random(20),
        rib_tilt=float(np.clip(rng.normal(1, 0.25), 0.4, 1.6)),
        rib_lengths=_draw_rib_lengths(rng),
        last_ribs_fall=float(rng.uniform(0.7, 1.5)),
        table_mm=float(rng.uniform(8, 45)) if rng.random() < 0.85 else None,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip


def _draw_rib_lengths(rng: np.random.Generator) -> Array:
    """Where each bony rib ends; the twelfth from a stump to as long as the one above it."""
    upper = [150.0, 165, 168, 168, 168, 165, 162, 150, 140, 128]
    eleventh, twelfth = rng.uniform(65, 110), 22 + 78 * rng.beta(1.6, 2.0)
    return np.array([*upper, eleventh, twelfth, 22 + (twelfth - 22) * rng.uniform(0.1, 0.9)])
