"""Values out of a DICOM header that nobody has checked: a damaged value reads as if it were absent."""

import math
import re
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.multival import MultiValue


class NotASlice(Exception):  # noqa: N818  (a reason, not a failure)
    """Says in plain words why an instance holds no CT slice."""


def value_of(header: Dataset, keyword: str) -> Any:
    """Return an attribute's value, or None where it is absent, empty or cannot be parsed."""
    try:
        return header.get(keyword)
    except Exception:  # noqa: BLE001  a parser of foreign bytes may raise anything
        return None


def values(header: Dataset, keyword: str) -> tuple[Any, ...]:
    """All values of an attribute; none where it is absent or empty."""
    value = value_of(header, keyword)
    if isinstance(value, MultiValue | Sequence | list | tuple):
        return tuple(value)
    return () if value is None or value == "" else (value,)


def words(header: Dataset, keyword: str) -> tuple[str, ...]:
    """All values as stripped upper-case text: for code strings."""
    return tuple(_as_text(value).upper() for value in values(header, keyword))


def text(header: Dataset, keyword: str) -> str:
    """Return the first value as stripped text, "" where there is none."""
    return _as_text(next(iter(values(header, keyword)), ""))


def numbers(header: Dataset, keyword: str) -> tuple[float, ...]:
    """All values as finite numbers; none at all where one of them is not."""
    try:
        found = tuple(float(value) for value in values(header, keyword))
    except (TypeError, ValueError):
        return ()
    return found if all(map(math.isfinite, found)) else ()


def integer(header: Dataset, keyword: str) -> int | None:
    """Return the first value as a whole number, None where there is none."""
    found = numbers(header, keyword)
    return int(found[0]) if found else None


def whole(header: Dataset, keyword: str) -> int:
    """Return the first value as a whole number; ``NotASlice`` where there is none."""
    value = integer(header, keyword)
    if value is None:
        raise NotASlice(f"{keyword} is missing or damaged in the header")
    return value


def items(header: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Return the items of a sequence; none where it is absent or no sequence."""
    return tuple(item for item in values(header, keyword) if isinstance(item, Dataset))


def _as_text(value: Any) -> str:
    try:
        return str(value).strip(" \0")
    except Exception:  # noqa: BLE001  names in character sets that do not fit
        return ""


def printable(foreign: str) -> str:
    """Shorten a header's own word so that it can stand in a sentence of ours."""
    return re.sub(r"[^\w .,:;+/()-]", "", foreign)[:48].strip()
