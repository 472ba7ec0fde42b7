import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.geometry import even_runs, fit_lattice, plane

AXIAL = (1, 0, 0, 0, 1, 0)
UP = np.array([0.0, 0.0, 1.0])


def column(heights: list[float]) -> np.ndarray:
    """Positions above each other."""
    return np.array([[0.0, 0.0, z] for z in heights])


@given(
    step=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.3, 5)),
    count=st.integers(2, 400),
)
def test_even_positions_are_one_run_and_fit_exactly(step: tuple[float, float, float], count: int) -> None:
    positions = np.arange(count)[:, None] * np.array(step) + (10, -20, 500)
    assert even_runs(positions, UP) == [slice(0, count)]
    lattice = fit_lattice(positions)
    np.testing.assert_allclose(lattice.step_mm, step, atol=1e-9)
    np.testing.assert_allclose(lattice.origin_mm, positions[0], atol=1e-8)
    assert lattice.worst_mm < 1e-6


@given(
    spacing=st.sampled_from([0.625, 0.7, 1.25, 3.0]),
    jitter=st.lists(st.floats(-0.049, 0.049), min_size=30, max_size=30),
)
def test_small_irregularity_is_tolerated_and_fitted(spacing: float, jitter: list[float]) -> None:
    positions = column([i * spacing + off for i, off in enumerate(jitter)])
    assert even_runs(positions, UP) == [slice(0, 30)]
    assert fit_lattice(positions).worst_mm < 0.1


@given(spacing=st.floats(0.5, 5), missing=st.integers(1, 18), more=st.integers(0, 2))
def test_a_gap_is_never_inside_a_run(spacing: float, missing: int, more: int) -> None:
    kept = [i for i in range(24) if not missing <= i <= missing + more]
    positions = column([i * spacing for i in kept])
    for run in even_runs(positions, UP):
        if run.stop - run.start > 2:
            assert np.ptp(np.diff(positions[run], axis=0)[:, 2]) < 0.1


def test_a_gap_leaves_a_run_on_either_side() -> None:
    assert even_runs(column([0, 1, 2, 4, 5, 6, 7]), UP) == [slice(0, 3), slice(2, 4), slice(3, 7)]


def test_a_jump_sideways_ends_a_run() -> None:
    positions = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2], [30, 0, 3], [30, 0, 4], [30, 0, 5]], dtype=float)
    assert slice(0, 3) in even_runs(positions, UP)
    assert slice(3, 6) in even_runs(positions, UP)


def test_a_single_slice_is_a_run_of_one() -> None:
    assert even_runs(column([5]), UP) == [slice(0, 1)]
    assert fit_lattice(column([5])).step_mm == (0, 0, 0)


def test_rounded_direction_cosines_become_unit_vectors() -> None:
    tilted = plane((0, 0, 0), (1, 0, 0, 0, 0.948, -0.317), (1, 1), 4, 4)
    assert np.linalg.norm(tilted.along_column) == pytest.approx(1)
    assert tilted.degrees_from_axial == pytest.approx(18.5, abs=0.1)


def test_prone_and_feet_first_are_axial_too() -> None:
    assert plane((0, 0, 0), (-1, 0, 0, 0, -1, 0), (1, 1), 4, 4).degrees_from_axial == 0
    assert plane((0, 0, 0), (-1, 0, 0, 0, 1, 0), (1, 1), 4, 4).degrees_from_axial == 0
    assert plane((0, 0, 0), (0, 1, 0, 0, 0, -1), (1, 1), 4, 4).degrees_from_axial == pytest.approx(90)


@pytest.mark.parametrize(
    ("position", "orientation", "spacing"),
    [
        ((0, 0, float("nan")), AXIAL, (1, 1)),
        ((0, 0, 0), (1, 0, 0, 1, 0, 0), (1, 1)),
        ((0, 0, 0), (2, 0, 0, 0, 2, 0), (1, 1)),
        ((0, 0, 0), AXIAL, (0, 1)),
        ((0, 0, 0), AXIAL, (-1, 1)),
    ],
)
def test_numbers_that_place_no_slice_are_refused(
    position: tuple[float, ...], orientation: tuple[float, ...], spacing: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="the "):
        plane(position, orientation, spacing, 4, 4)
