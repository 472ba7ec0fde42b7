"""What a run trains on."""

from pathlib import Path

import numpy as np

from inference.crops import CROP
from training.samples import Crops, Purpose, save_crops
from training.sources import Sources, samples_folder


def test_a_run_that_drew_more_spines_than_its_recipe_names_trains_on_the_first_of_them(
    tmp_path: Path,
) -> None:
    folder = samples_folder(tmp_path, "crops", Purpose.TRAINING)
    folder.mkdir(parents=True)
    for spine in range(5):
        save_crops(_spine(spine), folder / f"{spine:06d}.safetensors")
    found = Sources(tmp_path, ()).training_crops(spines=3)
    assert sorted(set(found.spine)) == [0, 1, 2]
    assert len(found) == 12


def _spine(number: int) -> Crops:
    """Four blank vertebrae, one of each grade."""
    return Crops(
        np.zeros((4, CROP.slices, CROP.rows, CROP.columns), np.int16),
        np.zeros((4, 6, 2), np.float32),
        np.arange(4, dtype=np.uint8),
        np.zeros(4, np.float32),
        np.arange(10, 14, dtype=np.uint8),
        np.full(4, number, np.int32),
        np.zeros(4, np.uint8),
    )
