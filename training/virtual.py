"""A real spine's crops with their six points in, the same spine with drawn fractures in it out.

The crop of a normal vertebra is warped, so the texture stays real and the height loss is exact. The upper end
plate comes down and the lower one up by a drawn profile; what lies beyond follows as one piece, the discs
take up the difference, and bone that was pressed together gets denser.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.crops import CROP
from inference.findings import Heights
from inference.heights import Measured, height_losses
from inference.levels import LEVELS
from training.samples import UNGRADED, Crops

Array = NDArray[np.float64]

BANDS: Final = ((0.20, 0.25), (0.25, 0.40), (0.40, 0.65))
"""Raw height losses of grades 1, 2 and 3 that are drawn."""

MEASURED_NORMAL: Final = 0.17
"""A vertebra that nobody graded and that lost less than this is taken for normal: real normal ones do."""

DISC_MM: Final = 8.0
"""Over so much beyond an end plate the difference to the straight neighbour is taken up."""

WALL_MM: Final = 5.0
"""Beyond the body's walls the drawn profile fades into the neighbour's motion over so much."""

LEAST_MM: Final = 4.0
"""No body is pressed below this height anywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Fracture:
    """How a body gives way.

    Attributes
    ----------
    profile : height lost in front, in the middle and behind, relative to the largest of the three
    upper : share that the upper end plate loses; the rest is the lower one's
    lean : how much more one side loses (share at the body's side)
    rough : (slices, columns) unevenness, relative
    density : exponent of the denser bone (0: none, 1: all mass is kept)
    """

    profile: tuple[float, float, float]
    upper: float
    lean: float
    rough: Array
    density: float


def draw_fracture(rng: np.random.Generator) -> Fracture:
    """Draw a wedge, biconcave or crush fracture, mostly of the upper end plate."""
    kinds = (
        (1.0, rng.uniform(0.45, 0.9), rng.uniform(0.0, 0.3)),
        (rng.uniform(0.1, 0.5), 1.0, rng.uniform(0.05, 0.35)),
        (rng.uniform(0.85, 1.0), 1.0, rng.uniform(0.7, 0.95)),
    )
    front, middle, back = kinds[rng.choice(3, p=[0.5, 0.3, 0.2])]
    ends = (rng.uniform(0.85, 1), rng.uniform(0.35, 0.65), rng.uniform(0, 0.15))
    noise = ndimage.gaussian_filter(rng.normal(size=(CROP.slices, CROP.columns)), (1.2, 3.5))
    return Fracture(
        (float(front), float(middle), float(back)),
        float(rng.choice(ends, p=[0.6, 0.3, 0.1])),
        float(np.clip(rng.normal(0, 0.15), -0.35, 0.35)),
        noise / noise.std() * rng.uniform(0.02, 0.09),
        float(rng.uniform(0.1, 0.7)),
    )


def virtual_spine(crops: Crops, tall: NDArray[np.int16], rng: np.random.Generator) -> Crops | None:
    """The measured vertebrae of one spine with fractures in some normal ones, no two of them neighbours.

    ``tall`` (N, slices, 3 rows, columns) shows what lies above and below each crop: it moves into view.

    Grades follow from the raw height loss of the finished points. None where nothing is normal and measured.
    What nobody graded stays ungraded, unless it is broken here.
    """
    measured = np.asarray(np.isfinite(crops.points).all(axis=(1, 2)))
    spine, tall = crops.taken(measured), tall[measured]
    graded_normal = (spine.grade == 0) & (spine.raw_loss < BANDS[0][0])
    measured_normal = (spine.grade == UNGRADED) & (spine.raw_loss < MEASURED_NORMAL)
    normal = np.flatnonzero(graded_normal | measured_normal)
    chosen: list[int] = []
    for number in rng.permutation(normal):
        apart = all(abs(int(spine.level[number]) - int(spine.level[other])) > 1 for other in chosen)
        if apart and (not chosen or rng.random() < 0.7):
            chosen.append(int(number))
    hu, points, grade = spine.hu.copy(), spine.points.copy(), spine.grade.copy()
    for number in chosen:
        band = BANDS[rng.integers(3)]
        bent = fracture_to(
            tall[number],
            points[number],
            float(rng.uniform(*band)),
            _reference(spine, number),
            draw_fracture(rng),
        )
        if bent is not None:
            hu[number], points[number] = bent
    if (points == spine.points).all():
        return None
    losses = raw_losses(spine.level, points)
    changed = (points != spine.points).any(axis=(1, 2))
    grade[changed] = (losses[changed, None] >= [low for low, _ in BANDS]).sum(axis=1)
    return replace(spine, hu=hu, points=points, grade=grade, raw_loss=losses.astype(np.float32))


