"""A trained network and held-out samples in, figures per vertebra out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, minimize

from inference.card import GradeCalibration
from inference.findings import Heights
from inference.grading import grade_of, probabilities
from inference.heights import Measured, height_losses
from inference.levels import LEVELS
from inference.model import Grader, Localiser, as_input
from inference.numbering import Chain, Peak, number_chain
from inference.spine import draw_maps, find_peaks
from training.metrics import Judged, auc, calibration_error, confusion
from training.samples import UNGRADED, Crops, Torso

Array = NDArray[np.float64]

INTERVAL_SHARE = 0.9
"""How many height losses lie within the interval that is reported with them."""

MATCH_MM = 12.0
"""A point this near to a vertebra's centre has found it."""


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """What the grader says about N crops: ordinal logits (N, 3), points (N, 6, 2), raw height loss (N,)."""

    ordinal: Array
    points: Array
    raw_loss: Array

    def taken(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Graded":
        """The crops at ``rows``."""
        return Graded(self.ordinal[rows], self.points[rows], self.raw_loss[rows])


def grade_crops(network: Grader, crops: Crops) -> Graded:
    """Run the grader; height losses refer to the vertebrae of the same spine, as in screening."""
    ordinal, points = [], []
    with torch.inference_mode():
        for start in range(0, len(crops), 64):
            seen = network(as_input(torch.from_numpy(crops.hu[start : start + 64])))
            ordinal.append(seen.ordinal.double().numpy())
            points.append(seen.points.double().numpy())
    all_points = np.concatenate(points)
    return Graded(np.concatenate(ordinal), all_points, _raw_losses(all_points, crops))


def judge(
    network: Grader,
    crops: Crops,
    patient: NDArray[np.str_],
    calibration: GradeCalibration,
    cuts: tuple[float, float, float],
) -> Judged:
    """Grade crops as screening does and set what was found beside the truth; ungraded ones are left out."""
    graded = grade_crops(network, crops)
    probability = all_probabilities(graded, calibration)
    found = np.array([int(grade_of(row, cuts)) for row in probability])
    known = np.flatnonzero(crops.grade != UNGRADED)
    return Judged(
        crops.grade.astype(np.int64), found, probability, crops.raw_loss.astype(np.float64), graded.raw_loss,
        crops.spine.astype(np.int64), patient,
    ).taken(known)  # fmt: skip


def _raw_losses(points: Array, crops: Crops) -> Array:
    heights = np.linalg.norm(points[:, 1::2] - points[:, 0::2], axis=2)
    losses = np.zeros(len(crops))
    for spine in np.unique(crops.spine):
        members = np.flatnonzero(crops.spine == spine)
        measured = [Measured(LEVELS[crops.level[i]], Heights(*heights[i])) for i in members]
        losses[members] = [loss.raw for loss in height_losses(measured)]
    return losses


def calibrate(graded: Graded, grade: NDArray[np.uint8], true_loss: Array) -> GradeCalibration:
    """Fit :class:`inference.card.GradeCalibration`: each k by maximum likelihood, the loss split conformal.

    ``true_loss`` is NaN where it is unknown; without any known one the interval is as wide as it can be.
    """
    fits = [_logistic(graded.ordinal[:, k - 1], graded.raw_loss, grade >= k) for k in (1, 2, 3)]
    slope, loss_slope, bias = ((float(a), float(b), float(c)) for a, b, c in zip(*fits, strict=True))
    return GradeCalibration(slope, loss_slope, bias, _conformal(np.abs(graded.raw_loss - true_loss)))


def _conformal(error: Array) -> float:
    """The quantile of the known errors that holds nine new ones in ten (Vovk 2005; Lei et al. 2018)."""
    known = error[np.isfinite(error)]
    share = INTERVAL_SHARE * (1 + 1 / max(len(known), 1))
    return round(float(np.quantile(known, share, method="higher")), 4) if len(known) and share < 1 else 1.0


def _logistic(score: Array, loss: Array, reached: NDArray[np.bool_]) -> Array:
    design = np.column_stack([score, loss, np.ones(len(score))])
    sign = np.where(reached, 1.0, -1.0)

    def cost(weights: Array) -> tuple[float, Array]:
        margin = sign * (design @ weights)
        slope = -sign / (1 + np.exp(margin))
        ridge = 1e-5 * weights * np.array([1, 1, 0])
        value = float(np.logaddexp(0, -margin).mean() + 0.5 * ridge @ weights)
        return value, design.T @ slope / len(score) + ridge

    return np.asarray(minimize(cost, np.array([1.0, 0.0, 0.0]), jac=True, method="L-BFGS-B").x)


def all_probabilities(graded: Graded, calibration: GradeCalibration) -> Array:
    """Calibrated P(grade >= k) of every crop, (N, 3)."""
    pairs = zip(graded.ordinal, graded.raw_loss, strict=True)
    return np.array([probabilities(ordinal, float(loss), calibration) for ordinal, loss in pairs])


def choose_cuts(probability: Array, grade: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Cut P(>= 1) at 93 % and P(>= 2) at 99.66 % specificity among normal vertebrae, P(3) at one half.

    99.66 % of the vertebrae means 95 % of the studies that show fifteen. No cut is above one half: what is
    more likely than not a fracture is called one.
    """
    normal = probability[grade == 0]
    mild = float(np.clip(np.quantile(normal[:, 0], 0.93), 0.05, 0.5))
    moderate = float(np.clip(np.quantile(normal[:, 1], 0.9966), 0.05, 0.5))
    return round(mild, 3), round(moderate, 3), 0.5


def grader_figures(
    graded: Graded, crops: Crops, calibration: GradeCalibration, cuts: tuple[float, float, float]
) -> dict[str, Any]:
    """Sensitivity, specificity, macro-F1, AUC and calibration on crops that nothing was fitted to."""
    probability = all_probabilities(graded, calibration)
    found = np.array([int(grade_of(row, cuts)) for row in probability])
    true = crops.grade.astype(int)
    table = confusion(true, found)
    recall = np.diag(table) / np.maximum(1, table.sum(1))
    precision = np.diag(table) / np.maximum(1, table.sum(0))
    f1 = 2 * recall * precision / np.maximum(1e-9, recall + precision)
    normal, look_alike = true == 0, (true == 0) & (crops.look_alike > 0)
    error = np.abs(graded.raw_loss - crops.raw_loss)
    point_mm = np.linalg.norm(graded.points - crops.points, axis=2).mean()
    figures = {
        "sensitivity_grade_2_or_more": float((found[true >= 2] >= 2).mean()),
        "sensitivity_grade_1_or_more": float((found[true >= 1] >= 1).mean()),
        "specificity_flagging_grade_2": float((found[normal] < 2).mean()),
        "specificity_flagging_grade_1": float((found[normal] < 1).mean()),
        "specificity_flagging_grade_2_look_alikes": float((found[look_alike] < 2).mean()),
        "macro_f1": float(f1.mean()),
        "auc_grade_1_or_more": auc(probability[:, 0], true >= 1) or 0.0,
        "auc_grade_2_or_more": auc(probability[:, 1], true >= 2) or 0.0,
        "calibration_error_grade_2": calibration_error(probability[:, 1], true >= 2),
        "height_loss_mean_error": float(error.mean()),
        "height_loss_correlation": float(np.corrcoef(graded.raw_loss, crops.raw_loss)[0, 1]),
        "height_point_mean_error_mm": float(point_mm),
    }
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return rounded | {"vertebrae": len(crops), "confusion_true_by_found": table.tolist()}


def torso_peaks(network: Localiser, torso: Torso, voxel_mm: float) -> list[Peak]:
    """The localiser's peaks in one torso, placed in mm from its first voxel."""
    affine = np.array([[0, 0, voxel_mm, 0], [0, voxel_mm, 0, 0], [voxel_mm, 0, 0, 0], [0, 0, 0, 1.0]])
    return find_peaks(draw_maps([torso.hu], affine, network))


def localiser_figures(
    peaks: list[list[Peak]], torsos: list[Torso], voxel_mm: float, threshold: float, temperature: float
) -> dict[str, float | int]:
    """Found, missed and false points, level accuracy and distance, after the chain, over all torsos."""
    found = true = false = named = right = 0
    distances: list[float] = []
    for points, torso in zip(peaks, torsos, strict=True):
        chain = number_chain(points, threshold, temperature)
        pairs, distance = match(chain, torso, voxel_mm)
        distances += distance
        found += len(pairs)
        true += len(torso.levels)
        false += (len(chain.peaks) if chain else 0) - len(pairs)
        if chain:
            named += len(pairs)
            right += sum(chain.levels[own] == torso.levels[other] for own, other in pairs)
    return {
        "torsos": len(torsos),
        "vertebrae": true,
        "found": found,
        "false_points": false,
        "level_right_share": round(float(right) / max(1, named), 4),
        "identification_rate": round(float(right) / max(1, true), 4),
        "mean_distance_mm": round(float(np.mean(distances)) if distances else 0.0, 2),
    }


def match(chain: Chain | None, torso: Torso, voxel_mm: float) -> tuple[list[tuple[int, int]], list[float]]:
    """Pairs (chain index, torso index) nearer than ``MATCH_MM``, with their distances."""
    if chain is None or not len(torso.centres):
        return [], []
    own = np.array([peak.centre_mm for peak in chain.peaks])
    true = torso.centres[:, ::-1] * voxel_mm
    distance = np.linalg.norm(own[:, None] - true[None], axis=2)
    rows, columns = linear_sum_assignment(distance)
    near = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if distance[i, j] <= MATCH_MM]
    return near, [float(distance[i, j]) for i, j in near]
