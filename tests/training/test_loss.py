"""The losses against values worked out by hand, and the limits they must keep."""

import math
from collections.abc import Callable

import pytest
import torch

from training import loss

NO_MEMORY = (torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))


def test_supervised_contrastive_loss_equals_the_hand_worked_value() -> None:
    # z1 = z2 = (1, 0) of grade 1, z3 = (0, 1) of grade 0, t = 0.5: similarities / t are 2, 0, 0.
    # Each of the pair: -log(e^2 / (e^2 + e^0)); the third has no positive and adds nothing.
    projection = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = loss.supervised_contrastive(projection, torch.tensor([1, 1, 0]), *NO_MEMORY, temperature=0.5)
    assert float(found) == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 1)), abs=1e-6)


def test_memory_gives_a_lone_grade_its_positives() -> None:
    # Against memory {(1, 0) grade 3, (0, 1) grade 0} at t = 1: -log(e / (e + 1)).
    memory = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    found = loss.supervised_contrastive(
        torch.tensor([[1.0, 0.0]]), torch.tensor([3]), memory, torch.tensor([3, 0]), temperature=1.0
    )
    assert float(found) == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-6)


def test_a_batch_without_positives_costs_nothing_and_still_has_a_gradient() -> None:
    projection = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    found = loss.supervised_contrastive(projection, torch.tensor([0, 1]), *NO_MEMORY, temperature=0.07)
    found.backward()  # type: ignore[no-untyped-call]
    assert float(found.detach()) == 0
    assert projection.grad is not None
    assert torch.isfinite(projection.grad).all()


def test_ordinal_loss_equals_the_hand_worked_value() -> None:
    # Grade 2 reaches the first two cuts: -log s(1) - log s(0) - log(1 - s(-1)), divided by three.
    found = loss.ordinal(torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([2]), torch.ones(3))
    sigmoid_1 = 1 / (1 + math.exp(-1))
    assert float(found) == pytest.approx((-2 * math.log(sigmoid_1) + math.log(2)) / 3, abs=1e-6)


def test_height_point_loss_is_zero_at_the_truth_and_grows_with_the_height_error() -> None:
    true = torch.tensor([[[10.0, 0], [30, 0], [10, 10], [28, 10], [10, 20], [30, 20]]])
    shifted, squeezed = true + 1.0, true.clone()
    squeezed[:, 0, 0] += 1
    squeezed[:, 1, 0] -= 1
    assert float(loss.height_points(true, true)) == pytest.approx(0, abs=1e-4)
    assert float(loss.height_points(squeezed, true)) > 0
    heights_only = loss.height_points(shifted, true) - torch.nn.functional.smooth_l1_loss(
        shifted, true, beta=2.0
    )
    assert float(heights_only) == pytest.approx(0, abs=1e-4)


def test_centre_loss_prefers_a_peak_at_the_centre() -> None:
    heat = torch.zeros(1, 3, 3, 3)
    heat[0, 1, 1, 1] = 1
    right, wrong = torch.full((1, 3, 3, 3), -6.0), torch.full((1, 3, 3, 3), -6.0)
    right[0, 1, 1, 1], wrong[0, 0, 0, 0] = 6, 6
    assert float(loss.centre_map(right, heat)) < 0.05 < 5 < float(loss.centre_map(wrong, heat))


def test_level_loss_ignores_what_is_no_vertebra() -> None:
    logits = torch.randn(1, 25, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    level = torch.full((1, 2, 2, 2), -1)
    assert float(loss.level_map(logits, level)) == 0
    level[0, 0, 0, 0] = 4
    expected = -logits[0, :, 0, 0, 0].log_softmax(0)[4]
    assert float(loss.level_map(logits, level)) == pytest.approx(float(expected), abs=1e-6)


def test_ordinal_contrast_equals_the_hand_worked_value() -> None:
    # One crop of grade 0 at (1, 0); memory: grade 1 at (1, 0), grade 3 at (0, 1); t = 1.
    # j = grade 1: all others are as far or further: log(e / (e + 1)); j = grade 3: itself alone: log 1 = 0.
    memory = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    found = loss.ordinal_contrastive(
        torch.tensor([[1.0, 0.0]]), torch.tensor([0]), memory, torch.tensor([1, 3]), temperature=1.0
    )
    assert float(found) == pytest.approx(-math.log(math.e / (math.e + 1)) / 2, abs=1e-6)


def test_ordinal_contrast_minds_the_order_of_the_grades_and_grade_contrast_does_not() -> None:
    places = {"near": [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], "far": [[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]]}
    grade, anchor = torch.tensor([1, 3, 0]), torch.tensor([[1.0, 0.0]])

    def found(contrast: Callable[..., torch.Tensor], order: str) -> float:
        memory = torch.tensor(places[order])
        kept = torch.tensor([0, *grade[:2].tolist()])
        return float(contrast(anchor, torch.tensor([0]), memory, kept, temperature=0.5))

    ordered, grades = loss.ordinal_contrastive, loss.supervised_contrastive
    assert found(ordered, "near") < found(ordered, "far")
    assert found(grades, "near") == pytest.approx(found(grades, "far"), abs=1e-6)


def test_crops_without_points_cost_nothing_and_do_not_spoil_the_others() -> None:
    true = torch.tensor([[[10.0, 0], [30, 0], [10, 10], [28, 10], [10, 20], [30, 20]]])
    unknown = torch.full_like(true, torch.nan)
    predicted = (true + 2).repeat(2, 1, 1).requires_grad_()
    both = loss.height_points(predicted, torch.cat([true, unknown]))
    assert float(both.detach()) == pytest.approx(float(loss.height_points(true + 2, true)))
    both.backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert float(loss.height_points(true, unknown)) == 0
