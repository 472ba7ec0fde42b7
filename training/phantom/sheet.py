"""Seeds in, a contact sheet of drawn spines out, to be looked at beside real CT.

Run as ``python -m training.phantom.sheet PNG [DICOM_FOLDER ...]``: real series first, if folders are named,
then the drawn ones. The sheet in the documents has drawn ones alone.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inference.index import index_files
from inference.reading import read_volume
from inference.series import choose_series
from inference.volume import Grid, Volume, sample
from training.phantom.degrade import degrade, draw_acquisition
from training.phantom.paint import render
from training.phantom.scene import Scene, SceneKind, SceneOptions, draw_scene

TILE_MM = (260, 150)
"""Height and depth that a tile shows, at one pixel a mm."""
WINDOW_HU = (-150, 750)
COLUMNS = 8


def drawn_tile(seed: int) -> Image.Image:
    """One drawn spine in the sagittal plane through its middle, as a scanner would deliver it."""
    rng = np.random.default_rng((77, seed))
    scene = draw_scene(SceneOptions(SceneKind.TORSO, fracture_share=0.25, look_alike_share=0.4), rng)
    acquisition = draw_acquisition(rng)
    layers = 5
    grid = _sagittal(_middle(scene), layers)
    axial = render(scene, grid).transpose(1, 2, 0)
    scanned = degrade(np.ascontiguousarray(axial), (1.0, 1.0, 1.0), acquisition, rng)
    fractured = [f"{t.level}:{int(t.grade)}" for t in scene.truths if t.grade]
    return _tile(scanned[:, :, layers // 2], f"{acquisition.thickness_mm:g} mm {' '.join(fractured)}")


def real_tile(folder: Path) -> Image.Image:
    """The best series of a DICOM folder in the sagittal plane through its middle."""
    volume = read_volume(choose_series(index_files([folder])).candidates[0])
    return _tile(_spine_section(volume), "real")


def _spine_section(volume: Volume) -> NDArray[np.int16]:
    """The sagittal section, among those near the middle, with most bone in its posterior half."""
    size = np.array(volume.voxels.shape)
    middle = volume.to_lps((size - 1) / 2)
    sections = [
        sample(volume, _sagittal(middle + np.array([shift, 25.0, 0.0]), 1))[0] for shift in range(-30, 31, 5)
    ]
    return max(sections, key=lambda section: int((section > 150).sum()))


def _middle(scene: Scene) -> NDArray[np.float64]:
    """Middle of the spine that a scene shows."""
    low, high = scene.bounds_lps_mm[0][2], scene.bounds_lps_mm[1][2]
    shown = [t.centre_lps_mm for t in scene.truths if low < t.centre_lps_mm[2] < high]
    return np.asarray(np.mean(shown, axis=0) + np.array([0.0, 10.0, 0.0]))


def _sagittal(middle_mm: NDArray[np.float64], layers: int) -> Grid:
    """A grid of sagittal layers 1 mm apart: rows to the feet, columns to the back, 1 mm."""
    rows, columns = TILE_MM
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    affine[:3, 3] = middle_mm - affine[:3, :3] @ ((np.array([layers, rows, columns]) - 1) / 2)
    return Grid((layers, rows, columns), affine)


def _tile(hu: NDArray[np.int16], words: str) -> Image.Image:
    low, high = WINDOW_HU
    grey = np.clip((hu.astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    tile = Image.fromarray(grey)
    ImageDraw.Draw(tile).text((3, 2), words, fill=255)
    return tile


def contact_sheet(target: Path, seeds: range, real: tuple[Path, ...] = ()) -> None:
    """Write the tiles as one PNG."""
    tiles = [*(real_tile(folder) for folder in real), *(drawn_tile(seed) for seed in seeds)]
    rows, columns = TILE_MM
    sheet = Image.new("L", (COLUMNS * columns, -(-len(tiles) // COLUMNS) * rows))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % COLUMNS * columns, number // COLUMNS * rows))
    sheet.save(target, optimize=True)


if __name__ == "__main__":
    contact_sheet(Path(sys.argv[1]), range(16), tuple(Path(folder) for folder in sys.argv[2:]))
