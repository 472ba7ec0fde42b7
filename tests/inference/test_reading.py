import math
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from scipy.spatial.transform import Rotation
from synthetic_ct import NATIVE, Grid, axial_grid, distinct_hu, write_enhanced, write_series

from inference.errors import UnreadableSeriesError
from inference.index import index_files
from inference.reading import hu_table, read_volume
from inference.stacks import Stack, stacks_of
from inference.volume import Volume

COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def stack_in(folder: Path) -> Stack:
    """The stack that covers most of the only series in a folder."""
    return stacks_of(index_files([folder]).series[0])[0]


def assert_every_voxel_in_place(volume: Volume, grid: Grid) -> None:
    """Each value, which only one voxel has, must lie at that voxel's true LPS position."""
    assert sorted(volume.voxels.ravel().tolist()) == sorted(distinct_hu(grid).ravel().tolist())
    found = np.argwhere(np.ones(volume.voxels.shape, dtype=bool)).astype(float)
    true_index = np.array(
        np.unravel_index(volume.voxels.ravel().astype(int) + 1000, grid.shape), dtype=float
    ).T
    np.testing.assert_allclose(volume.to_lps(found), grid.lps(true_index), atol=2e-3)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any orientation, any spacing, a gantry tilt of up to 30 degrees either way."""
    angles = [draw(st.floats(-180, 180)) for _ in range(3)]
    turn = Rotation.from_euler("zyx", angles, degrees=True).as_matrix()
    tilt = math.radians(draw(st.floats(-30, 30)))
    slice_mm, row_mm, column_mm = (draw(st.floats(0.4, 5.0)) for _ in range(3))
    affine = np.eye(4)
    affine[:3, 0] = turn @ np.array([0.0, math.sin(tilt), math.cos(tilt)]) * slice_mm
    affine[:3, 1] = turn[:, 1] * row_mm
    affine[:3, 2] = turn[:, 0] * column_mm
    affine[:3, 3] = [draw(st.floats(-900, 900)) for _ in range(3)]
    shape = (draw(st.integers(2, 7)), draw(st.integers(2, 6)), draw(st.integers(2, 6)))
    return Grid(affine, shape)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grid=grids(), syntax=st.sampled_from(NATIVE), shuffle=st.randoms(use_true_random=False))
def test_any_orientation_tilt_spacing_and_order_puts_every_voxel_in_its_place(
    grid: Grid, syntax: str, shuffle: random.Random
) -> None:
    numbers = list(range(1, grid.shape[0] + 1))
    shuffle.shuffle(numbers)

    def renumber(ds: Dataset, number: int) -> None:
        ds.InstanceNumber = numbers[number]

    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder), grid, transfer_syntax_uid=syntax, change=renumber)
        assert_every_voxel_in_place(read_volume(stack_in(Path(folder))), grid)


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_a_compressed_series_reads_the_same_as_an_uncompressed_one(tmp_path: Path, syntax: str) -> None:
    grid = axial_grid(5, rows=64, columns=72)
    write_series(tmp_path, grid, transfer_syntax_uid=syntax)
    assert_every_voxel_in_place(read_volume(stack_in(tmp_path)), grid)


@pytest.mark.parametrize("syntax", [*NATIVE[:2], *COMPRESSED])
def test_the_frames_of_an_enhanced_ct_are_put_in_order_by_their_positions(
    tmp_path: Path, syntax: str
) -> None:
    grid = axial_grid(6, rows=64, columns=72)
    order = [4, 0, 5, 2, 1, 3]
    write_enhanced(tmp_path, grid, order, syntax)
    volume = read_volume(stack_in(tmp_path))
    assert_every_voxel_in_place(volume, grid)
    assert [source.frame_number for source in volume.sources] == [order.index(i) + 1 for i in range(6)]
    assert {source.sop_class_uid for source in volume.sources} == {EnhancedCTImageStorage}
    assert len(stack_in(tmp_path).headers) == 1


def test_each_slice_names_the_instance_it_came_from(tmp_path: Path) -> None:
    paths = write_series(tmp_path, axial_grid(4))
    volume = read_volume(stack_in(tmp_path))
    for path in paths:
        ds = dcmread(path)
        which = [source.sop_instance_uid for source in volume.sources].index(ds.SOPInstanceUID)
        assert volume.voxels[which].tobytes() == ds.PixelData
        assert volume.sources[which].sop_class_uid == CTImageStorage
        assert volume.sources[which].frame_number is None


def test_slope_and_intercept_are_those_of_each_slice(tmp_path: Path) -> None:
    grid = axial_grid(4)

    def rescale(ds: Dataset, number: int) -> None:
        slope, intercept = number + 1, -1000 * (number + 1)
        ds.RescaleSlope, ds.RescaleIntercept = str(slope), str(intercept)
        ds.PixelRepresentation = 0
        ds.PixelData = np.full(grid.shape[1:], 1010, dtype="<u2").tobytes()

    write_series(tmp_path, grid, change=rescale)
    assert read_volume(stack_in(tmp_path)).voxels[:, 0, 0].tolist() == [10, 20, 30, 40]


@given(
    bits=st.integers(8, 16),
    signed=st.booleans(),
    slope=st.sampled_from([1.0, 0.5, 2.0]),
    intercept=st.sampled_from([0.0, -1024.0, -0.25]),
    word=st.integers(0, 65535),
)
def test_the_table_agrees_with_the_standard_for_every_stored_word(
    bits: int, signed: bool, slope: float, intercept: float, word: int
) -> None:
    used = word % 2**bits
    value = used - 2**bits if signed and used >= 2 ** (bits - 1) else used
    expected = min(max(round(value * slope + intercept), -1024), 32767)
    assert hu_table(slope, intercept, bits, signed, None)[word] == expected


def test_padding_becomes_air() -> None:
    table = hu_table(1.0, 0.0, 16, True, (-2000, -2000))
    assert table[-2000 % 65536] == -1024
    assert table[500] == 500
    assert hu_table(1.0, -1024.0, 16, False, (60000, 65535))[65000] == -1024


def test_padding_written_as_unsigned_for_signed_pixels_is_understood() -> None:
    assert hu_table(1.0, 0.0, 16, True, (65536 - 900, 65536 - 900))[-900 % 65536] == -1024


def test_padding_that_reads_as_tissue_is_not_believed() -> None:
    assert hu_table(1.0, 0.0, 16, True, (0, 0))[0] == 0


def test_monochrome1_changes_the_display_and_not_the_values(tmp_path: Path) -> None:
    grid = axial_grid(3)

    def invert(ds: Dataset, number: int) -> None:
        ds.PhotometricInterpretation = "MONOCHROME1"

    write_series(tmp_path, grid, change=invert)
    assert_every_voxel_in_place(read_volume(stack_in(tmp_path)), grid)


def test_a_slice_that_cannot_be_decoded_is_an_error_in_plain_words(tmp_path: Path) -> None:
    paths = write_series(tmp_path, axial_grid(4), transfer_syntax_uid=JPEGLSLossless)
    stack = stack_in(tmp_path)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content.replace(b"\xff\xd8\xff", b"\xff\xd8\x00"))
    with pytest.raises(UnreadableSeriesError, match="instance number 3 cannot be decoded"):
        read_volume(stack)


def test_a_file_that_vanished_after_indexing_is_an_error_in_plain_words(tmp_path: Path) -> None:
    paths = write_series(tmp_path, axial_grid(4))
    stack = stack_in(tmp_path)
    paths[0].unlink()
    with pytest.raises(UnreadableSeriesError, match="cannot be decoded"):
        read_volume(stack)


def test_the_volume_agrees_with_simpleitk(tmp_path: Path) -> None:
    grid = axial_grid(12, spacing_mm=1.25)
    write_series(tmp_path, grid)
    assert_same_as_simpleitk(read_volume(stack_in(tmp_path)), tmp_path)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["lidc_0314", "acrin_lumbar"])
def test_a_real_series_agrees_with_simpleitk(real_data: Path, tmp_path: Path, name: str) -> None:
    files = [path for path in (real_data / "ct" / name).rglob("*") if path.is_file()]
    heights = {path: dcmread(path, stop_before_pixels=True).ImagePositionPatient[2] for path in files}
    for path in sorted(files, key=heights.__getitem__)[:30]:
        (tmp_path / path.name).symlink_to(path)
    assert_same_as_simpleitk(read_volume(stack_in(tmp_path)), tmp_path)


def assert_same_as_simpleitk(volume: Volume, folder: Path) -> None:
    """Compare HU and LPS positions with SimpleITK's own reader."""
    reader = sitk.ImageSeriesReader()
    (uid,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    image = reader.Execute()
    theirs = np.maximum(sitk.GetArrayFromImage(image), -1024)
    np.testing.assert_array_equal(volume.voxels, theirs)
    for corner in ((0, 0, 0), (volume.voxels.shape[0] - 1, 3, 5), (1, volume.voxels.shape[1] - 1, 0)):
        itk = image.TransformIndexToPhysicalPoint(tuple(reversed(corner)))
        np.testing.assert_allclose(volume.to_lps(np.array(corner, dtype=float)), itk, atol=1e-3)
