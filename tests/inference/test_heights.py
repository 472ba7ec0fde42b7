"""Heights and losses of drawn vertebrae, against what the drawing says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.findings import Deformity, HeightPoints, Heights
from inference.heights import POSTERIOR_MM, WEDGE, Measured, deformity, height_losses, measure
from inference.levels import LUMBAR, THORACIC

GRADED = (*THORACIC, *LUMBAR)


def normal(level: str, size: float = 1.0) -> Heights:
    number = GRADED.index(level)
    posterior, anterior = size * POSTERIOR_MM[number], size * POSTERIOR_MM[number] * WEDGE[number]
    return Heights(anterior, 0.9 * (anterior + posterior) / 2, posterior)


def spine(*levels: str, **changed: Heights) -> list[Measured]:
    return [Measured(level, changed.get(level, normal(level))) for level in levels]


def test_heights_are_distances_between_points_whatever_the_orientation() -> None:
    points = HeightPoints((0, 0, 0), (3, 4, 0), (0, 0, 0), (0, 12, 5), (1, 1, 1), (1, 1, 21))
    assert measure(points) == Heights(5, 13, 20)


@given(st.sampled_from(list(pairwise(GRADED))), st.floats(0.7, 1.3))
def test_a_normal_pair_of_any_size_loses_nothing_by_its_neighbour_and_little_raw(
    pair: tuple[str, str], size: float
) -> None:
    losses = height_losses([Measured(level, normal(level, size)) for level in pair])
    for loss in losses:
        assert loss.neighbour == pytest.approx(0, abs=1e-9)
        assert 0 < loss.raw < 0.16


def test_a_wedge_is_measured_against_its_own_posterior_height() -> None:
    own = Heights(18.0, 22.0, 28.0)
    losses = height_losses(spine("L1", "L2", "L3", L2=own))
    assert losses[1].raw == pytest.approx(1 - 18 / 28.2, abs=0.01)
    assert deformity(own, losses[1].reference_mm) is Deformity.WEDGE


def test_a_crushed_vertebra_is_seen_only_because_of_its_neighbours() -> None:
    own = Heights(14.0, 13.0, 15.0)
    alone, among = height_losses(spine("L2", L2=own))[0], height_losses(spine("L1", "L2", "L3", L2=own))[1]
    assert alone.raw < 0.2 < 0.45 < among.raw
    assert alone.neighbour is None
    assert among.neighbour is not None
    assert among.neighbour > 0.4
    assert deformity(own, among.reference_mm) is Deformity.CRUSH


def test_a_codfish_is_biconcave() -> None:
    own = Heights(27.0, 18.0, 28.0)
    assert (
        deformity(own, height_losses(spine("L1", "L2", "L3", L2=own))[1].reference_mm) is Deformity.BICONCAVE
    )


def test_a_fractured_neighbour_does_not_hide_or_invent_a_fracture() -> None:
    losses = height_losses(spine("T12", "L1", "L2", "L3", L1=Heights(10, 12, 24)))
    assert losses[1].raw > 0.5
    for index in (0, 2, 3):
        assert losses[index].raw < 0.16
        neighbour = losses[index].neighbour
        assert neighbour is not None
        assert neighbour < 0.1


def test_unnumbered_vertebrae_are_compared_in_the_order_they_lie() -> None:
    sound = Heights(27.0, 24.0, 27.0)
    losses = height_losses(
        [Measured(None, sound), Measured(None, Heights(13.0, 13.0, 14.0)), Measured(None, sound)]
    )
    assert losses[1].raw == pytest.approx(1 - 13 / 27)


def test_no_vertebrae_have_no_losses() -> None:
    assert height_losses([]) == ()
