"""A stack of slices -> a volume: int16 HU, placed in the patient by its headers alone."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.utils import iter_pixels

from inference.errors import UnreadableSeriesError, is_the_machines
from inference.geometry import affine_of
from inference.instance import Instance
from inference.pixels import Pixels
from inference.stacks import Slice, Stack
from inference.volume import AIR_HU, SourceSlice, Volume

TISSUE_HU = (-500.0, 3000.0)
"""A padding value that would read as this is no padding: dropping it would punch holes into the patient."""

JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})

Stored = NDArray[np.int16] | NDArray[np.uint16]


def read_volume(stack: Stack) -> Volume:
    """Decode the slices of a stack into HU.

    Padding and HU below -1024 become -1024. The affine shears where the gantry was tilted: nothing is
    resampled.

    Raises
    ------
    UnreadableSeriesError : in plain words, where a slice cannot be decoded or is not what its header says
    """
    first = stack.first
    voxels = np.empty((len(stack.slices), first.rows, first.columns), dtype=np.int16)
    number = 0
    for instance, slices in groupby(stack.slices, key=lambda one: one.instance):
        for one, stored in _stored(instance, list(slices), (first.rows, first.columns)):
            stored_as = _pixels(instance)
            scale = (one.frame.slope, one.frame.intercept)
            table = hu_table(*scale, stored_as.bits_stored, stored_as.signed, stored_as.padding)
            np.take(table, stored.astype(np.uint16, copy=False), out=voxels[number], mode="clip")
            number += 1
    return Volume(
        voxels=voxels,
        affine=affine_of(stack.lattice, first),
        slice_thickness_mm=stack.thickness_mm,
        series_instance_uid=stack.series_instance_uid,
        sources=tuple(
            SourceSlice(one.instance.sop_class_uid, one.instance.sop_instance_uid, one.frame.number)
            for one in stack.slices
        ),
    )


@lru_cache(maxsize=64)
def hu_table(
    slope: float, intercept: float, bits_stored: int, signed: bool, padding: tuple[int, int] | None
) -> NDArray[np.int16]:
    """Return what HU each 16-bit stored word means, int16 (65536,): the whole way from bits to HU.

    Unused bits are dropped (overlays once lay in them), the sign is extended, the rescale applied; padding
    and all below -1024 HU are air.
    """
    values = np.arange(65536, dtype=np.int32) & ((1 << bits_stored) - 1)
    if signed:
        sign = 1 << (bits_stored - 1)
        values = (values ^ sign) - sign
    hu = np.rint(values * slope + intercept)
    first, last = _padding_range(padding, signed, slope, intercept)
    hu[(values >= first) & (values <= last)] = AIR_HU
    table: NDArray[np.int16] = np.clip(hu, AIR_HU, np.iinfo(np.int16).max).astype(np.int16)
    table.setflags(write=False)
    return table


def _padding_range(
    padding: tuple[int, int] | None, signed: bool, slope: float, intercept: float
) -> tuple[int, int]:
    """Return the first and last stored value that is padding; an empty range where none can be believed."""
    none = (1, 0)
    if padding is None:
        return none
    # Several makers write it as US although the pixels are signed.
    ends = [value - 65536 if signed and value > 32767 else value for value in padding]
    if any(TISSUE_HU[0] < end * slope + intercept < TISSUE_HU[1] for end in ends):
        return none
    return min(ends), max(ends)


def _pixels(instance: Instance) -> Pixels:
    assert instance.pixels is not None
    return instance.pixels


def _stored(
    instance: Instance, slices: list[Slice], shape: tuple[int, int]
) -> Iterator[tuple[Slice, Stored]]:
    """Yield each of an instance's slices with its stored values."""
    pixels = _pixels(instance)
    indices = [(one.frame.number or 1) - 1 for one in slices]
    read = _native if pixels.native else _decoded
    name = f"the slice with instance number {instance.instance_number}"
    try:
        for one, frame in zip(slices, read(instance.path, pixels, indices, shape), strict=True):
            if frame.shape != shape or frame.dtype.itemsize != 2:
                raise UnreadableSeriesError(f"{name} is not what its header says")
            yield one, frame
    except UnreadableSeriesError:
        raise
    except Exception as error:  # a decoder fed with foreign bytes may raise anything
        if is_the_machines(error):
            raise
        raise UnreadableSeriesError(f"{name} cannot be decoded ({type(error).__name__})") from error


def _native(path: Path, pixels: Pixels, indices: list[int], shape: tuple[int, int]) -> Iterator[Stored]:
    """Read uncompressed frames straight from their place in the file."""
    order = ">" if pixels.transfer_syntax_uid == "1.2.840.10008.1.2.2" else "<"
    dtype = np.dtype(f"{order}{'i' if pixels.signed else 'u'}2")
    size = shape[0] * shape[1]
    with path.open("rb") as file:
        for index in indices:
            file.seek(pixels.offset + index * size * 2)
            yield np.frombuffer(file.read(size * 2), dtype=dtype, count=size).reshape(shape)


def _decoded(path: Path, pixels: Pixels, indices: list[int], _shape: tuple[int, int]) -> Iterator[Stored]:
    """Decode compressed frames with whichever installed plug-in knows the transfer syntax."""
    plugin = "pyjpegls" if pixels.transfer_syntax_uid in JPEG_LS else ""  # half the time of GDCM
    yield from iter_pixels(path, raw=True, indices=indices, decoding_plugin=plugin)
