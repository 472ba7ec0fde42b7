from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from synthetic_ct import Change, axial_grid, distinct_hu, write_series

from inference.index import index_files
from inference.reading import read_volume
from inference.stacks import Stack, stacks_of


def stacks_in(*folders: Path) -> tuple[Stack, ...]:
    """The stacks of the only series in the folders."""
    (series,) = index_files(folders).series
    return stacks_of(series)


def test_a_gap_leaves_the_longest_even_run_and_a_note(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(20), skip=[7])
    (stack,) = stacks_in(tmp_path)
    assert len(stack.slices) == 12
    (note,) = stack.notes
    assert "3 to 6 mm" in note
    assert "longest even run of 12" in note
    assert "7 slices were left out" in note


def test_the_volume_of_a_run_after_a_gap_starts_where_the_run_starts(tmp_path: Path) -> None:
    grid = axial_grid(20)
    write_series(tmp_path, grid, skip=[7])
    volume = read_volume(stacks_in(tmp_path)[0])
    np.testing.assert_allclose(volume.affine[:3, 3], grid.position(8), atol=1e-6)
    np.testing.assert_array_equal(volume.voxels, distinct_hu(grid)[8:])


def test_duplicate_positions_keep_the_lower_instance_number_throughout(tmp_path: Path) -> None:
    grid = axial_grid(10)

    def second(ds: Dataset, number: int) -> None:
        ds.InstanceNumber = 100 - number  # in the opposite order
        ds.PixelData = bytes(len(ds.PixelData))

    write_series(tmp_path / "late", grid, change=second)
    write_series(tmp_path / "early", grid)
    (stack,) = stacks_in(tmp_path)
    np.testing.assert_array_equal(read_volume(stack).voxels, distinct_hu(grid))
    assert stack.notes == (
        "10 slices lie where another one does; the one with the lower instance number was used",
    )


@pytest.mark.parametrize(
    "keyword", ["AcquisitionNumber", "TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase"]
)
def test_phases_at_the_same_positions_become_stacks_of_their_own(tmp_path: Path, keyword: str) -> None:
    grid = axial_grid(10)

    def phase(which: int) -> Change:
        def change(ds: Dataset, number: int) -> None:
            setattr(ds, keyword, which)
            ds.InstanceNumber = 2 * number + which  # interleaved as they were acquired
            ds.PixelData = np.full(grid.shape[1:], which, dtype="<i2").tobytes()

        return change

    write_series(tmp_path / "a", grid, change=phase(1))
    write_series(tmp_path / "b", grid, change=phase(2))
    stacks = stacks_in(tmp_path)
    assert [len(stack.slices) for stack in stacks] == [10, 10]
    assert sorted(set(read_volume(stack).voxels.ravel().tolist()) == {1} for stack in stacks) == [False, True]
    assert all(np.ptp(read_volume(stack).voxels) == 0 for stack in stacks)


def test_a_step_and_shoot_series_that_counts_acquisitions_stays_whole(tmp_path: Path) -> None:
    def count(ds: Dataset, number: int) -> None:
        ds.AcquisitionNumber = number // 4

    write_series(tmp_path, axial_grid(16), change=count)
    (stack,) = stacks_in(tmp_path)
    assert len(stack.slices) == 16
    assert stack.notes == ()


def test_acquisitions_that_interleave_unevenly_are_split(tmp_path: Path) -> None:
    shifted = axial_grid(12)
    shifted.affine[2, 3] += 1.1

    def acquisition(which: int) -> Change:
        return lambda ds, number: setattr(ds, "AcquisitionNumber", which)

    write_series(tmp_path / "a", axial_grid(12), change=acquisition(1))
    write_series(tmp_path / "b", shifted, change=acquisition(2))
    assert [len(stack.slices) for stack in stacks_in(tmp_path)] == [12, 12]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("ConvolutionKernel", "BONE"), ("KVP", "80"), ("PixelSpacing", ["0.5", "0.5"])],
)
def test_slices_that_differ_in_kind_are_never_stacked_together(
    tmp_path: Path, keyword: str, value: object
) -> None:
    def odd(ds: Dataset, number: int) -> None:
        if number >= 12:
            setattr(ds, keyword, value)

    write_series(tmp_path, axial_grid(20), change=odd)
    assert [len(stack.slices) for stack in stacks_in(tmp_path)] == [12, 8]


def test_headers_are_those_of_the_slices_that_are_used(tmp_path: Path) -> None:
    write_series(tmp_path, axial_grid(20), skip=[7])
    (stack,) = stacks_in(tmp_path)
    used = {source.sop_instance_uid for source in read_volume(stack).sources}
    assert {header.SOPInstanceUID for header in stack.headers} == used


def test_thick_slices_carry_a_note(tmp_path: Path) -> None:
    def thicken(ds: Dataset, number: int) -> None:
        ds.SliceThickness = "5"

    write_series(tmp_path, axial_grid(5), change=thicken)
    assert "coarse (5 mm)" in stacks_in(tmp_path)[0].notes[0]


@pytest.mark.real_data
def test_the_tilted_gantry_is_measured_from_positions(real_data: Path) -> None:
    (series,) = index_files([real_data / "edge" / "gantry_tilt_ge"]).series
    stack = stacks_of(series)[0]
    assert stack.spacing_mm == pytest.approx(7.0, abs=0.01)
    step = np.array(stack.lattice.step_mm)
    tilt = np.degrees(np.arccos(step @ stack.first.normal / np.linalg.norm(step)))
    assert tilt == pytest.approx(18.5, abs=0.1)
    volume = read_volume(stack)
    for number, one in enumerate(stack.slices):
        place = volume.to_lps(np.array([number, 0, 0], dtype=float))
        np.testing.assert_allclose(place, one.frame.plane.position_mm, atol=0.01)
