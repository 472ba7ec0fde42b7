"""Real masks, meshes and key points in; the compact shapes and statistics that the phantom is built from out.

Run as ``python -m training.phantom.derive DATA`` where DATA holds ``labels``, ``labelled`` and
``anatomy.tar.gz``. Writes ``shapes.npz`` and ``spines.npz`` beside this file and
``inference/spine_geometry.json``. Sources and licences: ``ATTRIBUTION.md``.
"""

import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy import ndimage

from inference.levels import LEVELS, VERSE_LABELS
from training.phantom.anatomy import ANGLES, ARCH_ORIGIN_MM, ARCH_STEP_MM, HIP_STEP_MM, SDF_UNIT_MM
from training.phantom.meshes import read_obj, voxelise
from training.phantom.spines import derive_spines

Array = NDArray[np.float64]

ROWS = np.linspace(-0.8, 0.8, 9)
ARCH_SHAPE = (36, 52, 56)
"""(z, y, x) of the arch's lattice; its origin is ARCH_ORIGIN_MM in the vertebra's frame."""

MASKS: dict[str, tuple[str, ...]] = {
    "labels/verse_masks/sub-gl003_dir-ax_seg-vert_msk.nii.gz": LEVELS[:11],
    "labels/verse_masks/sub-gl017_seg-vert_msk.nii.gz": LEVELS[:10],
    "labelled/verse19/sub-verse009_seg-vert_msk.nii.gz": LEVELS[8:24],
    "labelled/verse19/sub-verse004_seg-vert_msk.nii.gz": LEVELS[15:24],
    "labels/verse_masks/sub-verse010_seg-vert_msk.nii.gz": LEVELS[19:24],
}
"""Source masks and the levels they hold whole. No end plate is taken from them: fractured ones serve too."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One real vertebra: its mask on a 1 mm lattice (z, y, x) in its own frame, centre at ``origin``."""

    level: str
    mask: NDArray[np.float32]
    origin: tuple[float, float, float]


