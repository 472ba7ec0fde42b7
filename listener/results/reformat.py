"""From a volume and the vertebral body centres to one picture, in Hounsfield units, of them all.

The picture's surface follows the spine out of its plane, so a scoliosis leaves no vertebra out of the
sagittal picture and a kyphosis none out of the coronal one; in the plane everything stays straight and to
scale. Rows run from head to foot; columns from anterior to posterior (sagittal), or from the patient's right
to the left (coronal).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import map_coordinates

from inference.volume import AIR_HU, Volume

SLAB_MM: Final = 5.0
SLAB_SAMPLES: Final = 5


class Plane(IntEnum):
    """Which way a picture looks; the value is the LPS axis that runs across it."""

    CORONAL = 0
    SAGITTAL = 1

    @property
    def depth(self) -> int:
        """The LPS axis that runs into the picture."""
        return 1 - self


@dataclass(frozen=True, slots=True)
class Frame:
    """What a picture shows.

    Attributes
    ----------
    columns, rows : its size in pixels
    pixel_mm : size of a square pixel
    across_mm, superior_mm : LPS position (x or y, and z) of the centre of the top left pixel
    """

    plane: Plane
    columns: int
    rows: int
    pixel_mm: float
    across_mm: float
    superior_mm: float

    def to_pixel(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map LPS points (…, 3) to (…, 2) of (column, row)."""
        columns = (lps_mm[..., self.plane] - self.across_mm) / self.pixel_mm
        rows = (self.superior_mm - lps_mm[..., 2]) / self.pixel_mm
        return np.stack([columns, rows], axis=-1)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture of a whole spine is laid out.

    Attributes
    ----------
    margin_mm : what is shown above the first and below the last centre
    finest_mm : the smallest pixel: beyond it a short scan would only be blown up
    spine_at : where across the picture the spine lies, as a share of its width
    """

    margin_mm: float = 45.0
    finest_mm: float = 0.2
    spine_at: float = 0.5


def framed(
    volume: Volume, centres_mm: NDArray[np.float64], plane: Plane, size: tuple[int, int], fit: Fit
) -> Frame:
    """Return the frame that shows all of ``centres_mm`` (n, 3; LPS); without any, all of the volume.

    ``size`` is (columns, rows).
    """
    columns, rows = size
    low, high = extent_mm(volume)
    if len(centres_mm) == 0:
        centres_mm = ((low + high) / 2)[None]
        top, bottom = high[2], low[2]
    else:
        top = min(high[2], centres_mm[:, 2].max() + fit.margin_mm)
        bottom = max(low[2], centres_mm[:, 2].min() - fit.margin_mm)
    pixel_mm = float(max((top - bottom) / rows, fit.finest_mm))
    spine = (centres_mm[:, plane].min() + centres_mm[:, plane].max()) / 2
    across = _inside(spine - pixel_mm * columns * fit.spine_at, pixel_mm * columns, low[plane], high[plane])
    return Frame(
        plane, columns, rows, pixel_mm, across, float((top + bottom) / 2 + pixel_mm * (rows - 1) / 2)
    )


def _inside(start: float, width: float, low: float, high: float) -> float:
    """Move a span of ``width`` by as little as keeps it between ``low`` and ``high``; too wide, centre it."""
    if width >= high - low:
        return float((low + high - width) / 2)
    return float(np.clip(start, low, high - width))


def cut(
    volume: Volume, centres_mm: NDArray[np.float64], frame: Frame, slab_mm: float = SLAB_MM
) -> NDArray[np.float32]:
    """Return the picture (rows, columns) in HU: the mean of a slab along ``centres_mm`` (n, 3; LPS).

    Without centres the slab lies in the volume's middle; outside the volume it is air.
    """
    if len(centres_mm) == 0:
        centres_mm = np.mean(extent_mm(volume), axis=0)[None]
    z = frame.superior_mm - frame.pixel_mm * np.arange(frame.rows, dtype=np.float64)
    across = frame.across_mm + frame.pixel_mm * np.arange(frame.columns, dtype=np.float64)
    deep = _deep(centres_mm, frame.plane.depth, z)
    total = np.zeros((frame.rows, frame.columns), dtype=np.float32)
    for offset in np.linspace(-slab_mm / 2, slab_mm / 2, SLAB_SAMPLES):
        index = np.moveaxis(volume.to_index(_surface(frame.plane, across, deep + offset, z)), -1, 0)
        total += map_coordinates(volume.voxels, index, np.float32, order=1, mode="constant", cval=AIR_HU)
    return np.asarray(total / SLAB_SAMPLES, dtype=np.float32)


def extent_mm(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the greatest x, y and z (LPS) of the volume's corners."""
    ends = np.array(volume.voxels.shape, dtype=np.float64) - 1
    corners = np.array(np.meshgrid(*[[0.0, end] for end in ends])).reshape(3, 8).T
    points = volume.to_lps(corners)
    return points.min(axis=0), points.max(axis=0)


def _surface(
    plane: Plane, across_mm: NDArray[np.float64], deep_mm: NDArray[np.float64], z_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The LPS points (rows, columns, 3) of the surface's pixels: one depth and z a row."""
    points = np.empty((len(z_mm), len(across_mm), 3))
    points[..., plane] = across_mm[None, :]
    points[..., plane.depth] = deep_mm[:, None]
    points[..., 2] = z_mm[:, None]
    return points


def _deep(centres_mm: NDArray[np.float64], axis: int, z_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How deep the surface lies at each height: through the centres, straight on beyond the outermost."""
    heights, first = np.unique(centres_mm[:, 2], return_index=True)
    depths = centres_mm[first, axis]
    if len(heights) == 1:
        return np.full(z_mm.shape, depths[0])
    return np.asarray(PchipInterpolator(heights, depths)(np.clip(z_mm, heights[0], heights[-1])))
