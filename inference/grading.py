"""A volume and its located vertebrae in, one finding for each vertebra that is graded out.

Each vertebra is looked at three times: the six points of one look centre and turn the crop of the next, so
that the localiser's coarse grid does not matter. Neck and sacrum are not graded and give no finding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from inference.bundle import Bundle
from inference.card import GradeCalibration
from inference.crops import CROP, Axes, crop_affine, cut_crop
from inference.findings import Assessment, Grade, HeightPoints, Heights, Point, VertebraFinding
from inference.heights import HeightLoss, Measured, deformity, height_losses, measure
from inference.levels import GRADED_LEVELS
from inference.model import as_input, device_of
from inference.places import reseated
from inference.spine import LocatedVertebra, as_point
from inference.volume import Volume

WIDEST_SPACING_MM: Final = 5.5
"""Slices further apart do not show an end plate well enough to measure it."""

MARGIN_MM: Final = (3.0, 1.0, 1.0)
"""What must be seen of the scan beyond each of the six points, along slice, row and column."""

LEAST_GRADED_PROBABILITY: Final = 0.8
"""A vertebra without a number is graded only if it is so surely one of T1 to L5."""

CUT: Final = "cut by the edge of the images"

LOOKS: Final = 3
"""How often the grader looks at a vertebra."""

LARGEST_TURN: Final = np.radians(25.0)
"""Between two looks a crop turns by no more."""

PLAUSIBLE_MM: Final = (4.0, 45.0)
"""No living vertebral body is lower or taller."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the grader saw at one vertebra: three logits, six LPS points (6, 3), trabecular HU."""

    ordinal: NDArray[np.float64]
    points_mm: NDArray[np.float64]
    trabecular_hu: float | None

    @property
    def height_points(self) -> HeightPoints:
        """The six points by name."""
        return HeightPoints(*(as_point(point) for point in self.points_mm))

    @property
    def centre_lps_mm(self) -> Point:
        """The middle of the six points, nearer to the body's centre than the localiser's coarse grid gets."""
        return as_point(self.points_mm.mean(axis=0))


def grade_vertebrae(
    volume: Volume, located: Sequence[LocatedVertebra], bundle: Bundle
) -> tuple[VertebraFinding, ...]:
    """Grade T1 to L5, and vertebrae without a number; findings run as ``located`` does."""
    wanted = [v for v in located if v.level is None or v.level in GRADED_LEVELS]
    reasons = [_not_a_vertebra_to_grade(v) or _unseen(volume, np.array(v.centre_lps_mm)) for v in wanted]
    seen = [number for number, reason in enumerate(reasons) if reason is None]
    readings = _settled(volume, [wanted[number] for number in seen], bundle)
    sound: dict[int, Reading] = {}
    for number, reading in zip(seen, readings, strict=True):
        reasons[number] = _doubt(volume, reading)
        if reasons[number] is None:
            sound[number] = reading
    for number in _cut(volume, wanted, sound):
        reasons[number] = CUT
        del sound[number]
    spine = _measured(wanted, sound)
    assessments = {
        number: _assess(reading, own.heights, loss, bundle)
        for (number, reading), own, loss in zip(sound.items(), spine, height_losses(spine), strict=True)
    }
    return tuple(
        VertebraFinding(
            v.level, v.level_confidence,
            sound[number].centre_lps_mm if number in sound else v.centre_lps_mm,
            assessments.get(number), reason,
        )
        for number, (v, reason) in enumerate(zip(wanted, reasons, strict=True))
    )  # fmt: skip


def _settled(volume: Volume, located: Sequence[LocatedVertebra], bundle: Bundle) -> tuple[Reading, ...]:
    """Look at each vertebra; where two looks went to one of them, begin where its neighbour must be."""
    readings = read_vertebrae(volume, located, bundle)
    places = [np.array(reading.centre_lps_mm) for reading in readings]
    starts = reseated(places, [vertebra.level for vertebra in located])
    if starts is None:
        return readings
    moved = [replace(v, centre_lps_mm=as_point(at)) for v, at in zip(located, starts, strict=True)]
    return read_vertebrae(volume, moved, bundle)


def read_vertebrae(volume: Volume, located: Sequence[LocatedVertebra], bundle: Bundle) -> tuple[Reading, ...]:
    """Look at each vertebra; every further look follows the six points of the one before."""
    centres = [np.array(vertebra.centre_lps_mm) for vertebra in located]
    axes = [vertebra.axes for vertebra in located]
    for _ in range(LOOKS - 1):
        seen = _look(volume, centres, axes, bundle)
        centres = [np.array(reading.centre_lps_mm) for reading in seen]
        axes = [along_points(frame, reading.points_mm) for frame, reading in zip(axes, seen, strict=True)]
    return _look(volume, centres, axes, bundle)


def along_points(axes: Axes, points_mm: NDArray[np.float64]) -> Axes:
    """Turn a frame about its left axis until posterior runs with the body's depth; points (6, 3)."""
    left, posterior, up = axes
    depth = points_mm[4:].mean(axis=0) - points_mm[:2].mean(axis=0)
    angle = np.clip(np.arctan2(depth @ up, depth @ posterior), -LARGEST_TURN, LARGEST_TURN)
    turned = np.cos(angle) * posterior + np.sin(angle) * up
    return np.stack([left, turned, np.cross(left, turned)])


