"""The networks keep their shapes, their order of grades, and can learn."""

import torch

from inference.crops import CROP
from inference.levels import LEVELS
from inference.model import Grader, GraderShape, Localiser, LocaliserShape, as_input
from training import loss

SMALL = GraderShape(CROP.slices, (8, 8, 16), 16, 8)


def test_input_keeps_the_grid_and_bounds_the_values() -> None:
    hu = torch.tensor([-3000, -1024, 0, 150, 500, 3071]).reshape(1, 1, 6)
    scaled = as_input(hu)
    assert scaled.shape == (2, 1, 1, 6)
    assert scaled.min() == -1
    assert scaled.max() == 1.5
    assert as_input(torch.zeros(4, 3, 2, 2)).shape == (4, 2, 3, 2, 2)


def test_the_localiser_draws_points_at_the_resolution_of_its_input_and_levels_at_half() -> None:
    network = Localiser(LocaliserShape(4.0, (4, 8, 8)))
    centre, body, levels = network(torch.zeros(1, 2, 16, 8, 12))
    assert centre.shape == body.shape == (1, 16, 8, 12)
    assert levels.shape == (1, len(LEVELS), 8, 4, 6)


def test_a_higher_grade_is_never_more_likely_than_a_lower_one() -> None:
    torch.manual_seed(0)
    network = Grader(SMALL).eval()
    with torch.no_grad():
        network.cut_steps.copy_(torch.tensor([-3.0, 2.0]))
    seen = network(torch.randn(5, 2, CROP.slices, CROP.rows, CROP.columns))
    assert (seen.ordinal.diff(dim=1) <= 0).all()
    assert torch.allclose(seen.projection.norm(dim=1), torch.ones(5), atol=1e-5)


def test_height_points_lie_within_the_crop() -> None:
    torch.manual_seed(0)
    points = Grader(SMALL).eval()(torch.randn(3, 2, CROP.slices, CROP.rows, CROP.columns)).points
    assert points.shape == (3, 6, 2)
    assert (points >= 0).all()
    assert (points[..., 0] < CROP.rows).all()
    assert (points[..., 1] < CROP.columns).all()


def test_the_grader_learns_a_handful_of_crops_by_heart() -> None:
    torch.set_num_threads(1)  # two that wait for each other take minutes on a busy machine
    torch.manual_seed(0)
    crops, truth, grade = drawn_crops()
    network = Grader(GraderShape(3, (8, 8, 16), 16, 8))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(150):
        seen = network(crops)
        cost = loss.ordinal(seen.ordinal, grade, torch.ones(3)) + loss.height_points(seen.points, truth)
        optimiser.zero_grad()
        cost.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert ((seen.ordinal > 0).sum(1) == grade).all()
    assert (seen.points - truth).abs().mean() < 1.0


def drawn_crops() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four bright rectangles on dark ground, the lower the graver, with their corners as height points."""
    crops = torch.full((4, 2, 3, 48, 40), -0.5)
    points = torch.zeros(4, 6, 2)
    for grade, half in enumerate((14, 11, 9, 6)):
        top, bottom = 24 - half, 24 + half
        crops[grade, :, :, top:bottom, 8:32] = 0.6
        for column, place in enumerate((10.0, 20.0, 30.0)):
            points[grade, 2 * column] = torch.tensor([float(top), place])
            points[grade, 2 * column + 1] = torch.tensor([float(bottom), place])
    return crops, points, torch.arange(4)


def test_every_tensor_is_made_where_the_network_lies() -> None:
    """The device "meta" computes shapes alone and refuses tensors of the CPU, as a GPU does."""
    crop = torch.zeros(2, CROP.slices, CROP.rows, CROP.columns, device="meta")
    seen = Grader(SMALL).to("meta")(as_input(crop))
    grade = torch.zeros(2, dtype=torch.long, device="meta")
    weights = torch.ones(3, device="meta")
    memory = torch.zeros(0, 8, device="meta"), torch.zeros(0, dtype=torch.long, device="meta")
    assert loss.ordinal(seen.ordinal, grade, weights).is_meta
    assert loss.ordinal_contrastive(seen.projection, grade, *memory, 0.1).is_meta
    volume = torch.zeros(1, 2, 16, 16, 16, device="meta")
    drawn = Localiser(LocaliserShape(4.0, (4, 8, 8))).to("meta")(volume)
    assert all(part.is_meta for part in drawn)
