"""A recipe and a seed in, cached samples out: phantom scenes rendered, degraded and cut as screening cuts.

Every sample depends on its seed, purpose and number alone; what is cached already is not drawn again. The
purposes never share a seed, so validation and test hold spines that training has not seen.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.crops import CROP, crop_affine, cut_crop, spine_axes, to_crop
from inference.findings import Point
from inference.levels import GRADED_LEVELS, LEVELS
from inference.spine import as_point
from inference.volume import AIR_HU, Grid, Volume
from training.phantom import (
    Acquisition,
    Scene,
    SceneKind,
    SceneOptions,
    VertebraTruth,
    body_mask,
    degrade,
    draw_acquisition,
    draw_scene,
    grid_over,
    render,
)
from training.phantom.paint import UNNAMED
from training.recipe import GraderRecipe, Recipe
from training.samples import Crops, Purpose, Torso, save_crops, save_torso

Array = NDArray[np.float64]

SIXTH_LUMBAR_SHARE = 0.04
"""How many torsos have an L6; of people some one in twenty-five has a transitional vertebra of that kind."""

THIRTEENTH_THORACIC_SHARE = 0.02
"""How many torsos have a thirteenth vertebra with ribs: of people about one in a hundred."""

MARGIN_MM = 4.0
"""A vertebra is a sample only where the scan reaches so far beyond its six points."""


def draw_torsos(recipe: Recipe, purpose: Purpose, count: int, folder: Path, processes: int) -> None:
    """Cache ``count`` torsos (and scenes without a spine) for the localiser."""
    _draw_all(partial(_cache_torso, recipe, purpose, folder), count, folder, processes)


def draw_spines(recipe: Recipe, purpose: Purpose, count: int, folder: Path, processes: int) -> None:
    """Cache the crops of ``count`` spines for the grader."""
    _draw_all(partial(_cache_spine, recipe, purpose, folder), count, folder, processes)


def _draw_all(draw: Callable[[int], None], count: int, folder: Path, processes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(count) if not sample_path(folder, number).exists()]
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(draw, missing, chunksize=4):
            pass


def sample_path(folder: Path, number: int) -> Path:
    """Where the sample of this number is cached."""
    return folder / f"{number:06d}.safetensors"


def _cache_torso(recipe: Recipe, purpose: Purpose, folder: Path, number: int) -> None:
    rng = np.random.default_rng((recipe.seed, 10 + purpose, number))
    save_torso(draw_torso(recipe.localiser.voxel_mm, rng), sample_path(folder, number))


def _cache_spine(recipe: Recipe, purpose: Purpose, folder: Path, number: int) -> None:
    rng = np.random.default_rng((recipe.seed, 20 + purpose, number))
    share = recipe.grader.fracture_share if purpose is Purpose.TRAINING else recipe.grader.tested_share
    crops = draw_crops(SceneOptions(kind=SceneKind.SPINE, fracture_share=share), recipe.grader, rng)
    save_crops(replace(crops, spine=np.full(len(crops), number, np.int32)), sample_path(folder, number))


def draw_torso(voxel_mm: float, rng: np.random.Generator) -> Torso:
    """Draw one scene and render it on the localiser's grid."""
    kinds = (SceneKind.TORSO, SceneKind.HEAD, SceneKind.LEGS)
    kind = kinds[rng.choice(3, p=[0.9, 0.06, 0.04])]
    options = SceneOptions(
        kind=kind,
        thirteenth_thoracic_share=THIRTEENTH_THORACIC_SHARE,
        sixth_lumbar_share=SIXTH_LUMBAR_SHARE,
    )
    scene = _sometimes_denser(draw_scene(options, rng), rng)
    acquisition = draw_acquisition(rng)
    # At this voxel size most of the noise and of the point spread is averaged away.
    coarse = replace(acquisition, noise_hu=acquisition.noise_hu / 3, sharpening=0.0, blur_mm=0.5)
    grid = grid_over(scene.bounds_lps_mm, (voxel_mm, voxel_mm, voxel_mm))
    hu = degrade(render(scene, grid), (voxel_mm, voxel_mm, voxel_mm), coarse, rng)
    body = body_mask(scene, grid)
    truths = [truth for truth in scene.truths if kind is SceneKind.TORSO and _inside(truth, grid)]
    centres = np.array([truth.centre_lps_mm for truth in truths]).reshape(-1, 3)
    inverse = np.linalg.inv(grid.affine)
    index = centres @ inverse[:3, :3].T + inverse[:3, 3]
    if not truths:
        body = np.zeros_like(body)
    return Torso(hu, body, index.astype(np.float32), _level_numbers(truths))


def _sometimes_denser(scene: Scene, rng: np.random.Generator) -> Scene:
    """Give two spines in five the bone of the young: spongiosa that outshines disc and end plate at 4 mm."""
    if rng.random() < 0.6:
        return scene
    more_hu = float(rng.uniform(60, 200))
    bones = tuple(replace(bone, trabecular_hu=bone.trabecular_hu + more_hu) for bone in scene.bones)
    return replace(scene, bones=bones)


