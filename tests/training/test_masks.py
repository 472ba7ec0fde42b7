"""Heights and centres measured in masks are those that were drawn, and agree with readers on real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from annotated_spines import DEPTH_MM, HEIGHT_MM, write_pair

from inference.findings import Heights
from inference.heights import Measured, height_losses
from inference.levels import GRADED_LEVELS, VERSE_LABELS
from training.imaging import UnusableImageError, check_on_bone, check_same_grid, read_ct, read_labels
from training.masks import MaskedVertebra, measure_mask


def heights(vertebra: MaskedVertebra) -> Heights:
    assert vertebra.points_mm is not None
    return Heights(*map(float, np.linalg.norm(vertebra.points_mm[1::2] - vertebra.points_mm[0::2], axis=1)))


def test_a_squeezed_block_is_measured_as_high_as_it_is(tmp_path: Path) -> None:
    write_pair(tmp_path, "ct.nii.gz", "mask.nii.gz", squeezed=21, lost_mm=9)
    labels, affine = read_labels(tmp_path / "mask.nii.gz")
    found = {one.level: one for one in measure_mask(labels, affine, VERSE_LABELS)}
    assert list(found) == ["T12", "L1", "L2", "L3"]
    for level, one in found.items():
        expected = HEIGHT_MM - (9 if level == "L2" else 0)
        assert heights(one).middle_mm == pytest.approx(expected, abs=0.4)
        assert one.points_mm is not None
        depth = np.linalg.norm(one.points_mm[4:].mean(0) - one.points_mm[:2].mean(0))
        assert depth == pytest.approx(0.8 * DEPTH_MM, abs=1)
        assert abs(one.axes[2] @ [0, 0, 1]) > 0.99


def test_a_mask_of_another_place_or_size_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "ct.nii.gz", "mask.nii.gz")
    volume = read_ct([tmp_path / "ct.nii.gz"])
    labels, affine = read_labels(tmp_path / "mask.nii.gz")
    check_same_grid(volume, labels, affine)
    moved = affine.copy()
    moved[0, 3] += 30
    with pytest.raises(UnusableImageError, match="30 mm away"):
        check_same_grid(volume, labels, moved)
    with pytest.raises(UnusableImageError, match="resample"):
        check_same_grid(volume, labels[1:], affine)
    with pytest.raises(UnusableImageError, match="no mask of labels"):
        (tmp_path / "x").mkdir()
        read_labels(_scaled(tmp_path / "mask.nii.gz", tmp_path / "x" / "half.nii.gz"))


def test_a_mask_beside_the_bone_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "ct.nii.gz", "mask.nii.gz")
    volume = read_ct([tmp_path / "ct.nii.gz"])
    labels, _ = read_labels(tmp_path / "mask.nii.gz")
    check_on_bone(volume, labels)
    with pytest.raises(UnusableImageError, match="another image"):
        check_on_bone(volume, np.roll(labels, 36, axis=1))


def _scaled(source: Path, target: Path) -> Path:
    import SimpleITK as sitk  # noqa: N813

    sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(source)), sitk.sitkFloat32) * 0.3, str(target))
    return target


@pytest.mark.real_data
def test_raw_loss_of_real_masks_separates_readers_grades(real_data: Path) -> None:
    """Measured once: no grade 2 or 3 of 004, 005 and 008 below .22, no grade 0 above .24 (L5 of 008)."""
    listed = json.loads((real_data / "labels/verse19_genant/vertebra_data.json").read_text())
    grades = {key: grade for part in listed.values() for key, grade in part.items()}
    numbers = {level: number for number, level in VERSE_LABELS.items()}
    losses: dict[int, list[float]] = {0: [], 1: [], 2: [], 3: []}
    for name in ("004", "005", "008"):
        path = real_data / f"labelled/verse19/sub-verse{name}_seg-vert_msk.nii.gz"
        whole = [one for one in measure_mask(*read_labels(path), VERSE_LABELS) if one.points_mm is not None]
        spine = [one for one in whole if one.level in GRADED_LEVELS]
        for one, loss in zip(
            spine, height_losses([Measured(s.level, heights(s)) for s in spine]), strict=True
        ):
            grade = grades.get(f"sub-verse{name}_{numbers[one.level]}")
            if grade is not None:
                losses[grade].append(loss.raw)
    assert min(losses[2] + losses[3]) > 0.22
    assert np.median(losses[0]) < 0.16
    assert min(losses[3]) > 0.4
