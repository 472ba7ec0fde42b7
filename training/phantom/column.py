"""A random generator in; a whole spine, C1 to S1, placed and oriented in LPS mm, out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.levels import GRADED_LEVELS, LEVELS
from training.phantom.anatomy import SIZES, shapes
from training.phantom.bodies import Build, collapse_to, draw_body, draw_build, draw_collapse
from training.phantom.body import Body
from training.phantom.spines import draw_steps, source_sacral_step
from training.phantom.truth import losses
from training.phantom.variants import PLAIN, Variant

Array = NDArray[np.float64]

KYPHOSIS_SHARE = 0.35
"""How much of a wedge's angle the spine above it takes on; the discs take the rest."""
MOST_KYPHOSIS_RAD = np.radians(22)
"""What all collapses together add at most; people with more of them lie propped up."""
SACRAL_SLOPE_RAD = np.radians(38)
"""Tilt of S1's end plate in the source mesh."""
LIKE = {"T13": "T12", "L6": "L5", "S1": "L5"}
"""Whose arch these have. T13, with ribs, and L6 are one vertebra more than usual: no network names them."""
BELOW = {"T13": "L1", "L6": "S1"}
"""Which level such a vertebra lies above."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A vertebra's shape and place.

    ``arch`` counts in the shapes' arches; ``arch_scale`` multiplies its mm; ``mirrored`` swaps its sides.
    ``body`` is None for C1 and C2, whose template is whole.
    """

    level: str
    centre: Array
    axes: Array
    body: Body | None
    arch: int
    arch_scale: float
    mirrored: bool
    collapsed: bool
    variant: Variant | None


def unit(vector: Array) -> Array:
    """``vector`` at length 1."""
    return np.asarray(vector / np.linalg.norm(vector))


def frame(superior: Array, turn: float) -> Array:
    """Rows left, posterior, superior; posterior stays in the sagittal plane but for ``turn`` (radians)."""
    superior = unit(superior)
    posterior = unit(np.array([0.0, 1.0, 0.0]) - superior[1] * superior)
    left = np.cross(posterior, superior)
    return np.stack([
        left * np.cos(turn) + posterior * np.sin(turn),
        posterior * np.cos(turn) - left * np.sin(turn),
        superior,
    ])  # fmt: skip


def _rotate_x(vector: Array, angle: float) -> Array:
    x, y, z = vector
    return np.array([x, y * np.cos(angle) - z * np.sin(angle), y * np.sin(angle) + z * np.cos(angle)])


@dataclass(frozen=True, slots=True)
class Streams:
    """Independent generators, one a question, so that no answer can tell another."""

    geometry: np.random.Generator
    shape: np.random.Generator
    collapse: np.random.Generator
    extra: np.random.Generator


def draw_column(
    streams: Streams,
    wanted: dict[str, float],
    variants: dict[str, Variant],
    step_scale: Sequence[float],
    more: str | None = None,
) -> tuple[Placed, ...]:
    """Draw the spine; ``wanted`` gives the raw loss of the levels that collapse.

    ``step_scale`` multiplies the distance of each body to the next one below; ``more`` names a vertebra that
    lies in this spine beside the usual ones (T13 or L6).
    """
    steps = draw_steps(streams.geometry, curvature=float(streams.geometry.uniform(0.7, 1.25)))
    stature = float(np.clip(np.linalg.norm(steps[7:23], axis=1).mean() / 28.1, 0.82, 1.18))
    steps = steps * np.array(step_scale)[:, None]
    build = draw_build(stature, streams.shape)
    bodies = _draw_bodies(build, streams, wanted, variants)
    names = list(LEVELS)
    if more:
        place = LEVELS.index(BELOW[more])
        names.insert(place, more)
        bodies.insert(place, draw_body(LIKE[more], build, PLAIN, streams.extra))
        steps = np.insert(steps, place - 1, steps[place - 2] * streams.extra.uniform(0.95, 1.03), axis=0)
    lost, wedge = _lost_height(names, bodies, wanted)
    centres = _stack(steps, lost, wedge)
    axes = _orient(names, centres, streams.geometry)
    levels = shapes().levels.astype(int)
    placed = []
    for i, level in enumerate(names):
        candidates = np.flatnonzero(levels == LEVELS.index(LIKE.get(level, level)))
        arch = int(streams.shape.choice(candidates))
        mirrored = bool(streams.shape.random() < 0.5)
        own = (bodies[i], arch, stature, mirrored, level in wanted, variants.get(level))
        placed.append(Placed(level, centres[i], axes[i], *own))
    return tuple(placed)


