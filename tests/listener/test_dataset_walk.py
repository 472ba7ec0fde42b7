"""The walk over a received data set: sound ones pass, damaged ones are refused at once."""

import struct

import pytest
from ct_slices import EXPLICIT, IMPLICIT, ct_slice, encode
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from listener.dataset_walk import CANNOT_UNDERSTAND, DOES_NOT_MATCH, MAXIMUM_DEPTH, is_uid, walk
from listener.errors import RefusedInstance


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("delimited", [True, False])
def test_identifiers_are_read_in_every_encoding(implicit: bool, delimited: bool) -> None:
    dataset = ct_slice()
    data = encode(dataset, implicit=implicit, delimited=delimited)
    header = walk(memoryview(data), IMPLICIT if implicit else EXPLICIT)
    assert header.sop_instance_uid == dataset.SOPInstanceUID
    assert header.study_instance_uid == dataset.StudyInstanceUID
    assert header.modality == "CT" and header.manufacturer == "Maker"


def test_big_endian_is_read() -> None:
    dataset = ct_slice()
    header = walk(memoryview(encode(dataset, big_endian=True)), "1.2.840.10008.1.2.2")
    assert header.series_instance_uid == dataset.SeriesInstanceUID


@given(share=st.floats(0.0, 0.999))
def test_a_data_set_cut_inside_an_element_is_refused(share: float) -> None:
    dataset = ct_slice(sop="1.2.3", study="1.2", series="1.3")
    data = encode(dataset)
    boundaries = {len(encode(dataset[: element.tag])) for element in dataset}
    cut = int(len(data) * share)
    assume(cut not in boundaries)
    with pytest.raises(RefusedInstance):
        walk(memoryview(data)[:cut], EXPLICIT)


@given(noise=st.binary(max_size=400), where=st.integers(0, 300))
def test_noise_is_read_or_refused_and_never_anything_else(noise: bytes, where: int) -> None:
    data = bytearray(encode(ct_slice(sop="1.2.3", study="1.2", series="1.3")))
    data[where : where + len(noise)] = noise
    for syntax in (EXPLICIT, IMPLICIT):
        try:
            walk(memoryview(bytes(data)), syntax)
        except RefusedInstance as refusal:
            assert refusal.status in (CANNOT_UNDERSTAND, DOES_NOT_MATCH)


def test_deep_nesting_is_refused_without_recursion() -> None:
    sequence = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(RefusedInstance, match=f"deeper than {MAXIMUM_DEPTH}"):
        walk(memoryview((sequence + item) * 100_000), EXPLICIT)


def test_elements_of_the_meta_header_are_refused() -> None:
    forged = struct.pack("<HH2sH", 0x0002, 0x0010, b"UI", 2) + b"1\0"
    with pytest.raises(RefusedInstance, match="group"):
        walk(memoryview(forged + encode(ct_slice())), EXPLICIT)


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_a_missing_identifier_does_not_match(keyword: str) -> None:
    dataset: Dataset = ct_slice()
    delattr(dataset, keyword)
    with pytest.raises(RefusedInstance) as refused:
        walk(memoryview(encode(dataset)), EXPLICIT)
    assert refused.value.status == DOES_NOT_MATCH


@pytest.mark.parametrize(
    "text", ["", ".", "..", "1..2", "../1", "1/2", "1.2\n", "1.", ".1", "1" * 65, "1.2\0"]
)
def test_what_is_no_uid_never_becomes_a_file_name(text: str) -> None:
    assert not is_uid(text)
