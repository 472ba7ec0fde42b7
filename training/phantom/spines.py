"""Key points of 2,116 real spines in, the statistics of their steps from body to body out; and drawn spines.

A *step* is the vector from one vertebral body centre to the next caudal one, LPS mm. Source of the key
points: Bürgin, Prevost, Stollenga, "Robust vertebra identification using simultaneous node and edge
predicting graph neural networks" (2023), ImFusion VID, CC BY-SA 4.0.
"""

import json
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS

Array = NDArray[np.float64]

PRESACRAL = LEVELS[:-1]
COMPONENTS = 14
OUTLIER = 0.22
"""A step whose length differs by more than this share from its median is taken for a numbering error."""


def read_steps(folder: Path) -> Array:
    """Steps of every spine under ``folder`` as (spines, 23, 3) LPS mm, NaN where unknown."""
    spines = []
    for path in sorted(folder.glob("**/KeypointGroundTruthNoSacrum/*/*.json")):
        centres = np.full((len(PRESACRAL), 3), np.nan)
        for point in json.loads(path.read_text()):
            level = point["type"].get("spine_level")
            if level in PRESACRAL and point["type"]["keypoint_type"] == "body":
                centres[PRESACRAL.index(level)] = point["coordinates"]["world_space"]
        spines.append(centres)
    steps = np.diff(np.array(spines), axis=1)
    length = np.linalg.norm(steps, axis=2)
    typical = np.nanmedian(length, axis=0)
    with np.errstate(invalid="ignore"):
        steps[np.abs(length / typical - 1) > OUTLIER] = np.nan
    return np.asarray(steps, dtype=np.float64)


def derive_spines(
    folder: Path, s1_from_l5_mm: NDArray[Any]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, dict[str, float]]]:
    """Statistics to draw spines from, and the spacing of the levels for the localiser's prior."""
    steps = read_steps(folder)
    length = np.linalg.norm(steps, axis=2)
    geometry = {
        f"{a}-{b}": {
            "mean_mm": round(float(np.nanmean(length[:, i])), 2),
            "sd_mm": round(float(np.nanstd(length[:, i])), 2),
        }
        for i, (a, b) in enumerate(pairwise(PRESACRAL))
    }
    # No sacrum is marked there: its distance comes from one mesh, its spread from the pair above.
    geometry["L5-S1"] = {
        "mean_mm": round(float(np.linalg.norm(s1_from_l5_mm)), 2),
        "sd_mm": geometry["L4-L5"]["sd_mm"],
    }
    flat = steps.reshape(len(steps), -1)
    flat = np.concatenate([flat, flat * np.tile([-1.0, 1, 1], 23)])
    mean = np.nanmean(flat, axis=0)
    known = ~np.isnan(flat)
    centred = np.where(known, flat - mean, 0)
    count = known.T.astype(float) @ known
    covariance = centred.T @ centred / np.maximum(count, 1)
    covariance *= count / (count + 60)
    values, vectors = np.linalg.eigh(covariance)
    kept = np.argsort(values)[::-1][:COMPONENTS]
    components = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0))
    spread = np.nanstd(flat, axis=0)
    rest = np.sqrt(np.maximum(spread**2 - (components**2).sum(1), 0))
    return {
        "mean_mm": mean.reshape(23, 3).astype(np.float32),
        "components_mm": components.T.reshape(COMPONENTS, 23, 3).astype(np.float32),
        "rest_mm": rest.reshape(23, 3).astype(np.float32),
        "s1_from_l5_mm": np.asarray(s1_from_l5_mm, np.float32),
    }, geometry


@lru_cache(maxsize=1)
def _statistics() -> dict[str, NDArray[np.float32]]:
    with np.load(Path(__file__).parent / "spines.npz", allow_pickle=False) as archive:
        return dict(archive)


def draw_steps(rng: np.random.Generator, curvature: float = 1.0) -> Array:
    """Draw the 24 steps C1→C2 … L5→S1 of one spine, (24, 3) LPS mm.

    ``curvature`` stretches the deviation from the mean spine. What the components leave over is mostly noise
    of the key points (they lie on a 1.5 mm lattice), so only a third of it is drawn.
    """
    known = _statistics()
    weights = np.clip(rng.normal(size=COMPONENTS), -2.5, 2.5) * curvature
    steps = known["mean_mm"] + np.tensordot(weights, known["components_mm"], axes=1)
    steps = steps + known["rest_mm"] * rng.normal(size=(23, 3)) / 3
    # The lumbosacral angle follows the lowest lumbar step, and varies by itself.
    usual = known["mean_mm"][-1]
    turn = np.arctan2(steps[-1][1], -steps[-1][2]) - np.arctan2(usual[1], -usual[2])
    turn = 0.7 * turn + rng.normal() * np.radians(6)
    x, y, z = known["s1_from_l5_mm"] * np.linalg.norm(steps[-4:], axis=1).mean() / 35.8
    last = [x, y * np.cos(turn) - z * np.sin(turn), y * np.sin(turn) + z * np.cos(turn)]
    return np.concatenate([steps, [last]])


def source_sacral_step() -> NDArray[np.float32]:
    """Step from L5 to S1 (LPS mm) in the mesh that the sacrum comes from."""
    return _statistics()["s1_from_l5_mm"]