def _draw_bodies(
    build: Build, streams: Streams, wanted: dict[str, float], variants: dict[str, Variant]
) -> list[Body | None]:
    bodies = [
        None if level in {"C1", "C2"} else draw_body(level, build, variants.get(level, PLAIN), streams.shape)
        for level in LEVELS
    ]
    graded = {
        level: body for level, body in zip(LEVELS, bodies, strict=True) if body and level in GRADED_LEVELS
    }
    reference = losses(list(graded), np.array([body.heights_mm() for body in graded.values()]))[2]
    for (level, body), mm in zip(graded.items(), reference, strict=True):
        collapse = draw_collapse(streams.collapse)
        if level in wanted:
            bodies[LEVELS.index(level)] = collapse_to(body, collapse, wanted[level], float(mm) * 0.985)
    return bodies


def _lost_height(
    names: Sequence[str], bodies: Sequence[Body | None], wanted: dict[str, float]
) -> tuple[Array, Array]:
    """By how much each collapsed body shortens the spine (mm) and bends it (radians)."""
    lost, wedge = np.zeros(len(names)), np.zeros(len(names))
    for i, (level, body) in enumerate(zip(names, bodies, strict=True)):
        if level in wanted and body is not None:
            a, _, p = body.heights_mm()
            size = SIZES[level]
            lost[i] = max(size.posterior_mm * (1 + size.wedge) / 2 - (a + p) / 2, 0)
            wedge[i] = np.arctan2(p - a - size.posterior_mm * (1 - size.wedge), 1.6 * body.half_depth_mm)
    return lost, wedge


def _stack(steps: Array, lost: Array, wedge: Array) -> Array:
    """Body centres from S1 upwards; L3 comes to lie at the origin."""
    centres = [np.zeros(3)]
    angle = 0.0
    share = min(KYPHOSIS_SHARE, MOST_KYPHOSIS_RAD / max(float(np.maximum(wedge, 0).sum()), 1e-6))
    for i in range(len(steps) - 1, -1, -1):
        angle += share * (wedge[i] + wedge[i + 1]) / 2
        step = -steps[i]
        length = np.linalg.norm(step)
        step = step * (1 - min(0.42 * (lost[i] + lost[i + 1]) / length, 0.45))
        centres.append(centres[-1] + _rotate_x(step, angle))
    stacked = np.array(centres[::-1])
    return np.asarray(stacked - stacked[LEVELS.index("L3")])


def _orient(names: Sequence[str], centres: Array, rng: np.random.Generator) -> list[Array]:
    steps = -np.diff(centres, axis=0)
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    twist = np.gradient(np.gradient(centres[:, 0])) * 0.06
    axes = []
    for i, level in enumerate(names):
        above, below = units[max(i - 1, 0)], units[min(i, len(units) - 1)]
        superior = above + below
        if level == "S1":
            # The sacrum turns with the step that leads to it: see `sacrum_turn`.
            superior = _rotate_x(
                np.array([0.0, -np.sin(SACRAL_SLOPE_RAD), np.cos(SACRAL_SLOPE_RAD)]), sacrum_turn(centres)
            )
        superior = unit(superior) + np.clip(rng.normal(0, [0.02, 0.025, 0]), -0.05, 0.05)
        axes.append(frame(superior, float(np.clip(twist[i] + rng.normal(0, 0.02), -0.3, 0.3))))
    return axes


def sacrum_turn(centres: Array) -> float:
    """Angle (radians, about x) between the source mesh's L5→S1 step and the drawn one."""
    drawn, source = centres[-1] - centres[-2], source_sacral_step()
    return float(np.arctan2(drawn[1], -drawn[2]) - np.arctan2(source[1], -source[2]))


GRADED = tuple(level for level in LEVELS if level in GRADED_LEVELS)