def raw_losses(levels: NDArray[np.uint8], points: NDArray[np.float32]) -> Array:
    """Raw height loss (0-1) of every vertebra of one spine from its points (N, 6, 2)."""
    heights = np.linalg.norm(points[:, 1::2] - points[:, 0::2], axis=2) * CROP.pixel_mm
    spine = [
        Measured(LEVELS[level], Heights(*map(float, own))) for level, own in zip(levels, heights, strict=True)
    ]
    return np.array([loss.raw for loss in height_losses(spine)])


def _reference(spine: Crops, number: int) -> float:
    """The comparable height (mm) that the neighbours of one vertebra give; 0 without neighbours."""
    points = spine.points.copy()
    points[number, 1::2] = points[number, 0::2] + 1e-3
    heights = np.linalg.norm(points[:, 1::2] - points[:, 0::2], axis=2) * CROP.pixel_mm
    measured = [
        Measured(LEVELS[level], Heights(*map(float, own)))
        for level, own in zip(spine.level, heights, strict=True)
    ]
    return height_losses(measured)[number].reference_mm


def fracture_to(
    tall: NDArray[np.int16],
    points: NDArray[np.float32],
    wanted: float,
    reference_mm: float,
    fracture: Fracture,
) -> tuple[NDArray[np.int16], NDArray[np.float32]] | None:
    """Break one vertebra until its raw height loss is ``wanted``; None where it cannot be reached.

    Parameters
    ----------
    tall : int16 (slices, 3 rows, columns), the crop with as much above and below it
    points : float32 (6, 2), (row, column) of its height points
    reference_mm : comparable height that the neighbours give; the own heights count too
    """
    places = points.astype(np.float64)
    low, high = 0.0, 0.9
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _loss(places, fracture, middle, reference_mm) < wanted else (low, middle)
        )
    if abs(_loss(places, fracture, high, reference_mm) - wanted) > 0.005:
        return None
    return _warp(tall, places, fracture, high), _moved(places, fracture, high).astype(np.float32)


def _loss(points: Array, fracture: Fracture, amount: float, reference_mm: float) -> float:
    moved = _moved(points, fracture, amount)
    heights = np.linalg.norm(moved[1::2] - moved[0::2], axis=1) * CROP.pixel_mm
    return float(1 - heights.min() / max(heights[0], heights[2], reference_mm))


def _moved(points: Array, fracture: Fracture, amount: float) -> Array:
    """The six points after the fracture; columns stay."""
    middle = CROP.slices // 2
    columns = np.arange(CROP.columns)
    moved = points.copy()
    down, up = _plate_motion(points, fracture, amount)
    for start, motion, sign in ((0, down, 1), (1, up, -1)):
        moved[start::2, 0] += sign * np.interp(points[start::2, 1], columns, motion[middle])
    return moved


def _plate_motion(points: Array, fracture: Fracture, amount: float) -> tuple[Array, Array]:
    """How far the upper plate comes down and the lower one up, each (slices, columns) in pixels."""
    columns = np.arange(CROP.columns, dtype=np.float64)
    at = (points[0::2, 1] + points[1::2, 1]) / 2
    lost = _curve(at, np.array(fracture.profile), columns)
    across = np.linspace(-1, 1, CROP.slices)[:, None]
    lost = np.clip(lost * (1 + fracture.lean * across) * (1 + fracture.rough), 0, None)
    height = _height(points)
    most = np.maximum(_plate(points, 1) - _plate(points, 0) - LEAST_MM / CROP.pixel_mm, 0)
    total = np.minimum(lost * amount * height, most)
    return total * fracture.upper, total * (1 - fracture.upper)


