"""A scene and a grid in; HU, or the level of the vertebral body, at every voxel of the grid out."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.findings import Point
from inference.levels import LEVELS
from inference.volume import Grid
from training.phantom.anatomy import ARCH_ORIGIN_MM, ARCH_STEP_MM, shapes
from training.phantom.boxes import Box, blend_bone, box_around, part_of, sample_distance, voxel_mm
from training.phantom.column import Placed
from training.phantom.discs import paint_discs
from training.phantom.features import paint_features
from training.phantom.scene import Bone, Scene
from training.phantom.skeleton import paint_skeleton
from training.phantom.soft_tissue import paint_soft_tissue

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

UNNAMED = 255
"""Level of a vertebra that is none of ``LEVELS`` (T13, L6): to be found, not to be named."""

BODY_REACH_MM = (1.45, 1.45, 24.0)
"""Half extent of a body's box: in half widths, half depths, mm."""


@lru_cache(maxsize=4)
def _tile(seed: int) -> NDArray[np.float32]:
    """Periodic texture, 64³ at 0.8 mm, unit spread."""
    noise = np.random.default_rng(seed).normal(size=(64, 64, 64))
    # Trabeculae run from end plate to end plate: longer along z than across.
    fine = ndimage.gaussian_filter(noise, (1.6, 0.7, 0.7), mode="wrap")
    coarse = ndimage.gaussian_filter(noise, 3.5, mode="wrap")
    tile = fine / fine.std() + 0.5 * coarse / coarse.std()
    return np.asarray(tile / tile.std(), dtype=np.float32)


def _texture(x: Array32, y: Array32, z: Array32, seed: int, striated: bool) -> Array32:
    step = np.float32(1 / 0.8)
    squeeze = np.float32(0.15 if striated else 1.0)
    i = (z * step * squeeze).astype(np.int32) & 63
    j = (y * step).astype(np.int32) & 63
    k = (x * step).astype(np.int32) & 63
    return np.asarray(_tile(seed % 4)[i, j, k])


def _arch_distance(vertebra: Placed, part: Grid) -> Array32:
    frame = vertebra.axes * np.array([[-1.0 if vertebra.mirrored else 1.0], [1.0], [1.0]])
    affine = np.eye(4)
    affine[:3, :3] = frame[::-1].T * ARCH_STEP_MM * vertebra.arch_scale
    affine[:3, 3] = vertebra.centre + np.array(ARCH_ORIGIN_MM[::-1]) @ frame * vertebra.arch_scale
    return sample_distance(shapes().arches[vertebra.arch], affine, part) * np.float32(vertebra.arch_scale)


def _body_box(grid: Grid, vertebra: Placed) -> Box | None:
    if vertebra.body is None:
        reach = np.array([14.0, 10.0, 14.0])
    else:
        reach = np.array([
            BODY_REACH_MM[0] * vertebra.body.half_width_mm,
            BODY_REACH_MM[1] * vertebra.body.half_depth_mm,
            BODY_REACH_MM[2],
        ])  # fmt: skip
    return box_around(grid, vertebra.centre, vertebra.axes, -reach, reach)


def _paint_arch(hu: Array32, grid: Grid, vertebra: Placed, bone: Bone, seed: int, width: float) -> None:
    low = np.array(ARCH_ORIGIN_MM[::-1])
    high = low + np.array(shapes().arches.shape[1:][::-1]) * ARCH_STEP_MM
    if vertebra.mirrored:
        low[0], high[0] = -high[0], -low[0]
    scale = vertebra.arch_scale
    box = box_around(grid, vertebra.centre, vertebra.axes, low * scale, high * scale)
    if box is None:
        return
    distance = _arch_distance(vertebra, part_of(grid, box))
    texture = np.float32(bone.texture_hu * min(1.0, 1.2 / width))
    inner = np.float32(bone.trabecular_hu + 40) + texture * _texture(box.x, box.y, box.z, seed + 1, False)
    # Laminae and processes have a thicker shell than the body.
    blend_bone(hu[box.slices], distance, bone.cortical_hu + 120, bone.cortical_mm * 1.7, inner, width)


