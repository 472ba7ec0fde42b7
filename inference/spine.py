"""A volume in, its vertebrae with centre, axes and level out.

The volume is sampled on a coarse grid along the patient's axes, the localiser looks at it in several ways and
draws its maps, their peaks are joined to one chain and numbered (:mod:`inference.numbering`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from inference.bundle import Bundle
from inference.crops import Axes, spine_axes
from inference.findings import Point
from inference.levels import LEVELS
from inference.model import Localiser, as_input, device_of
from inference.numbering import Peak, number_chain
from inference.volume import AIR_HU, Affine, Grid, Volume, sample, shrink

SOFTNESS: Final = (0.5, 1.0)
"""Shares of a coarse voxel over which looks average the volume first: a sharp one and a soft one."""


@dataclass(frozen=True, slots=True, eq=False)
class LocatedVertebra:
    """One vertebra: level (None where the numbering is unknown), its confidence, centre (LPS mm) and axes.

    ``graded_probability`` is that of being T1 to L5, whatever the numbering.
    """

    level: str | None
    level_confidence: float
    graded_probability: float
    centre_lps_mm: Point
    axes: Axes


@dataclass(frozen=True, slots=True, eq=False)
class SpineMaps:
    """What the localiser draws on its grid (Z, Y, X): centre and body probability, log-probability of levels.

    ``centre`` and ``body`` are means over the looks. ``level_log`` is (looks, 25, Z / 2, Y / 2, X / 2): every
    second voxel, because levels are drawn that coarsely. ``affine`` maps the grid's index to LPS mm.
    """

    centre: NDArray[np.float32]
    body: NDArray[np.float32]
    level_log: NDArray[np.float32]
    affine: Affine


def find_vertebrae(volume: Volume, bundle: Bundle) -> tuple[LocatedVertebra, ...]:
    """Locate and name the vertebrae of ``volume``, cranial to caudal; empty where there is no spine."""
    cuts = bundle.card.operating_point
    hu, affine = coarse_hu(volume, bundle.localiser.shape.voxel_mm)
    peaks = find_peaks(draw_maps(hu, affine, bundle.localiser))
    chain = number_chain(peaks, cuts.centre, cuts.level_temperature)
    if chain is None:
        return ()
    named = chain.confidence >= cuts.level_confidence
    centres = np.array([peak.centre_mm for peak in chain.peaks])
    return tuple(
        LocatedVertebra(LEVELS[level] if named else None, chain.confidence, graded, as_point(centre), axes)
        for level, graded, centre, axes in zip(
            chain.levels, chain.graded, centres, spine_axes(centres), strict=True
        )
    )


def as_point(lps_mm: NDArray[np.float64]) -> Point:
    """An LPS point as the plain tuple that findings carry."""
    x, y, z = (float(value) for value in lps_mm)
    return x, y, z


def coarse_grid(volume: Volume, voxel_mm: float) -> Grid:
    """The isotropic grid along the LPS axes that covers ``volume``; slices run to the head."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in volume.voxels.shape])).reshape(3, -1).T
    lps_mm = volume.to_lps(corners.astype(np.float64))
    low, high = lps_mm.min(axis=0), lps_mm.max(axis=0)
    columns, rows, slices = (int(size) for size in np.maximum(1, np.round((high - low) / voxel_mm)) + 1)
    affine = np.zeros((4, 4))
    affine[[2, 1, 0, 3], [0, 1, 2, 3]] = voxel_mm, voxel_mm, voxel_mm, 1
    affine[:3, 3] = low
    return Grid((slices, rows, columns), affine)


def coarse_hu(volume: Volume, voxel_mm: float) -> tuple[tuple[NDArray[np.int16], ...], Affine]:
    """Sample ``volume`` on its coarse grid after each way of averaging it: HU of each, and the affine."""
    grid = coarse_grid(volume, voxel_mm)
    return tuple(sample(shrink(volume, factors), grid) for factors in _factors(volume, voxel_mm)), grid.affine


def _factors(volume: Volume, voxel_mm: float) -> list[tuple[int, int, int]]:
    """How many slices, rows and columns are averaged: a coarse volume leaves fewer ways."""
    found = []
    for share in SOFTNESS:
        slices, rows, columns = (max(1, int(share * voxel_mm / step + 0.25)) for step in volume.spacing_mm)
        found.append((slices, rows, columns))
    return sorted(set(found))


def draw_maps(looks: Sequence[NDArray[np.int16]], affine: Affine, localiser: Localiser) -> SpineMaps:
    """Run the localiser over HU on one coarse grid (Z, Y, X), each look as it is and left-right reversed."""
    drawn = [_look(hu, localiser, reversed_) for hu in looks for reversed_ in (False, True)]
    centre, body, levels = zip(*drawn, strict=True)
    return SpineMaps(np.mean(centre, axis=0), np.mean(body, axis=0), np.array(levels), affine)


def _look(
    hu: NDArray[np.int16], localiser: Localiser, reversed_: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    step = -1 if reversed_ else 1
    padding = [(0, -size % localiser.multiple) for size in hu.shape]
    padded = np.pad(hu[..., ::step], padding, constant_values=AIR_HU)
    with torch.inference_mode():
        volume = as_input(torch.from_numpy(padded).to(device_of(localiser)))[None]
        centre, body, levels = localiser(volume)
    z, y, x = hu.shape
    every_second = np.arange(0, x, 2)
    columns = (x - 1 - every_second if reversed_ else every_second) // 2
    return (
        centre[0, :z, :y, :x].sigmoid().cpu().numpy()[..., ::step],
        body[0, :z, :y, :x].sigmoid().cpu().numpy()[..., ::step],
        levels[0, :, : (z + 1) // 2, : (y + 1) // 2].log_softmax(0).cpu().numpy()[..., columns],
    )


def find_peaks(maps: SpineMaps, least: float = 0.02) -> list[Peak]:
    """Local maxima of the centre map of at least ``least``, placed between voxels by their surroundings.

    A peak's score is the geometric mean of centre and body probability: in bone unlike the phantom's the body
    stays certain where the centre does not, and beside the spine it is the other way round.
    """
    highest = ndimage.maximum_filter(maps.centre, size=5)
    peaks = []
    for index in np.argwhere((maps.centre == highest) & (maps.centre >= least)):
        around = tuple(slice(max(0, i - 1), i + 2) for i in index)
        weight = maps.centre[around] ** 2
        offsets = [np.sum(weight * axis) / weight.sum() for axis in np.indices(weight.shape)]
        place = np.array([part.start for part in around]) + np.array(offsets)
        coarse = np.indices(weight.shape).reshape(3, -1) + np.array([[part.start] for part in around])
        log = maps.level_log[:, :, *(coarse // 2)] @ (weight.ravel() / weight.sum())
        centre_mm = maps.affine[:3, :3] @ place + maps.affine[:3, 3]
        score = float(np.sqrt(maps.centre[tuple(index)] * maps.body[around].mean()))
        peaks.append(Peak(centre_mm, score, log.astype(np.float64)))
    return peaks
