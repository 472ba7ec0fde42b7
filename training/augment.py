"""Cached samples and a random generator in, one training batch out, never twice the same.

What a scanner does is the phantom's part; here samples are mirrored, moved, rescaled in HU and made noisier.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inference.model import as_input
from training.phantom.paint import UNNAMED
from training.recipe import GraderRecipe, LocaliserRecipe
from training.samples import Crops, Torso


@dataclass(frozen=True, slots=True, eq=False)
class TorsoBatch:
    """Localiser input (B, 2, Z, Y, X) and its targets (B, Z, Y, X); ``level`` is -1 outside the bodies."""

    volume: Tensor
    heat: Tensor
    body: Tensor
    level: Tensor

    def to(self, device: torch.device) -> "TorsoBatch":
        """The same on a device."""
        return TorsoBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class CropBatch:
    """Grader input (B, 2, S, Y, X), grades (B,) and height points (B, 6, 2) as (row, column) pixels."""

    crops: Tensor
    grade: Tensor
    points: Tensor

    def to(self, device: torch.device) -> "CropBatch":
        """The same on a device."""
        return CropBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


def torso_batch(torsos: list[Torso], recipe: LocaliserRecipe, rng: np.random.Generator) -> TorsoBatch:
    """Cut random fields of view of one size from random torsos."""
    size = _view_size(recipe, rng)
    views = [
        _view(torsos[rng.integers(len(torsos))], size, recipe, rng) for _ in range(recipe.schedule.batch)
    ]
    volume, heat, body, level = (torch.stack(list(part)) for part in zip(*views, strict=True))
    return TorsoBatch(volume, heat, body, level)


def _view_size(recipe: LocaliserRecipe, rng: np.random.Generator) -> NDArray[np.int64]:
    """Voxels of a view, each a multiple of 16: a long or a short stretch, wide or close around the spine."""
    share = np.array([rng.uniform(0.2, 1.0), *([rng.uniform(0.45, 1.0)] * 2)])
    voxels = np.array(recipe.view_mm) * share / recipe.voxel_mm
    return np.asarray(np.maximum(16, 16 * np.round(voxels / 16)), dtype=np.int64)


def _view(
    torso: Torso, size: NDArray[np.int64], recipe: LocaliserRecipe, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    start = _view_start(torso, size, rng)
    hu = _cut(torso.hu, start, size, -1024).astype(np.float32)
    body = _cut(torso.body, start, size, 0).astype(np.int64)
    heat = heat_map(torso.centres.astype(np.float64) - start, size, recipe.sigma_mm / recipe.voxel_mm)
    hu = _brighten(_soften(_thicken(hu, rng), rng), rng)
    hu += rng.uniform(0, 45) * rng.standard_normal(hu.shape, dtype=np.float32)
    if rng.random() < 0.5:
        hu, body, heat = hu[..., ::-1], body[..., ::-1], heat[..., ::-1]
    named = torch.from_numpy(body.copy())
    return (
        as_input(torch.from_numpy(hu.copy()).clamp(-1024, 3071)),
        torch.from_numpy(heat.copy()),
        (named > 0).float(),
        torch.where(named == UNNAMED, -1, named - 1),
    )


def _view_start(torso: Torso, size: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Mostly around some vertebra; a view may reach past the torso's sides, not past its ends."""
    shape = np.array(torso.hu.shape)
    if len(torso.centres) and rng.random() < 0.85:
        middle = torso.centres[rng.integers(len(torso.centres))]
        start = middle - size * rng.uniform([0.1, 0.3, 0.3], [0.9, 0.7, 0.7])
    else:
        start = rng.uniform(0, np.maximum(1, shape - size))
    start[0] = np.clip(start[0], 0, max(0, shape[0] - size[0]))
    return np.asarray(np.round(start), dtype=np.int64)


def _cut(
    array: NDArray[np.generic], start: NDArray[np.int64], size: NDArray[np.int64], fill: int
) -> NDArray[np.generic]:
    low = np.clip(start, 0, array.shape)
    high = np.clip(start + size, 0, array.shape)
    inside = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    padding = [(int(a - s), int(s + n - b)) for a, b, s, n in zip(low, high, start, size, strict=True)]
    padding = [(min(before, n), min(after, n)) for (before, after), n in zip(padding, size, strict=True)]
    return np.pad(inside, padding, constant_values=fill)


