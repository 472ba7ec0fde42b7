"""A random generator in; features on the bone that look like a fracture, or hide one, out.

They are drawn from their own stream and tell nothing about the grade. Unusual shapes (normal wedging, short
height, Scheuermann) are in `variants`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.levels import GRADED_LEVELS

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a feature needs to know of a vertebra: its place, axes (rows) and half sizes in mm."""

    level: str
    centre: Array
    axes: Array
    half_width_mm: float
    half_depth_mm: float
    half_height_mm: float

    def at(self, x: float, y: float, z: float) -> Array:
        """LPS place of (x, y, z), given in half widths, half depths and half heights."""
        local = np.array([x * self.half_width_mm, y * self.half_depth_mm, z * self.half_height_mm])
        return np.asarray(local @ self.axes + self.centre)


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """An ellipsoid or, with two ends, a capsule that takes on ``hu`` after the bone has been painted.

    Attributes
    ----------
    name : the look-alike it belongs to
    start, end : LPS mm; equal for an ellipsoid
    radii_mm : of an ellipsoid along ``axes``; a capsule uses the first
    axes : float64 (3, 3) rows
    hu : attenuation inside
    edge_mm : width of the soft edge, beside the voxel's
    within_bone : changes only what is already bone (a lytic or sclerotic area)
    """

    name: str
    start: Array
    end: Array
    radii_mm: tuple[float, float, float]
    axes: Array
    hu: float
    edge_mm: float = 0.0
    within_bone: bool = False


def _ball(
    name: str, frame: Frame, place: Array, radii: Sequence[float] | Array, hu: float, edge: float, bone: bool
) -> Feature:
    return Feature(
        name,
        place,
        place,
        (float(radii[0]), float(radii[1]), float(radii[2])),
        frame.axes,
        float(hu),
        edge,
        bone,
    )


def _osteophytes(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    features = []
    for _ in range(int(rng.integers(2, 7))):
        turn = np.radians(rng.uniform(170, 370))
        reach = rng.uniform(0.98, 1.1)
        place = frame.at(
            reach * np.cos(turn), reach * np.sin(turn), rng.choice([-1, 1]) * rng.uniform(0.8, 1.05)
        )
        radii = rng.uniform((2, 2, 1.5), (5.5, 5, 3.5))
        features.append(_ball("osteophyte", frame, place, radii, rng.uniform(300, 600), 0.5, False))
    return features


def _schmorl(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    place = frame.at(
        rng.uniform(-0.45, 0.45), rng.uniform(-0.4, 0.5), rng.choice([-1, 1]) * rng.uniform(0.8, 0.95)
    )
    radii = rng.uniform((3.5, 3.5, 2.5), (8, 7, 5.5))
    rim = _ball("schmorl", frame, place, radii + 1.6, rng.uniform(280, 600), 0.6, True)
    return [rim, _ball("schmorl", frame, place, radii, rng.uniform(50, 90), 0.4, False)]


def _limbus(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    side = rng.choice([-1, 1], p=[0.3, 0.7])
    place = frame.at(rng.uniform(-0.2, 0.2), -0.93, 0.9 * side)
    gap = _ball("limbus", frame, place, rng.uniform((7, 4, 3.5), (13, 7, 6)), 70, 0.5, False)
    corner = frame.at(rng.uniform(-0.2, 0.2), -1.0, 1.0 * side)
    return [gap, _ball("limbus", frame, corner, rng.uniform((4, 2, 1.5), (8, 3.5, 3)), 420, 0.6, False)]


def _lesion(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    lytic = rng.random() < 0.5
    features = []
    for _ in range(int(rng.integers(1, 4))):
        place = frame.at(*rng.uniform(-0.65, 0.65, 3))
        hu = rng.uniform(20, 70) if lytic else rng.uniform(450, 1000)
        features.append(
            _ball("lytic" if lytic else "blastic", frame, place, rng.uniform(3, 10, 3), hu, 1.5, True)
        )
    return features


def _cement(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    hu = rng.uniform(1100, 2600)
    return [
        _ball("cement", frame, frame.at(*rng.uniform(-0.5, 0.5, 3)), rng.uniform(2.5, 9, 3), hu, 0.8, False)
        for _ in range(int(rng.integers(2, 7)))
    ]


def _screws(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    features = []
    radius = float(rng.uniform(2.2, 3.3))
    for side in (-1, 1):
        tip = frame.at(side * rng.uniform(0.2, 0.5), rng.uniform(-0.7, -0.2), rng.uniform(0, 0.4))
        head = frame.at(side * 0.85, 1, 0.3) + 20 * frame.axes[1]
        features.append(Feature("screw", head, tip, (radius,) * 3, frame.axes, 3071.0))
        features.append(Feature("screw", head, head, (6.0, 6.0, 7.0), frame.axes, 3071.0))
        rod = np.outer([-1, 1], 18 * frame.axes[2]) + head
        features.append(Feature("screw", rod[0], rod[1], (2.8,) * 3, frame.axes, 3071.0))
    return features


def _sclerosis(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    side = rng.choice([-1, 1])
    place = frame.at(rng.uniform(-0.2, 0.2), rng.uniform(-0.6, 0.3), side * 1.0)
    radii = rng.uniform((9, 7, 3), (20, 15, 8))
    return [_ball("sclerosis", frame, place, radii, rng.uniform(320, 650), 3.0, True)]


def _haemangioma(frame: Frame, rng: np.random.Generator) -> list[Feature]:
    place = frame.at(*rng.uniform(-0.3, 0.3, 3))
    return [_ball("haemangioma", frame, place, rng.uniform(1, 2, 3), 60, 1.0, True)]


MAKERS: dict[str, Callable[[Frame, np.random.Generator], list[Feature]]] = {
    "osteophyte": _osteophytes,
    "schmorl": _schmorl,
    "limbus": _limbus,
    "lesion": _lesion,
    "cement": _cement,
    "screw": _screws,
    "sclerosis": _sclerosis,
    "haemangioma": _haemangioma,
}
SHARES = (0.36, 0.16, 0.06, 0.10, 0.06, 0.05, 0.14, 0.07)


def draw_features(
    frames: Sequence[Frame], share: float, rng: np.random.Generator
) -> tuple[tuple[Feature, ...], ...]:
    """Draw each vertebra's features; old spines carry osteophytes and bridges at many levels."""
    degenerate = rng.random() < 0.3
    found: list[list[Feature]] = [[] for _ in frames]
    names = list(MAKERS)
    for i, frame in enumerate(frames):
        happens, name = rng.random() < share, names[int(rng.choice(len(names), p=SHARES))]
        worn = degenerate and rng.random() < 0.5
        bridge = degenerate and rng.random() < 0.25
        if frame.level not in GRADED_LEVELS:
            continue
        if happens:
            found[i] += MAKERS[name](frame, rng)
        if worn:
            found[i] += _osteophytes(frame, rng)
        if bridge and i + 1 < len(frames):
            found[i].append(_syndesmophyte(frame, frames[i + 1], rng))
    return tuple(tuple(features) for features in found)


def _syndesmophyte(upper: Frame, lower: Frame, rng: np.random.Generator) -> Feature:
    turn = np.radians(rng.uniform(200, 340))
    start = upper.at(1.03 * np.cos(turn), 1.03 * np.sin(turn), -0.75)
    end = lower.at(1.03 * np.cos(turn), 1.03 * np.sin(turn), 0.75)
    radius = float(rng.uniform(1.5, 3.5))
    return Feature("syndesmophyte", start, end, (radius,) * 3, upper.axes, float(rng.uniform(350, 700)), 0.5)
