"""Network outputs and truths in, the losses to minimise out.

Each function reads like the equation it cites. Shapes: B crops, P projection size, K = 3 cut points.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def supervised_contrastive(
    projection: Tensor, grade: Tensor, memory: Tensor, memory_grade: Tensor, temperature: float
) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, equation 2), with a memory of earlier crops.

    L = sum_i -1/|P(i)| sum_{p in P(i)} log( exp(z_i z_p / t) / sum_{a in A(i)} exp(z_i z_a / t) )

    A(i) is every other crop of the batch and every crop in memory; P(i) those of the same grade. A crop
    without a positive adds nothing.

    Parameters
    ----------
    projection : (B, P) unit vectors z of the batch
    grade : (B,) integers
    memory, memory_grade : (M, P) unit vectors without gradient and their (M,) grades; M may be 0
    temperature : t
    """
    others = torch.cat([projection, memory])
    similarity = projection @ others.T / temperature
    own = torch.eye(len(projection), len(others), dtype=torch.bool, device=projection.device)
    log_probability = similarity - similarity.masked_fill(own, -torch.inf).logsumexp(1, keepdim=True)
    positive = (grade[:, None] == torch.cat([grade, memory_grade])[None, :]) & ~own
    count = positive.sum(1)
    per_crop = -(log_probability * positive).sum(1)[count > 0] / count[count > 0]
    return per_crop.mean() if len(per_crop) else projection.sum() * 0


def ordinal_contrastive(
    projection: Tensor, grade: Tensor, memory: Tensor, memory_grade: Tensor, temperature: float
) -> Tensor:
    """Contrastive loss that knows the order of the grades (Rank-N-Contrast, Zha et al. 2023, equation 2).

    L = -1/N sum_i 1/|A(i)| sum_{j in A(i)} log( exp(z_i z_j / t) / sum_{k in S(i,j)} exp(z_i z_k / t) )

    S(i,j) = {k in A(i): |g_i - g_k| >= |g_i - g_j|}: crop j shall be nearer to i than every crop whose grade
    is as far from i's or further. Parameters as in :func:`supervised_contrastive`.
    """
    others, grades = torch.cat([projection, memory]), torch.cat([grade, memory_grade])
    similarity = projection @ others.T / temperature
    own = torch.eye(len(projection), len(others), dtype=torch.bool, device=projection.device)
    distance = (grade[:, None] - grades[None, :]).abs().masked_fill(own, -1)
    total = torch.zeros_like(similarity)
    for step in range(4):
        as_far = similarity.masked_fill(distance < step, -torch.inf).logsumexp(1, keepdim=True)
        total = total + torch.where(distance == step, similarity - as_far, 0.0)
    return -(total.sum(1) / max(1, len(others) - 1)).mean()


def ordinal(logits: Tensor, grade: Tensor, weight: Tensor) -> Tensor:
    """Cumulative-logit loss: binary cross-entropy of "grade >= k" for k = 1, 2, 3.

    (McCullagh 1980, the proportional odds model: logits (B, 3) share one score and differ by their cuts;
    ``weight`` (3,) weighs the cuts.)
    """
    reached = (grade[:, None] >= torch.arange(1, 4, device=grade.device)[None, :]).float()
    each = F.binary_cross_entropy_with_logits(logits, reached, reduction="none")
    return (each * weight).mean()


def height_points(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean distance of the six points plus mean error of the three heights they span; (B, 6, 2) in pixels.

    Crops whose points nobody marked (NaN) add nothing.
    """
    known = torch.isfinite(true).all(2).all(1)
    if not known.any():
        return predicted.sum() * 0
    predicted, true = predicted[known], true[known]
    distance = F.smooth_l1_loss(predicted, true, beta=2.0)
    return distance + F.smooth_l1_loss(_heights(predicted), _heights(true), beta=1.0)


def _heights(points: Tensor) -> Tensor:
    return (points[:, 1::2] - points[:, 0::2]).square().sum(2).add(1e-6).sqrt()


def centre_map(logits: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss of a centre heat-map (Zhou et al. 2019, Objects as Points, equation 1).

    ``heat`` is 1 at a centre and falls off as a Gaussian; the sum is divided by the number of centres.
    """
    probability = logits.sigmoid()
    at_centre = heat >= 0.99
    hit = (1 - probability).square() * F.logsigmoid(logits) * at_centre
    miss = (1 - heat).pow(4) * probability.square() * F.logsigmoid(-logits) * ~at_centre
    return -(hit + miss).sum() / at_centre.sum().clamp_min(1)


def body_mask(logits: Tensor, body: Tensor) -> Tensor:
    """Cross-entropy plus one minus the soft Dice overlap of the vertebral-body mask (0 or 1)."""
    probability = logits.sigmoid()
    overlap = 2 * (probability * body).sum() + 1.0
    dice = overlap / (probability.sum() + body.sum() + 1.0)
    return F.binary_cross_entropy_with_logits(logits, body) + 1 - dice


def level_map(logits: Tensor, level: Tensor) -> Tensor:
    """Cross-entropy of the level (B, 25, Z, Y, X), where ``level`` (B, Z, Y, X) names one; -1 elsewhere."""
    if not (level >= 0).any():
        return logits.sum() * 0
    return F.cross_entropy(logits, level, ignore_index=-1)
