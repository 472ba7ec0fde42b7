"""The contact sheet shows one spine a tile, and the same one each time."""

from pathlib import Path

import numpy as np
from PIL import Image

from training.phantom.sheet import COLUMNS, TILE_MM, contact_sheet


def test_a_sheet_has_a_tile_for_every_seed_and_is_always_the_same(tmp_path: Path) -> None:
    contact_sheet(tmp_path / "a.png", range(2))
    contact_sheet(tmp_path / "b.png", range(2))
    first, second = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png"))
    rows, columns = TILE_MM
    assert first.shape == (rows, COLUMNS * columns)
    assert (first == second).all()
    for tile in (first[:, :columns], first[:, columns : 2 * columns]):
        assert tile.std() > 20
    assert not first[:, 2 * columns :].any()