def _body_centre(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> Array:
    """Centre (z, y, x mm) of the thickest part of a vertebra, which is its body."""
    depth = ndimage.distance_transform_edt(mask, sampling=spacing)
    core = np.argwhere(depth > 0.75 * depth.max())
    return np.asarray(core.mean(0) * np.array(spacing))


def read_masks(data: Path) -> Iterator[Source]:
    """Every usable vertebra of the VerSe masks, resampled into its own frame (left, posterior, superior)."""
    for name, levels in MASKS.items():
        image = sitk.DICOMOrient(sitk.ReadImage(str(data / name), sitk.sitkUInt8), "LPS")
        step = min(image.GetSpacing())
        labels = sitk.GetArrayFromImage(image)
        spacing = image.GetSpacing()[::-1]
        centres = {}
        for number, level in VERSE_LABELS.items():
            if level in levels and (labels == number).any():
                inside = ndimage.find_objects((labels == number).astype(np.int8))[0]
                centre = _body_centre(np.pad(labels[inside] == number, 1), spacing) - np.array(spacing)
                start = np.array([part.start for part in inside]) * np.array(spacing)
                centres[number] = (centre + start)[::-1]
        for number, centre in centres.items():
            axis = centres.get(number - 1, centre) - centres.get(number + 1, centre)
            axis[0] *= 0.5
            superior = axis / np.linalg.norm(axis)
            yield Source(
                VERSE_LABELS[number],
                _own_frame(image, labels == number, centre, superior, step),
                ARCH_ORIGIN_MM,
            )


def _own_frame(
    image: sitk.Image, mask: NDArray[np.bool_], centre: Array, superior: Array, step: float
) -> NDArray[np.float32]:
    """Resample one label on a 1 mm lattice in the vertebra's frame; ``centre`` in mm from the first voxel."""
    posterior = np.array([0.0, 1.0, 0.0]) - superior[1] * superior
    posterior /= np.linalg.norm(posterior)
    axes = np.stack([np.cross(posterior, superior), posterior, superior])
    label = sitk.GetImageFromArray(mask.astype(np.float32))
    label.SetSpacing(image.GetSpacing())
    label = sitk.SmoothingRecursiveGaussian(label, 0.6 + 0.2 * (1 - step))
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(axes.T.ravel().tolist())
    transform.SetTranslation(centre.tolist())
    size = [int(n * ARCH_STEP_MM) for n in ARCH_SHAPE[::-1]]
    resampled = sitk.Resample(
        label, size, transform, sitk.sitkLinear, ARCH_ORIGIN_MM[::-1], (1.0, 1.0, 1.0),
        (1, 0, 0, 0, 1, 0, 0, 0, 1), 0.0,
    )  # fmt: skip
    return np.asarray(sitk.GetArrayFromImage(resampled), dtype=np.float32)


def signed_distance(mask: NDArray[np.bool_], step_mm: float) -> NDArray[np.float32]:
    """Distance in mm to the surface of ``mask``, negative inside."""
    outside = ndimage.distance_transform_edt(~mask) if not mask.all() else np.zeros(mask.shape)
    inside = ndimage.distance_transform_edt(mask)
    return np.asarray((outside - inside + (mask * 1.0 - 0.5)) * step_mm, dtype=np.float32)


def pack(distance: NDArray[np.float32]) -> NDArray[np.int8]:
    """Signed distance as int8, clipped at about 7.9 mm."""
    return np.asarray(np.clip(np.rint(distance / SDF_UNIT_MM), -127, 127), dtype=np.int8)


def outline(source: Source) -> NDArray[np.float32] | None:
    """Radii in mm (rows, angles) of the body's wall, seen from its centre; None if there is no body (C1).

    Rows run from the inferior to the superior end plate (`ROWS`), angles from left over posterior.
    Where pedicles join, the wall of the rows below (free of pedicles) is used.
    """
    mask = source.mask > 0.5
    z0, y0, x0 = source.origin
    along = mask[:, int(-y0) - 3 : int(-y0) + 4, int(-x0) - 3 : int(-x0) + 4].mean((1, 2)) > 0.5
    heights = np.flatnonzero(along) + z0
    if len(heights) < 7 or source.level in {"C1", "C2"}:
        return None
    low, high = heights.min(), heights.max() + 1
    theta = np.arange(ANGLES) * 2 * np.pi / ANGLES
    radius = np.arange(3, 40, 0.25)
    radii = np.empty((len(ROWS), ANGLES))
    for row, height in enumerate((low + high) / 2 + ROWS * (high - low) / 2):
        points = np.stack(
            [
                np.full((ANGLES, len(radius)), height - z0),
                np.sin(theta)[:, None] * radius - y0,
                np.cos(theta)[:, None] * radius - x0,
            ]
        )
        free = ndimage.map_coordinates(source.mask, points, order=1) < 0.5
        radii[row] = np.where(free.any(1), radius[free.argmax(1)], radius[-1])
    return _without_pedicles(radii)


def _without_pedicles(radii: Array) -> NDArray[np.float32]:
    angle = np.arange(ANGLES) * 360 / ANGLES
    pedicle = (angle > 20) & (angle < 160) & (np.abs(angle - 90) > 12)
    posterior = np.median(radii[:, np.abs(angle - 90) < 10])
    side = np.median(radii[:, (np.abs(angle) < 10) | (np.abs(angle - 180) < 10)])
    # An ellipse through the posterior and the side wall, slightly squared, bounds what can still be body.
    squareness = 2.6
    bound = (
        (np.abs(np.cos(np.radians(angle))) / side) ** squareness
        + (np.abs(np.sin(np.radians(angle))) / posterior) ** squareness
    ) ** (-1 / squareness)
    clean = radii.copy()
    clean[:, pedicle] = np.minimum(clean[:, pedicle], bound[pedicle])
    clean = np.minimum(clean, 1.3 * np.median(clean, axis=0))
    spectrum = np.fft.rfft(clean, axis=1)
    spectrum[:, 9:] = 0
    smooth = np.fft.irfft(spectrum, ANGLES, axis=1)
    return np.asarray(ndimage.gaussian_filter1d(smooth, 0.7, axis=0), dtype=np.float32)


def arch(source: Source, radii: NDArray[np.float32] | None) -> NDArray[np.int8]:
    """The vertebra without its body as packed signed distance on the 2 mm lattice."""
    mask = source.mask > 0.5
    if radii is not None:
        z0, y0, x0 = source.origin
        z, y, x = np.ogrid[: mask.shape[0], : mask.shape[1], : mask.shape[2]]
        turn = np.mod(np.arctan2(y + y0, x + x0), 2 * np.pi) / (2 * np.pi) * ANGLES
        wall = np.interp(turn.ravel(), np.arange(ANGLES + 1), np.append(radii.mean(0), radii.mean(0)[0]))
        inside = np.hypot(y + y0, x + x0) < wall.reshape(turn.shape) - 3
        ahead = (y + y0 < 4) & (np.abs(z + z0) < 60)
        back = (np.abs(turn - ANGLES / 4) < ANGLES * 27 / 360) & (
            np.hypot(y + y0, x + x0) < wall.reshape(turn.shape) + 2.5
        )
        mask = mask & ~(inside | back | (ahead & (np.hypot(y + y0, x + x0) < wall.reshape(turn.shape) + 6)))
    labels, count = ndimage.label(mask)
    if count > 1:
        sizes = ndimage.sum_labels(mask, labels, np.arange(1, count + 1))
        mask = np.isin(labels, 1 + np.flatnonzero(sizes > 400))
    distance = ndimage.gaussian_filter(signed_distance(mask, 1.0), 0.5)
    return pack(distance[::2, ::2, ::2][: ARCH_SHAPE[0], : ARCH_SHAPE[1], : ARCH_SHAPE[2]])


def derive_vertebrae(data: Path) -> dict[str, NDArray[np.generic]]:
    """Body outlines and arches of every usable source vertebra."""
    levels, outlines, arches = [], [], []
    for source in read_masks(data):
        radii = outline(source)
        levels.append(LEVELS.index(source.level))
        outlines.append(np.zeros((len(ROWS), ANGLES), np.float32) if radii is None else radii)
        arches.append(arch(source, radii))
    return {
        "level": np.array(levels, np.uint8),
        "outline_quarter_mm": np.clip(np.rint(np.array(outlines) * 5), 0, 255).astype(np.uint8),
        "arch": np.array(arches),
    }


def derive_pelvis(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Sacrum and hip bones as packed signed distance on 3 mm lattices about the body of S1 (LPS axes)."""
    to_lps = np.array([[0, 1000.0, 0], [-1000.0, 0, 0], [0, 0, 1000.0]])
    mesh = {}
    for name in ("S1", "S1_body", "L5_body", "L4_body", "Pelvis"):
        vertices, faces = read_obj(folder / f"{name}.obj")
        mesh[name] = (vertices @ to_lps.T, faces)
    middle = {name: (v.min(0) + v.max(0)) / 2 for name, (v, _) in mesh.items()}
    centre = middle["S1_body"]
    step = HIP_STEP_MM
    packed: dict[str, NDArray[np.generic]] = {
        "s1_from_l5_mm": (centre - middle["L5_body"]).astype(np.float32),
        "l5_from_l4_mm": (middle["L5_body"] - middle["L4_body"]).astype(np.float32),
    }
    for name, key in (("S1", "sacrum"), ("Pelvis", "hips")):
        vertices, faces = mesh[name]
        low = np.floor(vertices.min(0) - centre) - 9
        shape = np.ceil((vertices.max(0) - centre + 9 - low) / step).astype(int)
        fine = voxelise(vertices - centre, faces, low, step / 2, tuple(2 * shape))
        distance = ndimage.gaussian_filter(signed_distance(ndimage.binary_fill_holes(fine), step / 2), 0.7)
        packed[key] = pack(distance[::2, ::2, ::2])
        packed[f"{key}_origin_mm"] = low.astype(np.float32)
    return packed


def main(data: Path, shapes_folder: Path, geometry_file: Path) -> None:
    """Derive everything from the sources under ``data`` and write it."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("anatomy.tar.gz", "labels/vid_keypoints.tar.gz"):
            with tarfile.open(data / name) as archive:
                archive.extractall(scratch, filter="data")
        shapes = derive_vertebrae(data) | derive_pelvis(Path(scratch, "anatomy/vhp_lumbosacral"))
        statistics, geometry = derive_spines(Path(scratch), shapes["s1_from_l5_mm"])
    np.savez_compressed(shapes_folder / "shapes.npz", allow_pickle=False, **shapes)
    np.savez_compressed(shapes_folder / "spines.npz", allow_pickle=False, **statistics)
    geometry_file.write_text(json.dumps(geometry, indent=1) + "\n")


if __name__ == "__main__":
    package = Path(__file__).parent
    main(Path(sys.argv[1]), package, package.parents[1] / "inference/spine_geometry.json")
