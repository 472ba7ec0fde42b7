"""A mask's vertebrae and their volume in; the annotated stretch as a sample for the localiser out."""

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from inference.spine import coarse_hu
from inference.volume import Affine, Grid, Volume, sample
from training.annotated import Masked, Vertebra
from training.samples import Torso

TORSO_MARGIN_MM = 12.0
"""A torso is cut so far above and below the outermost centres: beyond them vertebrae are not annotated."""

VOXEL_MM = 4.0
"""The localiser's grid."""


def cut_torso(volume: Volume, masked: Masked) -> Torso:
    """The annotated stretch of the spine on the localiser's grid."""
    vertebrae = masked.vertebrae
    looks, grid_affine = coarse_hu(volume, VOXEL_MM)
    hu = looks[-1]  # the softest: what phantom torsos look like
    inverse = np.linalg.inv(grid_affine)
    index = np.array([vertebra.centre_mm for vertebra in vertebrae]) @ inverse[:3, :3].T + inverse[:3, 3]
    margin = TORSO_MARGIN_MM / VOXEL_MM
    low = max(0, int(np.floor(index[:, 0].min() - margin)))
    high = min(len(hu), int(np.ceil(index[:, 0].max() + margin)) + 1)
    cut_affine = grid_affine.copy()
    cut_affine[:3, 3] += grid_affine[:3, 0] * low
    part = hu[low:high]
    solid = Volume(np.where(masked.labels > 0, 1000, 0).astype(np.int16), masked.affine, 1.0)
    bone = sample(solid, Grid(part.shape, cut_affine), fill_hu=0) > 400
    return Torso(
        part,
        _bodies(bone, cut_affine, vertebrae),
        (index - np.array([low, 0, 0])).astype(np.float32),
        np.array([LEVELS.index(vertebra.level) for vertebra in vertebrae], np.uint8),
    )


def _bodies(bone: NDArray[np.bool_], affine: Affine, vertebrae: list[Vertebra]) -> NDArray[np.uint8]:
    """1 + the level at every voxel of a vertebral body: the mask around the centre, without the arch."""
    body = np.zeros(bone.shape, np.uint8)
    places = np.argwhere(bone) @ affine[:3, :3].T + affine[:3, 3]
    filled = np.argwhere(bone)
    for vertebra in vertebrae:
        x, y, z = ((places - vertebra.centre_mm) @ vertebra.axes.T).T
        half_depth, half_height = _half_sizes(vertebra)
        inside = (np.abs(y) <= half_depth) & (np.abs(z) <= half_height) & (np.abs(x) <= 30)
        body[tuple(filled[inside].T)] = 1 + LEVELS.index(vertebra.level)
    return body


def _half_sizes(vertebra: Vertebra) -> tuple[float, float]:
    """Half depth and half height (mm) that a body reaches, from its points or from what is usual."""
    if vertebra.points_mm is None:
        return 14.0, 11.0
    points = vertebra.points_mm
    depth = float(np.linalg.norm(points[4:].mean(axis=0) - points[:2].mean(axis=0)))
    heights = np.linalg.norm(points[1::2] - points[0::2], axis=1)
    return depth / 1.6 + 1.0, float(heights.max()) / 2 + 2.0