def _look(
    volume: Volume,
    centres: Sequence[NDArray[np.float64]],
    axes: Sequence[NDArray[np.float64]],
    bundle: Bundle,
) -> tuple[Reading, ...]:
    if not centres:
        return ()
    crops = [cut_crop(volume, centre, frame) for centre, frame in zip(centres, axes, strict=True)]
    with torch.inference_mode():
        hu = torch.from_numpy(np.stack(crops)).to(device_of(bundle.grader))
        seen = bundle.grader(as_input(hu))
    readings = []
    for crop, centre, frame, ordinal, points in zip(
        crops, centres, axes, _array(seen.ordinal), _array(seen.points), strict=True
    ):
        affine = crop_affine(centre, frame)
        index = np.column_stack([np.full(len(points), (CROP.slices - 1) / 2), points])
        points_mm = index @ affine[:3, :3].T + affine[:3, 3]
        readings.append(Reading(ordinal, points_mm, trabecular_hu(crop, points)))
    return tuple(readings)


def _array(output: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(output.double().cpu().numpy())


def trabecular_hu(crop: NDArray[np.int16], points: NDArray[np.float64]) -> float | None:
    """Mean HU of an ellipsoid in the middle of the body, away from end plates and walls.

    ``points`` (6, 2) are the height points as (row, column). None where the body is too low for a region.
    """
    middle = points.mean(axis=0)
    half_height = 0.25 * abs(points[3, 0] - points[2, 0]) * CROP.pixel_mm
    half_depth = 0.28 * abs(points[4:, 1].mean() - points[:2, 1].mean()) * CROP.pixel_mm
    if half_height < 2 or half_depth < 3:
        return None
    slices, rows, columns = np.indices(crop.shape)
    across = (slices - (CROP.slices - 1) / 2) * CROP.slice_mm / 9.0
    down = (rows - middle[0]) * CROP.pixel_mm / half_height
    deep = (columns - middle[1]) * CROP.pixel_mm / half_depth
    return round(float(crop[across**2 + down**2 + deep**2 <= 1].mean()), 1)


def probabilities(
    ordinal: NDArray[np.float64], raw_loss: float, calibration: GradeCalibration
) -> tuple[float, float, float]:
    """Calibrated P(grade >= 1), P(>= 2), P(3), never increasing."""
    logits = (
        np.array(calibration.slope) * ordinal
        + np.array(calibration.loss_slope) * raw_loss
        + np.array(calibration.bias)
    )
    mild, moderate, severe = np.minimum.accumulate(1 / (1 + np.exp(-logits)))
    return float(mild), float(moderate), float(severe)


def grade_of(probability: Sequence[float], cuts: Sequence[float]) -> Grade:
    """The highest grade k whose P(grade >= k) reaches its cut."""
    reached = [k for k in (1, 2, 3) if probability[k - 1] >= cuts[k - 1]]
    return Grade(max(reached, default=0))


def _assess(reading: Reading, own: Heights, loss: HeightLoss, bundle: Bundle) -> Assessment:
    card = bundle.card
    mild, moderate, severe = probabilities(reading.ordinal, loss.raw, card.calibration)
    grade = grade_of((mild, moderate, severe), card.operating_point.grade)
    neighbour = None if loss.neighbour is None else round(100 * loss.neighbour, 1)
    low, high = np.clip(loss.raw + card.calibration.loss_half_width * np.array([-1, 1]), 0, 1)
    interval = (round(100 * float(low), 1), round(100 * float(high), 1))
    return Assessment(
        grade, mild, moderate, severe, own, round(100 * loss.raw, 1), interval, neighbour,
        reading.height_points, deformity(own, loss.reference_mm) if grade else None, reading.trabecular_hu,
    )  # fmt: skip


def _not_a_vertebra_to_grade(vertebra: LocatedVertebra) -> str | None:
    """Why a vertebra without a number is left alone, or None: a sacrum, measured, looks crushed."""
    if vertebra.level is None and vertebra.graded_probability < LEAST_GRADED_PROBABILITY:
        return "may be part of the sacrum or of the neck"
    return None


def _unseen(
    volume: Volume,
    points_mm: NDArray[np.float64],
    spare_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> str | None:
    """Why LPS points (N, 3) cannot be judged in ``volume``, or None."""
    spacing = np.array(volume.spacing_mm)
    if spacing[0] > WIDEST_SPACING_MM:
        return f"slices {spacing[0]:.1f} mm apart"
    index = volume.to_index(points_mm)
    spare = np.array(spare_mm) / spacing
    last = np.array(volume.voxels.shape) - 1
    if (index < spare).any() or (index > last - spare).any():
        return CUT
    return None


def _measured(located: Sequence[LocatedVertebra], readings: Mapping[int, Reading]) -> list[Measured]:
    return [Measured(located[i].level, measure(reading.height_points)) for i, reading in readings.items()]


def _cut(
    volume: Volume, located: Sequence[LocatedVertebra], readings: Mapping[int, Reading]
) -> tuple[int, ...]:
    """Those that the images may show in part: as tall as their neighbours, they would reach beyond the edge.

    Half a vertebra looks crushed, with end plates wherever the images end.
    """
    found = []
    losses = height_losses(_measured(located, readings))
    for (number, reading), loss in zip(readings.items(), losses, strict=True):
        if loss.expected is None:
            continue
        superior, inferior = reading.points_mm[0::2], reading.points_mm[1::2]
        upward = (superior - inferior) / np.linalg.norm(superior - inferior, axis=1, keepdims=True)
        tall = upward * np.array(astuple(loss.expected))[:, None]
        if _unseen(volume, np.concatenate([inferior + tall, superior - tall])):
            found.append(number)
    return tuple(found)


def _doubt(volume: Volume, reading: Reading) -> str | None:
    """Why what was seen at a vertebra cannot be reported, or None."""
    heights = measure(reading.height_points)
    least, most = PLAUSIBLE_MM
    if not all(least <= getattr(heights, field.name) <= most for field in fields(heights)):
        return "the end plates could not be placed"
    return _unseen(volume, reading.points_mm, MARGIN_MM)
