"""Boxes and a random generator in; the network's input out, as they are or changed as in training.

Cutout, intensity, noise, rotation, zoom and shift follow the paper's code; its voxels are those of a box of
128, and are scaled to other sizes.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.samples import Box

WINDOWS_HU = ((-60.0, 140.0), (-350.0, 1150.0))
"""Soft tissue and bone: what becomes 0 and 1."""

LABELS = 28
"""The mask's channel is the VerSe label over this: the level goes in with it."""

CHANGED_SHARE = 0.7
CUTOUTS, CUTOUT_SHARE, CUTOUT_SIZE = 2, 0.5, 20 / 128
SHIFT = 10 / 128
ZOOM = (0.8, 1.2)
TURN = np.radians(10)


def plain_view(box: Box, size: int) -> Tensor:
    """The three channels (3, size, size, size), cut or padded about the middle."""
    return _fitted(_channels(box, size), size, 0.5)


def changed_views(boxes: Sequence[Box], size: int, rng: np.random.Generator) -> Tensor:
    """One view of each box, (B, 3, size, size, size), never twice the same."""
    return torch.stack([_changed(_channels(box, size), size, rng) for box in boxes])


def _channels(box: Box, size: int) -> Tensor:
    hu, mask = torch.from_numpy(box.hu).float(), torch.from_numpy(box.mask).float()
    windows = [((hu - low) / (high - low)).clamp(0, 1) for low, high in WINDOWS_HU]
    channels = torch.stack([*windows, mask * (box.label / LABELS)])
    side = channels.shape[-1]
    if side == size:
        return channels
    depth = max(1, round(channels.shape[1] * size / side))
    return F.interpolate(channels[None], (depth, size, size), mode="nearest")[0]


def _fitted(channels: Tensor, size: int, place: float) -> Tensor:
    """Cut or pad along z to ``size``; ``place`` from 0 to 1 says where."""
    spare = channels.shape[1] - size
    if spare >= 0:
        start = int(place * spare)
        return channels[:, start : start + size]
    before = int(place * -spare)
    return F.pad(channels, (0, 0, 0, 0, before, -spare - before))


def _changed(channels: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    view = _cutout(channels, size, rng)
    if rng.random() < CHANGED_SHARE:
        scale = rng.uniform(0.9, 1.1, (len(view), 1, 1, 1))
        noise = rng.normal(0, 0.05, tuple(view.shape)).astype(np.float32)
        view = _moved(view * torch.from_numpy(scale).float() + torch.from_numpy(noise), rng)
    return _cutout(_fitted(view, size, rng.random()), size, rng)


def _cutout(view: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Blank up to two boxes."""
    view = view.clone()
    for _ in range(CUTOUTS):
        if rng.random() < CUTOUT_SHARE:
            extent = rng.integers(1, max(2, round(CUTOUT_SIZE * size) + 1), 3)
            start = [int(rng.integers(max(1, n - e))) for n, e in zip(view.shape[1:], extent, strict=True)]
            view[(slice(None), *(slice(a, a + int(e)) for a, e in zip(start, extent, strict=True)))] = 0
    return view


def _moved(view: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn about three axes, zoom and shift, to the nearest voxel; what comes in from outside is 0."""
    matrix = torch.from_numpy(_turn(rng.uniform(-TURN, TURN, 3)) / rng.uniform(*ZOOM))
    extent = torch.tensor(view.shape[:0:-1], dtype=torch.float64)
    # The grid runs from -1 to 1 along every axis, whatever its length: turn in voxels.
    scaled = matrix * extent[None, :] / extent[:, None]
    shift = torch.from_numpy(rng.uniform(-2 * SHIFT, 2 * SHIFT, (3, 1)))
    theta = torch.cat([scaled, shift], 1).float()[None]
    grid = F.affine_grid(theta, [1, *view.shape], align_corners=False)
    return F.grid_sample(view[None], grid, mode="nearest", align_corners=False)[0]


def _turn(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        own = np.eye(3)
        own[[first, second], [first, second]] = np.cos(angle)
        own[first, second], own[second, first] = -np.sin(angle), np.sin(angle)
        whole = own @ whole
    return whole
