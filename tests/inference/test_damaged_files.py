"""Bytes changed anywhere in a file: a reason or an error in plain words, never another exception."""

import tempfile
from functools import cache
from pathlib import Path

import pytest
from fuzz.targets import screenable
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless
from synthetic_ct import axial_grid, write_enhanced, write_series

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless)
SLICES = 22


@cache
def intact(syntax: str) -> tuple[bytes, ...]:
    """The files of a small series that can be screened."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_series(
            Path(folder), axial_grid(SLICES, 4.0, rows=8, columns=8), transfer_syntax_uid=syntax
        )
        return tuple(path.read_bytes() for path in paths)


@cache
def intact_enhanced() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        grid = axial_grid(SLICES, 4.0, rows=8, columns=8)
        return write_enhanced(Path(folder), grid, list(range(SLICES))).read_bytes()


changes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4
)


def damage(content: bytes, places: list[tuple[float, bytes]]) -> bytes:
    """Overwrite bytes at places given as a share of the length."""
    damaged = bytearray(content)
    for share, written in places:
        at = int(share * len(damaged))
        damaged[at : at + len(written)] = written
    return bytes(damaged)


@settings(max_examples=30, deadline=None)
@given(syntax=st.sampled_from(SYNTAXES), number=st.integers(0, SLICES - 1), places=changes)
def test_a_damaged_slice_never_raises_anything_unforeseen(
    syntax: str, number: int, places: list[tuple[float, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for i, content in enumerate(intact(syntax)):
            (Path(folder) / str(i)).write_bytes(damage(content, places) if i == number else content)
        screenable(list(Path(folder).iterdir()))


@settings(max_examples=30, deadline=None)
@given(places=changes)
def test_a_damaged_enhanced_ct_never_raises_anything_unforeseen(places: list[tuple[float, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "enhanced").write_bytes(damage(intact_enhanced(), places))
        screenable(list(Path(folder).iterdir()))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_undamaged_series_can_be_screened(tmp_path: Path, syntax: str) -> None:
    for i, content in enumerate(intact(syntax)):
        (tmp_path / str(i)).write_bytes(content)
    assert screenable(list(tmp_path.iterdir()))
