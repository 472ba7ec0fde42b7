"""A box becomes the paper's three channels, changed at random but never in what it shows."""

import numpy as np
import torch

from training.samples import Box
from training.wei2022.views import changed_views, plain_view


def box(slices: int = 20) -> Box:
    mask = np.zeros((slices, 16, 16), np.uint8)
    mask[4:-4, 4:12, 4:12] = 1
    return Box(np.where(mask, 400, -100).astype(np.int16), mask, 14, 2)


def test_windows_and_label_are_the_papers() -> None:
    view = plain_view(box(16), 16)
    soft, bone, mask = (channel[8, 8, 8] for channel in view)
    assert (float(soft), float(bone), float(mask)) == (1.0, 0.5, 0.5)
    assert float(view[1, 0, 0, 0]) == torch.tensor(250 / 1500)


def test_a_box_is_cut_or_padded_about_its_middle() -> None:
    tall, flat = plain_view(box(20), 16), plain_view(box(12), 16)
    assert tall.shape == flat.shape == (3, 16, 16, 16)
    assert torch.equal(tall[2], tall[2].flip(0))
    assert torch.equal(flat[2], flat[2].flip(0))
    assert float(flat[:, 0].abs().max()) == 0


def test_views_differ_yet_show_the_vertebra_and_follow_the_seed() -> None:
    boxes = [box(), box()]
    first, again = (changed_views(boxes, 16, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    plain = plain_view(box(), 16)[2] > 0
    many = changed_views([box()] * 40, 16, np.random.default_rng(4))[:, 2] > 0.25
    overlap = [float((view & plain).sum() / plain.sum()) for view in many]
    assert np.mean(overlap) > 0.6
    assert len({round(share, 3) for share in overlap}) > 10


def test_a_turn_keeps_the_size_of_a_box_that_is_no_cube() -> None:
    counts = [
        float((changed_views([box(40)], 16, np.random.default_rng(n))[0, 2] > 0.25).sum()) for n in range(60)
    ]
    whole = float((plain_view(box(40), 16)[2] > 0).sum())
    assert 0.6 * whole < np.median(counts) < 1.2 * whole
