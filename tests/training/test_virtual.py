"""Virtual fractures lose exactly what they shall, move nothing else, and say so in their points."""

import numpy as np
import pytest

from inference.crops import CROP
from inference.levels import LEVELS
from training.samples import Crops
from training.virtual import BANDS, draw_fracture, fracture_to, raw_losses, virtual_spine

TOP, BOTTOM, FRONT, BACK = 43.0, 69.0, 24.0, 52.0
POINTS = np.array(
    [[TOP, FRONT], [BOTTOM, FRONT], [TOP, 38], [BOTTOM, 38], [TOP, BACK], [BOTTOM, BACK]], np.float32
)


def tall_crop() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Three blocks above each other, the middle one between the points."""
    hu = np.full((CROP.slices, 3 * CROP.rows, CROP.columns), 40, np.int16)
    for start in (TOP - 34, TOP, TOP + 34):
        rows = slice(CROP.rows + int(start), CROP.rows + int(start + BOTTOM - TOP) + 1)
        hu[:, rows, int(FRONT) - 3 : int(BACK) + 4] = 250
    return hu


def spine(count: int = 5) -> Crops:
    return Crops(
        np.stack([tall_crop()[:, CROP.rows : 2 * CROP.rows]] * count),
        np.stack([POINTS] * count),
        np.zeros(count, np.uint8),
        np.full(count, 0.05, np.float32),
        np.arange(LEVELS.index("T11"), LEVELS.index("T11") + count).astype(np.uint8),
        np.zeros(count, np.int32),
        np.zeros(count, np.uint8),
    )


@pytest.mark.parametrize("wanted", [0.2, 0.3, 0.5])
def test_the_loss_is_exact_and_the_bone_lies_where_the_points_say(wanted: float) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        bent = fracture_to(tall_crop(), POINTS, wanted, BOTTOM - TOP, draw_fracture(rng))
        assert bent is not None
        hu, points = bent
        heights = np.linalg.norm(points[1::2] - points[0::2], axis=1)
        assert 1 - heights.min() / max(heights[0], heights[2], BOTTOM - TOP) == pytest.approx(
            wanted, abs=0.005
        )
        assert (points[:, 1] == POINTS[:, 1]).all()
        for upper, lower in zip(points[0::2], points[1::2], strict=True):
            column = hu[CROP.slices // 2, :, int(upper[1])]
            middle = round(float(upper[0] + lower[0]) / 2)
            above = np.flatnonzero(column[:middle] <= 145)[-1] + 1
            below = np.flatnonzero(column[middle:] <= 145)[0] + middle - 1
            assert above == pytest.approx(upper[0], abs=1.2)
            assert below == pytest.approx(lower[0], abs=1.2)


def test_neighbours_move_as_one_piece_and_nothing_is_smeared_in_from_the_edge() -> None:
    bent = fracture_to(tall_crop(), POINTS, 0.5, BOTTOM - TOP, draw_fracture(np.random.default_rng(1)))
    assert bent is not None
    column = bent[0][CROP.slices // 2, :, 38]
    above = np.flatnonzero(column[: int(bent[1][2, 0]) - 3] > 145)
    assert len(above) >= BOTTOM - TOP - 1  # the neighbour keeps its height


def test_grades_of_a_virtual_spine_follow_from_its_points_and_neighbours_stay_whole() -> None:
    crops = spine()
    drawn = virtual_spine(crops, np.stack([tall_crop()] * len(crops)), np.random.default_rng(0))
    assert drawn is not None
    losses = raw_losses(drawn.level, drawn.points)
    changed = (drawn.points != crops.points).any(axis=(1, 2))
    assert changed.any()
    assert not (changed[1:] & changed[:-1]).any()
    assert drawn.raw_loss == pytest.approx(losses, abs=1e-6)
    for number in np.flatnonzero(changed):
        assert drawn.grade[number] == sum(losses[number] >= low for low, _ in BANDS)
    assert (drawn.grade[~changed] == 0).all()
    assert (drawn.hu[~changed] == crops.hu[~changed]).all()


def test_nothing_is_drawn_where_nothing_is_measured() -> None:
    crops = spine(3)
    crops.points[:] = np.nan
    assert virtual_spine(crops, np.stack([tall_crop()] * 3), np.random.default_rng(0)) is None
