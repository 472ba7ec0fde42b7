"""Noise-free HU in; what a scanner would have made of them out."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

Array32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A scanner's settings.

    Attributes
    ----------
    thickness_mm : full width of the slice profile along the first axis
    blur_mm : standard deviation of the in-plane point spread
    sharpening : edge enhancement (0 none, 1 strong)
    noise_hu : standard deviation of the noise
    grain_mm : correlation length of the noise in the plane
    ringing : undershoot below -1000 HU beside air edges, as spline resampling leaves
    circle : outside the reconstruction circle the value is -1024
    streaks : metal throws streaks
    """

    thickness_mm: float
    blur_mm: float
    sharpening: float
    noise_hu: float
    grain_mm: float
    ringing: bool
    circle: bool
    streaks: bool


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    """Draw settings as they occur: thin to 5 mm slices, smooth to sharp kernels, 3-60 HU of noise."""
    sharp = float(np.clip(rng.normal(0.25, 0.35), 0, 1.2))
    return Acquisition(
        thickness_mm=float(
            rng.choice([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0], p=[0.2, 0.15, 0.1, 0.15, 0.15, 0.15, 0.1])
        ),
        blur_mm=float(rng.uniform(0.25, 0.75)),
        sharpening=sharp,
        noise_hu=float(np.clip(np.exp(rng.normal(np.log(14 + 14 * sharp), 0.55)), 3, 60)),
        grain_mm=float(rng.uniform(0.5, 1.1) * (1.3 - 0.5 * min(sharp, 1))),
        ringing=bool(rng.random() < 0.1),
        circle=bool(rng.random() < 0.12),
        streaks=bool(rng.random() < 0.8),
    )


@lru_cache(maxsize=8)
def _noise_tile(sigma_voxels: float) -> Array32:
    noise = np.random.default_rng(11).normal(size=(48, 128, 128)).astype(np.float32)
    tile = ndimage.gaussian_filter(noise, (0.35, sigma_voxels, sigma_voxels), mode="wrap")
    # A reconstruction filter leaves little noise at the lowest frequencies.
    tile -= 0.7 * ndimage.gaussian_filter(tile, (0, 4 * sigma_voxels, 4 * sigma_voxels), mode="wrap")
    return np.asarray(tile / tile.std(), dtype=np.float32)


def _noise(shape: tuple[int, ...], sigma_voxels: float, rng: np.random.Generator) -> Array32:
    """Correlated noise of unit spread: a precomputed tile, shifted and flipped."""
    tile = _noise_tile(round(float(np.clip(sigma_voxels, 0.3, 2.0)) * 5) / 5)
    tile = tile[:: rng.choice([-1, 1]), :: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    start = [int(rng.integers(n)) for n in tile.shape]
    index = [(np.arange(n) + s) % t for n, s, t in zip(shape, start, tile.shape, strict=True)]
    return tile[np.ix_(*index)]


METAL_HU = 2400


@lru_cache(maxsize=8)
def _streak_kernel(angles: int, phase: float, step_mm: float) -> Array32:
    """Alternating dark and bright rays that fade with distance."""
    reach = int(90 / step_mm)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * step_mm
    radius = np.hypot(x, y)
    rays = np.cos(angles * np.arctan2(y, x) + phase)
    return np.asarray(
        rays / (radius + 6) * np.clip(radius / 4, 0, 1) * np.clip(1 - radius / 90, 0, 1), np.float32
    )


def _add_streaks(hu: Array32, spacing_mm: tuple[float, float, float], rng: np.random.Generator) -> None:
    """Beam hardening and photon starvation around metal, slice by slice."""
    kernel = _streak_kernel(int(rng.choice([2, 6, 10])), round(float(rng.uniform(0, 3.1)), 1), spacing_mm[1])
    strength = rng.uniform(15, 60) * spacing_mm[1] * spacing_mm[2]
    for number in range(len(hu)):
        metal = hu[number] > METAL_HU
        if metal.sum() > 3:
            streaks = signal.fftconvolve(metal.astype(np.float32), kernel, mode="same")
            hu[number] += np.float32(strength) * np.clip(streaks, -60, 60)


def degrade(
    voxels: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Add point spread, kernel, noise and the scanner's limits to ``voxels`` (slices, rows, columns)."""
    slice_mm, row_mm, column_mm = spacing_mm
    hu = voxels.astype(np.float32)
    if acquisition.streaks:
        _add_streaks(hu, spacing_mm, rng)
    # A box of width w has a standard deviation of w / sqrt(12); a voxel integrates over its own anyway.
    through = np.sqrt(max(acquisition.thickness_mm**2 - slice_mm**2, 0) / 12) / slice_mm
    hu = ndimage.gaussian_filter(
        hu, (through, acquisition.blur_mm / row_mm, acquisition.blur_mm / column_mm), truncate=2.5
    )
    if acquisition.sharpening > 0:
        wide = ndimage.gaussian_filter(hu, (0, 1.0 / row_mm, 1.0 / column_mm), truncate=2.5)
        hu += acquisition.sharpening * (hu - wide)
    hu += acquisition.noise_hu * _noise(hu.shape, acquisition.grain_mm / row_mm, rng)
    if acquisition.circle:
        rows, columns = hu.shape[1:]
        y, x = np.ogrid[:rows, :columns]
        hu[
            :, (y - rows / 2 + 0.5) ** 2 + (x - columns / 2 + 0.5) ** 2 > (max(rows, columns) / 2) ** 2
        ] = -1024
    if acquisition.ringing:
        hu -= 0.12 * (ndimage.gaussian_filter(hu, (0, 1.2, 1.2)) - hu)
    low = -1200 if acquisition.ringing else -1024
    return np.clip(np.rint(hu), low, 3071).astype(np.int16)
