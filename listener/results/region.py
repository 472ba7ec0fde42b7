"""From a measured vertebral body to a box on the axial source slice through it.

Regions are given in the source image's own pixels as (column, row), where (0.5, 0.5) is the centre of the
top left pixel (PS3.3 C.18.6.1.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.findings import HeightPoints, VertebraFinding
from inference.levels import LEVELS
from inference.volume import SourceSlice, Volume

MARGIN_MM: Final = 2.0
"""Room between the body's cortex and the box."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A closed box, float64 (5, 2) of (column, row), on one source image or frame."""

    source: SourceSlice
    polygon: NDArray[np.float64]


def vertebra_region(finding: VertebraFinding, volume: Volume) -> Region:
    """Return the box round a body on the slice nearest to its centre.

    Its depth is measured: from where the anterior to where the posterior wall meets the slice. The points lie
    in the mid-sagittal plane and know nothing of the width, so that is the body's measured depth times what
    bodies of the level have (`width_to_depth`).
    """
    assert finding.assessment is not None
    points = finding.assessment.height_points
    centre = volume.to_index(_points(points).mean(axis=0))
    slice_index = int(np.clip(np.rint(centre[0]), 0, len(volume.sources) - 1))
    corners = volume.to_index(_corners_mm(points, finding.level, volume, slice_index))[:, 1:]
    rows, columns = volume.voxels.shape[1:]
    low, high = corners.min(axis=0)[::-1], corners.max(axis=0)[::-1]
    return Region(volume.sources[slice_index], _box(low, high, columns, rows))


def first_region(findings: Sequence[VertebraFinding], volume: Volume) -> Region:
    """Return the box round the first vertebra that was assessed; there must be one."""
    return vertebra_region(next(f for f in findings if f.assessment is not None), volume)


def whole_image(header: Dataset, sop_class_uid: str) -> Region:
    """Return the box round a whole image (its first frame), for a study in which nothing was measured."""
    columns, rows = int(header.get("Columns") or 1), int(header.get("Rows") or 1)
    frame = 1 if int(header.get("NumberOfFrames") or 1) > 1 else None
    source = SourceSlice(sop_class_uid, str(header.SOPInstanceUID), frame)
    return Region(source, _box(np.array([0.0, 0.0]), np.array([columns - 1.0, rows - 1.0]), columns, rows))


def width_to_depth(level: str | None) -> float:
    """Return how much wider than deep a body of this level is.

    Rounded from the bodies that the phantom's shapes derive from (`training/phantom/ATTRIBUTION.md`): one to
    three real vertebrae a level, between a quarter and three quarters of the height.
    """
    if level not in LEVELS:
        return 1.3
    anchors = {"C3": 1.6, "T1": 1.8, "T3": 1.3, "T6": 1.1, "T9": 1.15, "T12": 1.3, "L4": 1.35, "L5": 1.5}
    return float(
        np.interp(LEVELS.index(level), [LEVELS.index(name) for name in anchors], list(anchors.values()))
    )


def _points(points: HeightPoints) -> NDArray[np.float64]:
    """The six points as (6, 3): anterior, middle, posterior, each superior then inferior."""
    return np.array(
        [
            points.anterior_superior, points.anterior_inferior,
            points.middle_superior, points.middle_inferior,
            points.posterior_superior, points.posterior_inferior,
        ]
    )  # fmt: skip


def _corners_mm(
    points: HeightPoints, level: str | None, volume: Volume, slice_index: int
) -> NDArray[np.float64]:
    """The four corners (4, 3) of the body on a slice, LPS mm, with the margin."""
    six = _points(points)
    through = six[4:].mean(axis=0) - six[:2].mean(axis=0)
    depth_mm = float(np.linalg.norm(through))
    backward = through / max(depth_mm, 1e-6)
    upward = six[0::2].mean(axis=0) - six[1::2].mean(axis=0)
    sideward = np.cross(backward, upward)
    length = float(np.linalg.norm(sideward))
    sideward = sideward / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    half = depth_mm * width_to_depth(level) / 2 + MARGIN_MM
    front = _on_slice(six[0], six[1], volume, slice_index) - MARGIN_MM * backward
    back = _on_slice(six[4], six[5], volume, slice_index) + MARGIN_MM * backward
    return np.array([end + sign * half * sideward for end in (front, back) for sign in (-1, 1)])


def _on_slice(
    superior: NDArray[np.float64], inferior: NDArray[np.float64], volume: Volume, slice_index: int
) -> NDArray[np.float64]:
    """Where a wall meets a slice, or its end nearest to it: a tilted body is deeper there than across."""
    above, below = volume.to_index(superior)[0], volume.to_index(inferior)[0]
    share = 0.5 if above == below else np.clip((slice_index - below) / (above - below), 0, 1)
    return np.asarray(inferior + share * (superior - inferior), dtype=np.float64)


def _box(low: NDArray[np.float64], high: NDArray[np.float64], columns: int, rows: int) -> NDArray[np.float64]:
    """Close the box between two index points (column, row), clipped to the image, in SCOORD's pixels."""
    limit = np.array([columns - 1.0, rows - 1.0])
    left, top = np.clip(low, 0, limit) + 0.5
    right, bottom = np.clip(high, 0, limit) + 0.5
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
