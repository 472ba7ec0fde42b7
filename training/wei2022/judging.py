"""The trained network and boxes in; what it finds in each, beside the truth, out."""

import numpy as np
import torch

from inference.model import device_of
from training.metrics import Judged
from training.samples import BoxFiles
from training.wei2022.network import BoxGrader
from training.wei2022.views import plain_view

AT_A_TIME = 8


def judge_boxes(network: BoxGrader, boxes: BoxFiles) -> Judged:
    """Grade by the likeliest class, as the paper does; heights are not measured."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(boxes), AT_A_TIME):
            numbers = range(start, min(start + AT_A_TIME, len(boxes)))
            views = [plain_view(box, network.shape.box_voxels) for box in boxes.read(numbers)]
            seen = network(torch.stack(views).to(device_of(network)))
            rows.append(seen.logits.double().softmax(1).cpu().numpy())
    likely = np.concatenate(rows)
    reached = np.cumsum(likely[:, ::-1], axis=1)[:, 2::-1]
    unknown = np.full(len(boxes), np.nan)
    return Judged(
        boxes.grade, likely.argmax(axis=1).astype(np.int64), np.clip(reached, 0, 1), unknown, unknown,
        boxes.study, boxes.patient,
    )  # fmt: skip
