"""A mask of one vertebra's voxels in; its body's centre, its frame and its six height points out.

Heights are taken as the phantom takes them: in the vertebra's own mid-sagittal plane, along its own axis, at
0.8 of the body's half depth and in the middle.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.crops import Axes, spine_axes
from inference.grading import along_points
from inference.levels import LEVELS
from inference.volume import Affine, Grid, Volume, sample

Array = NDArray[np.float64]

LEAST_VOLUME_MM3 = 800.0
"""A label with less than this is a scrap, not a vertebra."""
OUTER = 0.8
STEP_MM = 0.25
SECTION_MM = (64.0, 64.0)
"""Height and depth of the sagittal section in which a body is measured."""
SLAB_MM = 4.0
"""The section is the mean over so much about the midline."""
UNIT = 1000
"""What one mask voxel counts in the int16 volume that is resampled."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskedVertebra:
    """One vertebra of a mask: level, centre of the body and axes (LPS), six points (6, 3) LPS mm.

    ``points_mm`` is None where the body is not wholly within the image or has no clear end plates.
    """

    level: str
    centre_mm: Array
    axes: Axes
    points_mm: Array | None


def measure_mask(
    labels: NDArray[np.int16], affine: Affine, numbering: Mapping[int, str]
) -> tuple[MaskedVertebra, ...]:
    """Every vertebra of a label image that ``numbering`` knows, cranial to caudal."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    found = {}
    boxes = ndimage.find_objects(labels)
    for number, level in numbering.items():
        box = boxes[number - 1] if number <= len(boxes) else None
        if box is None or level not in LEVELS:
            continue
        own = labels[box] == number
        if own.sum() * spacing.prod() < LEAST_VOLUME_MM3:
            continue
        start = np.array([part.start for part in box])
        index = body_centre(np.pad(own, 1), spacing) - 1 + start
        found[level] = (number, box, affine[:3, :3] @ index + affine[:3, 3])
    order = sorted(found, key=LEVELS.index)
    if not order:
        return ()
    frames = spine_axes(np.array([found[level][2] for level in order]))
    return tuple(
        _measured(level, labels, affine, *found[level], frame)
        for level, frame in zip(order, frames, strict=True)
    )


def body_centre(mask: NDArray[np.bool_], spacing_mm: Array) -> Array:
    """Index of the centre of a vertebra's thickest part, which is its body."""
    depth = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    return np.asarray(np.argwhere(depth > 0.75 * depth.max()).mean(axis=0))


def _measured(
    level: str, labels: NDArray[np.int16], affine: Affine, number: int, box: tuple[slice, ...],
    centre: Array, axes: Axes,
) -> MaskedVertebra:  # fmt: skip
    one = np.where(labels[box] == number, UNIT, 0).astype(np.int16)
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, :3] @ np.array([part.start for part in box])
    volume = Volume(one, shifted, 1.0)
    points = None
    for _ in range(3):
        points = _points(volume, centre, axes)
        if points is None:
            break
        centre, axes = points.mean(axis=0), along_points(axes, points)
    if points is not None and not _inside(points, affine, labels.shape):
        points = None  # the image ends within the body
    return MaskedVertebra(level, centre, axes, points)


def _inside(points_mm: Array, affine: Affine, shape: tuple[int, ...]) -> bool:
    inverse = np.linalg.inv(affine)
    index = points_mm @ inverse[:3, :3].T + inverse[:3, 3]
    spare = 0.75 / np.linalg.norm(affine[:3, :3], axis=0)
    return bool((index >= spare).all() and (index <= np.array(shape) - 1 - spare).all())


def _points(volume: Volume, centre: Array, axes: Axes) -> Array | None:
    """The six points in the mid-sagittal section of a body; None where the section shows no body."""
    section = _section(volume, centre, axes)
    rows, columns = section.shape
    middle_row, middle_column = rows // 2, columns // 2
    across = section[middle_row - 8 : middle_row + 9].mean(axis=0)
    wall = _run(across, middle_column)
    if wall is None:
        return None
    middle, half = (wall[0] + wall[1]) / 2, (wall[1] - wall[0]) / 2
    points = []
    for place in (-OUTER, 0.0, OUTER):
        column = middle + place * half
        around = section[:, max(0, round(column) - 2) : round(column) + 3].mean(axis=1)
        ends = _run(around, middle_row)
        if ends is None or ends[1] - ends[0] < 4 / STEP_MM:
            return None
        for row in ends:
            down, back = (row - middle_row) * STEP_MM, (column - middle_column) * STEP_MM
            points.append(centre - down * axes[2] + back * axes[1])
    return np.array(points)


def _section(volume: Volume, centre: Array, axes: Axes) -> Array:
    """Share of bone (0-1) in the sagittal section at ``centre``: rows downwards, columns backwards."""
    left, posterior, up = axes
    rows, columns = (round(mm / STEP_MM) // 2 * 2 + 1 for mm in SECTION_MM)
    layers = round(SLAB_MM) + 1
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([left, -up * STEP_MM, posterior * STEP_MM])
    middle = np.array([layers - 1, rows - 1, columns - 1]) / 2
    affine[:3, 3] = centre - affine[:3, :3] @ middle
    share = sample(volume, Grid((layers, rows, columns), affine), fill_hu=0).mean(axis=0) / UNIT
    return np.asarray(share, dtype=np.float64)


def _run(share: Array, start: int) -> tuple[float, float] | None:
    """First and last place (sub-sample) of the stretch above one half that holds or is next to ``start``."""
    inside = np.flatnonzero(share > 0.5)
    if not len(inside):
        return None
    begin = int(inside[np.abs(inside - start).argmin()])
    if abs(begin - start) > 6 / STEP_MM:
        return None
    low = high = begin
    while low > 0 and share[low - 1] > 0.5:
        low -= 1
    while high < len(share) - 1 and share[high + 1] > 0.5:
        high += 1
    return _crossing(share, low, -1), _crossing(share, high, 1)


def _crossing(share: Array, last: int, step: int) -> float:
    """Where ``share`` falls through one half beyond ``last``."""
    after = last + step
    if not 0 <= after < len(share):
        return float(last)
    return last + step * float((share[last] - 0.5) / max(share[last] - share[after], 1e-9))
