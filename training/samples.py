"""The three kinds of training sample, and the files they are cached in (safetensors only)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from inference.crops import CROP
from training.whole_file import write_whole

UNGRADED: Final = 255
"""Grade of a crop that nobody graded: it is there as its neighbours' reference only."""


class Purpose(IntEnum):
    """What samples are for."""

    TRAINING = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """One sample of the localiser, on its coarse grid (Z, Y, X).

    Attributes
    ----------
    hu : int16 (Z, Y, X)
    body : uint8 (Z, Y, X), 0 or 1 + the index in ``LEVELS`` of the vertebral body there; 255 as below
    centres : float32 (N, 3), index (z, y, x) of each body's centre
    levels : uint8 (N,), index in ``LEVELS``; 255 (``phantom.paint.UNNAMED``) where none of them is right
    """

    hu: NDArray[np.int16]
    body: NDArray[np.uint8]
    centres: NDArray[np.float32]
    levels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Samples of the grader.

    Attributes
    ----------
    hu : int16 (N, slices, rows, columns)
    points : float32 (N, 6, 2), height points as (row, column) pixels; NaN where nobody marked them
    grade : uint8 (N,), 0-3 or ``UNGRADED``
    raw_loss : float32 (N,), 0-1; NaN where the points are unknown
    level : uint8 (N,), index in ``LEVELS``
    spine : int32 (N,), which spine each crop was cut from
    look_alike : uint8 (N,), 1 where something that resembles a fracture was drawn
    """

    hu: NDArray[np.int16]
    points: NDArray[np.float32]
    grade: NDArray[np.uint8]
    raw_loss: NDArray[np.float32]
    level: NDArray[np.uint8]
    spine: NDArray[np.int32]
    look_alike: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.grade)

    def of_grade(self, grade: int) -> NDArray[np.int64]:
        """Indices of the crops of one grade."""
        return np.flatnonzero(self.grade == grade)

    def taken(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Crops":
        """The crops at ``chosen``."""
        return Crops(*(getattr(self, name)[chosen] for name in CROP_FIELDS))


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """One vertebra as the network of Wei et al. 2022 sees it.

    Attributes
    ----------
    hu : int16 (Z, Y, X)
    mask : uint8 (Z, Y, X), 1 where the vertebra is
    label : VerSe's number of its level
    grade : 0-3
    """

    hu: NDArray[np.int16]
    mask: NDArray[np.uint8]
    label: int
    grade: int


CROP_FIELDS = ("hu", "points", "grade", "raw_loss", "level", "spine", "look_alike")
TORSO_FIELDS = ("hu", "body", "centres", "levels")


def no_crops() -> Crops:
    """A collection without a crop."""
    return Crops(
        np.empty((0, CROP.slices, CROP.rows, CROP.columns), np.int16), np.empty((0, 6, 2), np.float32),
        np.empty(0, np.uint8), np.empty(0, np.float32), np.empty(0, np.uint8), np.empty(0, np.int32),
        np.empty(0, np.uint8),
    )  # fmt: skip


def save_torso(torso: Torso, path: Path) -> None:
    """Cache one torso."""
    _write({name: getattr(torso, name) for name in TORSO_FIELDS}, path)


def _write(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def save_box(box: Box, path: Path) -> None:
    """Keep one box."""
    marks = np.array([box.label, box.grade], np.uint8)
    _write({"hu": box.hu, "mask": box.mask, "marks": marks}, path)


def load_box(path: Path) -> Box:
    """The box of one file."""
    kept = load_file(path)
    return Box(kept["hu"], kept["mask"], int(kept["marks"][0]), int(kept["marks"][1]))


def box_grade(path: Path) -> int:
    """The grade of a box, without reading its voxels."""
    with safe_open(path, "np") as kept:
        return int(kept.get_tensor("marks")[1])


def load_torsos(folder: Path) -> list[Torso]:
    """Every torso cached in ``folder``, in the order they were drawn."""
    return [load_torso(path) for path in sorted(folder.glob("*.safetensors"))]


def load_torso(path: Path) -> Torso:
    """The torso of one file."""
    return Torso(**load_file(path))


def save_crops(crops: Crops, path: Path) -> None:
    """Cache the crops of one or more spines."""
    _write({name: getattr(crops, name) for name in CROP_FIELDS}, path)


def load_crops(folder: Path) -> Crops:
    """Every crop cached in ``folder``, in the order drawn; raises FileNotFoundError if there is none."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise FileNotFoundError(f"no crops in {folder}")
    return _joined([load_shard(path) for path in paths])


def load_shard(path: Path) -> Crops:
    """The crops of one file."""
    shard = load_file(path)
    return Crops(*(shard[name] for name in CROP_FIELDS))


def join_crops(parts: Sequence[Crops]) -> Crops:
    """Several collections as one; spines of different collections stay different spines."""
    renumbered, first = [], 0
    for part in parts:
        numbers = np.unique(part.spine, return_inverse=True)[1].astype(np.int32)
        renumbered.append(replace(part, spine=first + numbers))
        first += int(numbers.max(initial=-1)) + 1
    return _joined(renumbered)


def _joined(parts: Sequence[Crops]) -> Crops:
    return Crops(*(np.concatenate([getattr(part, name) for part in parts]) for name in CROP_FIELDS))


@dataclass(frozen=True, slots=True, eq=False)
class BoxFiles:
    """Boxes on disk (they are too large to hold all), with their grades, studies and patients."""

    paths: tuple[Path, ...]
    grade: NDArray[np.int64]
    study: NDArray[np.int64]
    patient: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, numbers: Sequence[int]) -> list[Box]:
        """The boxes of these numbers."""
        return [load_box(self.paths[number]) for number in numbers]


def box_files(found: Sequence[tuple[Path, int, str]]) -> BoxFiles:
    """Boxes by path, with each one's study and patient."""
    paths = tuple(path for path, _, _ in found)
    return BoxFiles(
        paths,
        np.array([box_grade(path) for path in paths], np.int64),
        np.array([study for _, study, _ in found], np.int64),
        np.array([patient for _, _, patient in found]),
    )


def join_boxes(parts: Sequence[BoxFiles]) -> BoxFiles:
    """Several collections as one; studies of different collections stay different studies."""
    study, first = [], 0
    for part in parts:
        numbers = np.unique(part.study, return_inverse=True)[1]
        study.append(first + numbers)
        first += int(numbers.max(initial=-1)) + 1
    return BoxFiles(
        tuple(path for part in parts for path in part.paths),
        np.concatenate([part.grade for part in parts]),
        np.concatenate(study).astype(np.int64),
        np.concatenate([part.patient for part in parts]),
    )