def heat_map(centres: NDArray[np.float64], size: NDArray[np.int64], sigma: float) -> NDArray[np.float32]:
    """Gaussians of ``sigma`` voxels around centres (N, 3), 1 at the voxel nearest to each."""
    heat = np.zeros(tuple(size), np.float32)
    axes = [np.arange(n, dtype=np.float32) for n in size]
    for centre in np.round(centres):
        if (centre < 0).any() or (centre >= size).any():
            continue
        along = [np.exp(-((axis - c) ** 2) / (2 * sigma**2)) for axis, c in zip(axes, centre, strict=True)]
        np.maximum(heat, along[0][:, None, None] * along[1][:, None] * along[2], out=heat)
    return heat


def _thicken(hu: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Sometimes average neighbouring slices, as thick slices do."""
    if rng.random() < 0.6:
        return hu
    share = rng.uniform(0, 1 / 3)
    return hu * (1 - 2 * share) + share * (np.roll(hu, 1, 0) + np.roll(hu, -1, 0))


def _soften(hu: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur a little along every axis: a real scan is averaged twice on its way to the coarse grid."""
    for axis in range(3):
        share = rng.uniform(0, 0.2)
        hu = hu * (1 - 2 * share) + share * (np.roll(hu, 1, axis) + np.roll(hu, -1, axis))
    return hu


def _brighten(hu: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Shift and scale HU a little, and bone by much: patients differ more than phantoms do.

    An exponent below one brightens spongiosa more than cortex, as in the young.
    """
    shifted = hu * np.float32(rng.uniform(0.95, 1.05)) + np.float32(rng.normal(0, 15))
    bone, exponent = np.float32(rng.uniform(0.8, 1.6)), np.float32(rng.uniform(0.55, 1.1))
    above = np.maximum(shifted - 80, 0) / 500
    return np.where(shifted > 80, 80 + 500 * bone * above**exponent, shifted)


def crop_batch(crops: Crops, recipe: GraderRecipe, rng: np.random.Generator) -> CropBatch:
    """Draw crops by the recipe's share of each grade and change each at random."""
    grades = rng.choice(4, recipe.schedule.batch, p=recipe.grade_shares)
    chosen = np.array([rng.choice(crops.of_grade(int(grade))) for grade in grades])
    if recipe.two_views:
        chosen = np.concatenate([chosen, chosen])
    hu = torch.from_numpy(crops.hu[chosen]).float()
    points = torch.from_numpy(crops.points[chosen]).float()
    mirrored = torch.from_numpy(rng.random(len(chosen)) < 0.5)
    hu[mirrored] = hu[mirrored].flip(1)
    hu, points = _move(_vary(hu, rng), points, rng)
    return CropBatch(as_input(hu), torch.from_numpy(crops.grade[chosen]).long(), points)


def _vary(hu: Tensor, rng: np.random.Generator) -> Tensor:
    """Change each crop's HU scale and offset, and make a quarter of them noisier than they were drawn."""
    scale, offset = rng.uniform(0.9, 1.1, (len(hu), 1, 1, 1)), rng.normal(0, 25, (len(hu), 1, 1, 1))
    changed = hu * _float(scale) + _float(offset)
    for number in np.flatnonzero(rng.random(len(hu)) < 0.25):
        noise = rng.standard_normal(tuple(hu.shape[1:]), dtype=np.float32)
        changed[number] += float(rng.uniform(5, 40)) * torch.from_numpy(noise)
    return changed.clamp_(-1024, 3071)


def _float(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values).float()


def _move(hu: Tensor, points: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn by some degrees, zoom a little and shift in the sagittal plane, the points with the picture."""
    count, _, rows, columns = hu.shape
    angle = _float(rng.normal(0, np.radians(4), count))
    zoom = _float(rng.uniform(0.93, 1.07, count))
    shift = _float(rng.normal(0, 2, (count, 2)))
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    # A pixel at (row, column) from the middle of the new crop comes from matrix @ pixel + shift of the old.
    matrix = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    middle = torch.tensor([(rows - 1) / 2, (columns - 1) / 2])
    row, column = torch.meshgrid(torch.arange(rows) * 1.0, torch.arange(columns) * 1.0, indexing="ij")
    target = torch.stack([row, column], -1).reshape(-1, 2) - middle
    source = target @ matrix.transpose(1, 2) + shift[:, None]
    grid = (source / torch.tensor([rows / 2, columns / 2])).flip(-1).reshape(count, rows, columns, 2)
    moved = F.grid_sample(hu, grid, mode="bilinear", padding_mode="border", align_corners=False)
    back = torch.linalg.inv(matrix)
    moved_points = (points - middle - shift[:, None]) @ back.transpose(1, 2) + middle
    return moved, moved_points