def _inside(truth: VertebraTruth, grid: Grid) -> bool:
    inverse = np.linalg.inv(grid.affine)
    index = inverse[:3, :3] @ np.array(truth.centre_lps_mm) + inverse[:3, 3]
    return bool((index >= 0).all() and (index <= np.array(grid.shape) - 1).all())


def _level_numbers(truths: list[VertebraTruth]) -> NDArray[np.uint8]:
    numbers = [LEVELS.index(one.level) if one.level in LEVELS else UNNAMED for one in truths]
    return np.array(numbers, np.uint8)


def draw_crops(options: SceneOptions, recipe: GraderRecipe, rng: np.random.Generator) -> Crops:
    """Draw one spine, scan it, and cut its graded vertebrae with frames as uncertain as the localiser's."""
    scene = draw_scene(options, rng)
    volume = scan(scene, rng)
    shown = [truth for truth in scene.truths if _inside_volume(truth.centre_lps_mm, volume, 0.0)]
    centres = np.array([truth.centre_lps_mm for truth in shown]).reshape(-1, 3)
    centres = centres + rng.normal(0, recipe.centre_jitter_mm, centres.shape)
    frames = spine_axes(centres) if shown else np.empty((0, 3, 3))
    kept, cut, points = [], [], []
    for truth, centre, axes in zip(shown, centres, frames, strict=True):
        if truth.level not in GRADED_LEVELS or not _wholly_seen(truth, volume):
            continue
        turned = tilted(axes, recipe.tilt_jitter_degrees, rng)
        kept.append(truth)
        cut.append(cut_crop(volume, centre, turned))
        points.append(to_crop(_six_points(truth), crop_affine(centre, turned))[:, 1:])
    return Crops(
        np.array(cut, np.int16).reshape(-1, CROP.slices, CROP.rows, CROP.columns),
        np.array(points, np.float32).reshape(-1, 6, 2),
        np.array([truth.grade for truth in kept], np.uint8),
        np.array([truth.raw_loss for truth in kept], np.float32),
        _level_numbers(kept),
        np.zeros(len(kept), np.int32),
        np.array([bool(truth.look_alikes) for truth in kept], np.uint8),
    )


def scan(scene: Scene, rng: np.random.Generator) -> Volume:
    """Render the spine of a scene as a scanner would deliver it: axial, or reformatted sagittally."""
    acquisition = draw_acquisition(rng)
    sagittal = rng.random() < 0.25
    spacing = _spacing(acquisition, sagittal, rng)
    grid = grid_over(_field_of_view(scene, rng), spacing[::-1] if sagittal else spacing)
    clean = render(scene, grid)
    if sagittal:
        turned = degrade(clean.transpose(2, 1, 0), spacing, acquisition, rng)
        clean = np.ascontiguousarray(turned.transpose(2, 1, 0))
    else:
        clean = degrade(clean, spacing, acquisition, rng)
    return Volume(np.maximum(clean, AIR_HU).astype(np.int16), grid.affine, acquisition.thickness_mm)


def _spacing(
    acquisition: Acquisition, sagittal: bool, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Along slice, row and column; left-right is coarse, because crops average over 3 mm there."""
    in_plane = float(rng.uniform(0.75, 1.05))
    between = float(np.clip(acquisition.thickness_mm * rng.uniform(0.6, 1.0), 0.9, 5.0))
    return (between, in_plane, in_plane) if sagittal else (between, in_plane, 1.6)


def _field_of_view(scene: Scene, rng: np.random.Generator) -> tuple[Point, Point]:
    """As much around the spine as crops reach, sometimes less in front, and cut anywhere at the ends."""
    assert scene.spine_bounds_lps_mm is not None
    low, high = (np.array(corner) for corner in scene.spine_bounds_lps_mm)
    # The bounds leave 55 mm at the sides, 50 in front and 70 behind; crops reach 20, 40 and 40.
    tighter = rng.uniform(0, 24, 2) * (rng.random() < 0.5)
    ends = rng.uniform(-10, 25, 2)
    low = low + np.array([27, 4 + tighter[0], ends[0]])
    high = high - np.array([27, 24 + tighter[1] / 2, ends[1]])
    return as_point(low), as_point(high)


def tilted(axes: Array, spread_degrees: float, rng: np.random.Generator) -> Array:
    """Turn a frame by small random angles about its three axes."""
    x, y, z = np.radians(rng.normal(0, spread_degrees, 3))
    turn = np.array([[1, -z, y], [z, 1, -x], [-y, x, 1]])
    rotation, _ = np.linalg.qr(turn)
    return np.asarray((rotation * np.sign(np.diag(rotation))) @ axes)


def _six_points(truth: VertebraTruth) -> Array:
    return np.array(astuple(truth.height_points))


def _wholly_seen(truth: VertebraTruth, volume: Volume) -> bool:
    return all(_inside_volume(point, volume, MARGIN_MM) for point in astuple(truth.height_points))


def _inside_volume(point_mm: Point, volume: Volume, margin_mm: float) -> bool:
    index = volume.to_index(np.array(point_mm))
    spare = margin_mm / np.array(volume.spacing_mm)
    return bool((index >= spare).all() and (index <= np.array(volume.voxels.shape) - 1 - spare).all())
