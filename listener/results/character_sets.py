"""A study's patient attributes in the bytes they came in; the same in Unicode out, if that loses nothing."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Final

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

UNICODE: Final = "ISO_IR 192"
_NONE_NAMED: Final = ([""], ["ISO_IR 6"])
_LOST: Final = "\N{REPLACEMENT CHARACTER}"


def in_unicode(patient: Dataset) -> Dataset | None:
    """Return ``patient`` to be written as UTF-8; None where a byte of a name cannot be told for sure.

    That is where it breaks the character set that it names, or where none is named, or one that nobody knows:
    then the name is only what its bytes are. What is no text (dates, ages) stays as it came, broken or not.
    """
    if not all(map(_is_plain, _text_bytes(patient))) and not _is_named(patient):
        return None
    try:
        decoded = _decoded(deepcopy(patient))  # decoding replaces the bytes
    except (LookupError, ValueError):
        return None
    if any(_LOST in text for text in _texts(decoded)):
        return None
    decoded.SpecificCharacterSet = UNICODE
    return decoded


def _is_named(patient: Dataset) -> bool:
    named = patient.get("SpecificCharacterSet") or ""
    names = [named] if isinstance(named, str) else [str(name) for name in named]
    return names not in _NONE_NAMED and all(name in python_encoding for name in names)


def _is_plain(value: bytes) -> bool:
    """Whether bytes mean the same in every character set: ASCII, and no escape sequence."""
    return value.isascii() and b"\x1b" not in value


def _text_bytes(dataset: Dataset) -> Iterator[bytes]:
    """What has not been decoded yet, in sequences too."""
    for tag in dataset.keys():  # noqa: SIM118  (iterating over the data set itself would decode it)
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            if (element.VR or dictionary_VR(tag)) in CUSTOMIZABLE_CHARSET_VR:
                yield element.value or b""
        elif element is not None and element.VR == "SQ":
            for item in element.value:
                yield from _text_bytes(item)


def _decoded(dataset: Dataset) -> Dataset:
    decoded = Dataset()
    for tag in dataset.keys():  # noqa: SIM118
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement) and element.VR not in (*CUSTOMIZABLE_CHARSET_VR, None):
            decoded[tag] = element
        else:
            decoded[tag] = _told(dataset[tag])
    if "SpecificCharacterSet" in decoded:
        del decoded.SpecificCharacterSet
    return decoded


def _told(element: DataElement) -> DataElement:
    """The same element; a name without the bytes that it came from."""
    value = element.value
    if element.VR == "SQ":
        value = [_decoded(item) for item in value]
    elif element.VR == "PN":
        value = [str(name) for name in value] if isinstance(value, MultiValue) else str(value or "")
    return DataElement(element.tag, element.VR, value)


def _texts(dataset: Dataset) -> Iterator[str]:
    for tag in dataset.keys():  # noqa: SIM118
        element = dataset.get_item(tag)
        if isinstance(element, DataElement) and element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif isinstance(element, DataElement):
            yield str(element.value)