def _paint_body(hu: Array32, grid: Grid, vertebra: Placed, bone: Bone, seed: int, width: float) -> None:
    body, box = vertebra.body, _body_box(grid, vertebra)
    if box is None or body is None:
        return
    distance, height = body.distance_mm(box.x, box.y, box.z)
    texture = _texture(box.x, box.y, box.z, seed, bone.striated)
    plate = np.abs(height) ** 6
    inner = np.float32(bone.trabecular_hu) + np.float32(bone.texture_hu * min(1.0, 1.2 / width)) * texture
    # Spongiosa is denser towards the end plates; the basivertebral vein leaves a gap in the middle.
    inner += np.float32(70) * plate
    vein = np.hypot(box.x * np.float32(1 / 8), box.z * np.float32(1 / 2.8))
    vein = np.hypot(vein, (box.y - np.float32(body.half_depth_mm)) * np.float32(1.2 / body.half_depth_mm))
    inner -= np.float32(bone.vein_hu) * np.clip(np.float32(1.1) - vein, 0, 1)
    if bone.sclerosis_hu:
        depth = (1 - height * np.float32(bone.sclerotic_end)) * np.float32(10)
        inner += np.float32(bone.sclerosis_hu) * np.exp(-depth * np.float32(0.3))
    shell = np.float32(bone.cortical_mm) * (
        np.float32(0.8) + np.float32(0.45) * plate + np.float32(0.16) * texture
    )
    blend_bone(hu[box.slices], distance, bone.cortical_hu, np.maximum(shell, 0.2), inner, width)


def paint_vertebra(hu: Array32, grid: Grid, vertebra: Placed, bone: Bone, seed: int) -> None:
    """Paint one vertebra, arch first."""
    width = max(voxel_mm(grid), 0.8)
    _paint_arch(hu, grid, vertebra, bone, seed, width)
    _paint_body(hu, grid, vertebra, bone, seed, width)


def render(scene: Scene, grid: Grid) -> NDArray[np.int16]:
    """The scene on ``grid``: int16 HU without noise; the same scene and grid give the same voxels.

    Where voxels are much longer in one direction (thick slices), several layers are painted and averaged.
    """
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)
    layers = np.maximum(np.ceil(spacing / max(1.4 * float(spacing.min()), 1.2) - 0.05), 1).astype(int)
    affine = grid.affine.copy()
    affine[:3, :3] /= layers
    affine[:3, 3] -= affine[:3, :3] @ ((layers - 1) / 2)
    slices, rows, columns = (int(size * count) for size, count in zip(grid.shape, layers, strict=True))
    hu = paint_soft_tissue(scene.trunk, grid)
    for axis, count in enumerate(layers):
        hu = np.repeat(hu, count, axis=axis) if count > 1 else hu
    _paint(hu, scene, Grid((slices, rows, columns), affine))
    if (layers > 1).any():
        a, b, c = grid.shape
        hu = hu.reshape(a, layers[0], b, layers[1], c, layers[2]).mean((1, 3, 5))
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _paint(hu: Array32, scene: Scene, grid: Grid) -> None:
    """Paint all that needs fine edges over the soft tissue."""
    paint_discs(hu, grid, scene.vertebrae, scene.discs)
    paint_skeleton(hu, scene.trunk, scene.vertebrae, scene.sacrum, grid)
    for i, (vertebra, bone) in enumerate(zip(scene.vertebrae, scene.bones, strict=True)):
        if vertebra.level != "S1":
            paint_vertebra(hu, grid, vertebra, bone, scene.texture_seed + 7 * i)
    paint_features(hu, grid, (feature for found in scene.features for feature in found))


def body_mask(scene: Scene, grid: Grid) -> NDArray[np.uint8]:
    """0, or 1 + the index in ``LEVELS`` of the body at each voxel (C1, C2: a ball); T13 and L6 are 255."""
    mask = np.zeros(grid.shape, np.uint8)
    for vertebra in scene.vertebrae:
        box = _body_box(grid, vertebra)
        if box is None:
            continue
        if vertebra.body is None:
            inside = box.x**2 + box.y**2 + box.z**2 < 8.0**2
        else:
            inside = vertebra.body.distance_mm(box.x, box.y, box.z)[0] < 0
        mask[box.slices][inside] = 1 + LEVELS.index(vertebra.level) if vertebra.level in LEVELS else UNNAMED
    return mask


def grid_over(bounds_lps_mm: tuple[Point, Point], spacing_mm: tuple[float, float, float]) -> Grid:
    """An axial grid over a box; ``spacing_mm`` along slice, row and column; slices run towards the head."""
    low, high = np.array(bounds_lps_mm[0]), np.array(bounds_lps_mm[1])
    steps = np.array(spacing_mm)
    shape = np.maximum(np.ceil((high - low)[::-1] / steps), 1).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = np.diag(steps)[::-1]
    affine[:3, 3] = low
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
