"""From a volume and the vertebral body centres to one sagittal picture, in Hounsfield units, of them all.

The picture's surface follows the spine from side to side, so a scoliosis leaves no vertebra out; up, down,
front and back stay straight and to scale. Rows run from head to foot, columns from anterior to posterior.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import map_coordinates

from inference.volume import AIR_HU, Volume

SLAB_MM: Final = 5.0
SLAB_SAMPLES: Final = 5
MARGIN_MM: Final = 45.0
"""What is shown above the first and below the last centre."""
FINEST_MM: Final = 0.28
"""The smallest pixel: beyond it a short scan would only be blown up."""
SPINE_AT: Final = 0.58
"""Where across the picture the spine lies, as a share of its width."""


@dataclass(frozen=True, slots=True, eq=False)
class SagittalView:
    """A sagittal picture.

    Attributes
    ----------
    hu : float32 (rows, columns)
    pixel_mm : size of a square pixel
    anterior_mm, superior_mm : LPS y and z of the centre of the top left pixel
    """

    hu: NDArray[np.float32]
    pixel_mm: float
    anterior_mm: float
    superior_mm: float

    def to_pixel(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map LPS points (…, 3) to (…, 2) of (column, row)."""
        columns = (lps_mm[..., 1] - self.anterior_mm) / self.pixel_mm
        rows = (self.superior_mm - lps_mm[..., 2]) / self.pixel_mm
        return np.stack([columns, rows], axis=-1)


def sagittal_view(volume: Volume, centres_mm: NDArray[np.float64], columns: int, rows: int) -> SagittalView:
    """Return the picture through ``centres_mm`` (n, 3; LPS); without any, the volume's middle plane."""
    low, high = _extent_mm(volume)
    if len(centres_mm) == 0:
        centres_mm = ((low + high) / 2)[None]
        top, bottom = high[2], low[2]
    else:
        top = min(high[2], centres_mm[:, 2].max() + MARGIN_MM)
        bottom = max(low[2], centres_mm[:, 2].min() - MARGIN_MM)
    pixel_mm = max((top - bottom) / rows, FINEST_MM)
    superior = (top + bottom) / 2 + pixel_mm * (rows - 1) / 2
    spine = (centres_mm[:, 1].min() + centres_mm[:, 1].max()) / 2
    anterior = spine - pixel_mm * columns * SPINE_AT
    z = superior - pixel_mm * np.arange(rows)
    y = anterior + pixel_mm * np.arange(columns)
    hu = _slab(volume, _surface(_sideways(centres_mm, z), y, z))
    return SagittalView(hu, pixel_mm, float(anterior), float(superior))


def _extent_mm(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest x, y and z of the volume's corners."""
    ends = np.array(volume.voxels.shape, dtype=np.float64) - 1
    corners = np.array(np.meshgrid(*[[0.0, end] for end in ends])).reshape(3, 8).T
    points = volume.to_lps(corners)
    return points.min(axis=0), points.max(axis=0)


def _surface(
    x_mm: NDArray[np.float64], y_mm: NDArray[np.float64], z_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The LPS points (rows, columns, 3) of the surface's pixels: one x and z a row, one y a column."""
    grid_z, grid_y = np.meshgrid(z_mm, y_mm, indexing="ij")
    return np.stack([np.broadcast_to(x_mm[:, None], grid_y.shape), grid_y, grid_z], axis=-1)


def _sideways(centres_mm: NDArray[np.float64], z_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The surface's x at each height: through the centres, and straight up and down beyond the outermost."""
    heights, first = np.unique(centres_mm[:, 2], return_index=True)
    sides = centres_mm[first, 0]
    if len(heights) == 1:
        return np.full(z_mm.shape, sides[0])
    return np.asarray(PchipInterpolator(heights, sides)(np.clip(z_mm, heights[0], heights[-1])))


def _slab(volume: Volume, surface_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """The mean of the slab round the surface; outside the volume it is air."""
    total = np.zeros(surface_mm.shape[:2], dtype=np.float32)
    for offset in np.linspace(-SLAB_MM / 2, SLAB_MM / 2, SLAB_SAMPLES):
        index = np.moveaxis(volume.to_index(surface_mm + np.array([offset, 0.0, 0.0])), -1, 0)
        total += map_coordinates(volume.voxels, index, np.float32, order=1, mode="constant", cval=AIR_HU)
    return np.asarray(total / SLAB_SAMPLES, dtype=np.float32)
