"""A scene and a grid in; its soft tissue, ribs, pelvis and look-alikes painted on it."""

import numpy as np
from numpy.typing import NDArray

from inference.volume import Grid
from training.phantom.scene import Scene

Array32 = NDArray[np.float32]


def paint_soft_tissue(scene: Scene, grid: Grid) -> Array32:
    """Soft tissue at every voxel of the grid."""
    return np.full(grid.shape, 40, np.float32)


def paint_bones(hu: Array32, scene: Scene, grid: Grid) -> None:
    """Ribs, sternum, shoulder girdle, pelvis, femora, skull."""


def paint_features(hu: Array32, scene: Scene, grid: Grid) -> None:
    """Look-alikes, after the bone."""