def _height(points: Array) -> float:
    return float((points[1::2, 0] - points[0::2, 0]).max())


def _plate(points: Array, side: int) -> Array:
    """Row of an end plate (0 upper, 1 lower) at every column, from its three points."""
    return _curve(points[side::2, 1], points[side::2, 0], np.arange(CROP.columns, dtype=np.float64))


def _curve(at: Array, values: Array, columns: Array) -> Array:
    """The parabola through three points; beyond the outer two it stays level."""
    coefficients = np.polynomial.polynomial.polyfit(at, values, 2)
    inside = np.clip(columns, at.min(), at.max())
    return np.asarray(np.polynomial.polynomial.polyval(inside, coefficients))


def _warp(tall: NDArray[np.int16], points: Array, fracture: Fracture, amount: float) -> NDArray[np.int16]:
    """Pull every voxel from where it was before the fracture; only rows change."""
    upper, lower = _plate(points, 0), _plate(points, 1)
    down, up = _plate_motion(points, fracture, amount)
    beyond = _beyond(points)
    above, below = _as_one_piece(down, points), _as_one_piece(up, points)
    down, up = (motion + beyond * (rigid - motion) for motion, rigid in ((down, above), (up, below)))
    disc = DISC_MM / CROP.pixel_mm
    rows = np.arange(CROP.rows, dtype=np.float64)
    shape = (CROP.slices, CROP.rows, CROP.columns)
    source = np.empty(shape)
    for s in range(CROP.slices):
        for c in range(CROP.columns):
            before = np.array([-500, upper[c] - disc, upper[c], lower[c], lower[c] + disc, 500])
            motion = np.array([above[s, c], above[s, c], down[s, c], -up[s, c], -below[s, c], -below[s, c]])
            source[s, :, c] = np.interp(rows, before + motion, before)
    bent = _pulled(tall, source)
    pressed = (lower - upper) / np.maximum(lower - up - upper - down, 1)
    inside = (source >= upper) & (source <= lower) & (beyond < 0.5) & (bent > 0)
    bent = np.where(inside, bent * np.broadcast_to(pressed[:, None, :], shape) ** fracture.density, bent)
    return np.clip(np.rint(bent), -1024, 3071).astype(np.int16)


def _beyond(points: Array) -> Array:
    """0 within the body's walls to 1 ``WALL_MM`` outside, by column."""
    front, back = points[:2, 1].mean(), points[4:, 1].mean()
    middle, half = (front + back) / 2, (back - front) / 1.6
    outside = np.abs(np.arange(CROP.columns) - middle) - half
    return np.asarray(np.clip(outside * CROP.pixel_mm / WALL_MM, 0, 1))


def _as_one_piece(motion: Array, points: Array) -> Array:
    """The straight line nearest to an end plate's motion: how the neighbour moves along with it."""
    front, back = int(points[:2, 1].mean()), int(points[4:, 1].mean())
    columns = np.arange(CROP.columns)
    at = slice(max(front, 0), min(back + 1, CROP.columns))
    slope, start = np.polyfit(columns[at], motion[:, at].mean(axis=0), 1)
    line = np.clip(start + slope * np.clip(columns, front - 8, back + 8), 0, None)
    # It leaves some disc everywhere: where it would come too near, it stays further off as a whole.
    too_near = float((line[at] - motion[:, at].min(axis=0)).max()) - 0.7 * DISC_MM / CROP.pixel_mm
    return np.broadcast_to(np.clip(line - max(too_near, 0.0), 0, None), motion.shape)


def _pulled(tall: NDArray[np.int16], source: Array) -> Array:
    """Linear interpolation along rows; row 0 of the crop is row ``CROP.rows`` of ``tall``."""
    bounded = np.clip(source + CROP.rows, 0, 3 * CROP.rows - 1.001)
    first = bounded.astype(np.int64)
    share = bounded - first
    below = np.take_along_axis(tall, first, axis=1) * (1 - share)
    return np.asarray(below + np.take_along_axis(tall, first + 1, axis=1) * share)
