"""The two kinds of training sample, and the files they are cached in (safetensors only)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """One sample of the localiser, on its coarse grid (Z, Y, X).

    Attributes
    ----------
    hu : int16 (Z, Y, X)
    body : uint8 (Z, Y, X), 0 or 1 + the index in ``LEVELS`` of the vertebral body there
    centres : float32 (N, 3), index (z, y, x) of each body's centre
    levels : uint8 (N,), index in ``LEVELS``
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
    points : float32 (N, 6, 2), height points as (row, column) pixels
    grade : uint8 (N,)
    raw_loss : float32 (N,), 0-1
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


CROP_FIELDS = ("hu", "points", "grade", "raw_loss", "level", "spine", "look_alike")
TORSO_FIELDS = ("hu", "body", "centres", "levels")


def save_torso(torso: Torso, path: Path) -> None:
    """Cache one torso."""
    save_file({name: np.ascontiguousarray(getattr(torso, name)) for name in TORSO_FIELDS}, path)


def load_torsos(folder: Path) -> list[Torso]:
    """Every torso cached in ``folder``, in the order they were drawn."""
    return [Torso(**load_file(path)) for path in sorted(folder.glob("*.safetensors"))]


def save_crops(crops: Crops, path: Path) -> None:
    """Cache the crops of one or more spines."""
    save_file({name: np.ascontiguousarray(getattr(crops, name)) for name in CROP_FIELDS}, path)


def load_crops(folder: Path) -> Crops:
    """Every crop cached in ``folder``, in the order drawn; raises FileNotFoundError if there is none."""
    shards = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    if not shards:
        raise FileNotFoundError(f"no crops in {folder}")
    return Crops(*(np.concatenate([shard[name] for shard in shards]) for name in CROP_FIELDS))
