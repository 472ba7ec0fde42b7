"""Neighbours at one place, room for another between two: seen, and where the names hold, put right."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from inference.levels import LEVELS
from inference.numbering import spacing_mm
from inference.places import are_one, have_room, reseated

FIRST = LEVELS.index("T1")
NAMES = LEVELS[FIRST : FIRST + 12]


def spine() -> list[np.ndarray]:
    heights = -np.cumsum([0.0, *spacing_mm()[FIRST : FIRST + len(NAMES) - 1]])
    return [np.array([0.0, 30 * np.sin(height / 90), height]) for height in heights]


def test_two_looks_at_one_body_are_one_and_neighbours_are_not() -> None:
    places = spine()
    assert are_one(places[0], places[0] + 3)
    assert not any(are_one(*both) for both in pairwise(places))


def test_room_is_measured_by_the_names() -> None:
    places = spine()
    assert have_room(places[0], places[2], "T1", "T2")
    assert not have_room(places[0], places[1], "T1", "T2")
    assert not have_room(places[0], places[2], "T1", "T3")
    assert not have_room(places[0], places[2], None, "T2")


@given(st.integers(0, 10), st.integers(1, 10))
def test_where_one_vertebra_came_out_twice_and_another_not_at_all_each_gets_its_own_place(
    double: int, missed: int
) -> None:
    true = spine()
    came_out = [place for number, place in enumerate(true) if number != missed]
    came_out.insert(double, came_out[double] + 1.0)
    assume(abs(double - missed) > 1)  # side by side they hide one another
    starts = reseated(came_out, NAMES)
    assert starts is not None
    assert all(np.linalg.norm(a - b) < 6 for a, b in zip(starts, true, strict=True))


def test_what_does_not_add_up_is_left_as_it_is() -> None:
    places, names = spine(), list(NAMES)
    assert reseated(places, names) is None
    assert reseated([places[0], *places[:-1]], names) is None
    assert reseated([*places[:3], *places[4:]], names[:-1]) is None
