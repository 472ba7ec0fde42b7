"""A TID 1500 document (PS3.16) of whoever wrote it in; what each of its measurement groups says out.

A grade is taken from our own Genant code, or from the comment ("T12: Genant 2", "L1: no fracture"), which is
what viewers let a reader edit: in English, and in the words of the site.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from inference.levels import GRADED_LEVELS
from listener.results.level_codes import LEVEL_CODES
from listener.results.wording.catalogue import Catalogue, holds

MEASUREMENT_REPORT: Final = "126000"
MEASUREMENT_GROUP: Final = "125007"
TRACKING_UID: Final = "112040"
FINDING: Final = "121071"
FINDING_SITE: Final = "363698007"
COMMENT: Final = "121106"
GENANT: Final = "GENANT"
FRACTURES: Final = frozenset(("42942008", "125605004", "263102004"))
"""Compression fracture of vertebral column; fracture of bone; fracture: SNOMED CT, as viewers offer them."""
NONE_FOUND: Final = frozenset(("NOFX", "NOFXPART"))
OF_THE_STUDY: Final = NONE_FOUND | {"COVERAGE", "NOTANALYSED"}
"""Findings of our own that speak of no one vertebra."""

Place = tuple[float, float, float]
"""(x, y, z) in LPS mm."""

_LEVEL = re.compile(r"\b([TL]\d{1,2})\b")
_GRADE = re.compile(r"\b(?:genant|grade)\s*:?\s*([0-3])\b", re.IGNORECASE)
_NORMAL = re.compile(
    r"\b(?:no|not an?|without)\b[^.;]{0,30}\b(?:fracture|deformity)|\bnormal\b", re.IGNORECASE
)
_FRACTURED = re.compile(r"\bfracture", re.IGNORECASE)


def predecessors_of(document: Dataset) -> set[str]:
    """Return the SOP Instance UIDs of the documents that this one was made from (PS3.3 C.17.2)."""
    return {
        str(instance.get("ReferencedSOPInstanceUID") or "")
        for study in document.get("PredecessorDocumentsSequence") or ()
        for series in study.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedSOPSequence") or ()
    }


def groups_in(
    document: Dataset, image: Callable[[str], Dataset] | None, words: Catalogue
) -> tuple["Said", ...]:
    """Return what each group of a measurement report says; nothing of any other document.

    ``image`` gives the header of a source image by its SOP Instance UID: regions lie on those. ``words`` has
    what readers of the site call a fracture and none.
    """
    if _name(document) != MEASUREMENT_REPORT:
        return ()
    return tuple(Said.of(group, image, words) for group in _groups(document))


@dataclass(frozen=True, slots=True)
class Said:
    """What one measurement group says; ``finding`` is the finding's code value."""

    tracking_uid: str
    finding: str
    place_mm: Place | None
    level: str | None
    grades: tuple[int, ...]
    is_fracture: bool | None

    @classmethod
    def of(cls, group: Dataset, image: Callable[[str], Dataset] | None, words: Catalogue) -> "Said":
        """Read a group."""
        items = list(group.get("ContentSequence") or ())
        comment = " ".join(str(item.get("TextValue") or "") for item in items if _name(item) == COMMENT)
        codes = {_name(item): _value(item) for item in items if item.get("ValueType") == "CODE"}
        uids = [str(item.get("UID") or "") for item in items if _name(item) == TRACKING_UID]
        grades = [int(grade) for grade in _GRADE.findall(comment)[:1]]
        grades += [int(codes[GENANT][-1])] if re.fullmatch(r"GENANT[0-3]", codes.get(GENANT, "")) else []
        finding = codes.get(FINDING, "")
        is_normal = bool(_NORMAL.search(comment)) or holds(comment, words.phrases("reader.no_fracture"))
        is_normal = is_normal or (not grades and finding in NONE_FOUND)
        named = {code: level for level, code in LEVEL_CODES.items()}.get(codes.get(FINDING_SITE, ""))
        written = next((level for level in _LEVEL.findall(comment) if level in GRADED_LEVELS), None)
        is_fracture = finding in FRACTURES or bool(_FRACTURED.search(comment))
        is_fracture = is_fracture or holds(comment, words.phrases("reader.fracture"))
        return cls(
            uids[0] if uids else "",
            finding,
            _place(group, image) if image is not None else None,
            written or named,
            (0,) if is_normal else tuple(grades),
            False if is_normal else is_fracture or None,
        )


def _place(group: Dataset, image: Callable[[str], Dataset]) -> Place | None:
    """The middle of the group's first region in LPS mm (PS3.3 C.7.6.2.1.1); None where it has none."""
    for item in _regions(group):
        reference = item.ContentSequence[0].ReferencedSOPSequence[0]
        numbers = [float(number) for number in item.GraphicData]
        columns, rows = numbers[0::2], numbers[1::2]
        try:
            header = image(str(reference.ReferencedSOPInstanceUID))
            origin = [float(value) for value in header.ImagePositionPatient]
            cosines = [float(value) for value in header.ImageOrientationPatient]
            row_mm, column_mm = (float(value) for value in header.PixelSpacing)
        except (OSError, AttributeError, TypeError, ValueError):
            continue
        across = ((min(columns) + max(columns)) / 2 - 0.5) * column_mm
        down = ((min(rows) + max(rows)) / 2 - 0.5) * row_mm
        x, y, z = (origin[i] + across * cosines[i] + down * cosines[i + 3] for i in range(3))
        return x, y, z
    return None


def _regions(item: Dataset) -> Iterator[Dataset]:
    for child in _children(item):
        if child.get("ValueType") == "SCOORD" and child.get("ContentSequence"):
            yield child
        else:
            yield from _regions(child)


def _groups(item: Dataset) -> Iterator[Dataset]:
    for child in _children(item):
        if _name(child) == MEASUREMENT_GROUP:
            yield child
        else:
            yield from _groups(child)


def _children(item: Dataset) -> Iterable[Dataset]:
    return item.get("ContentSequence") or ()


def _name(item: Dataset) -> str:
    return _first_code(item, "ConceptNameCodeSequence")


def _value(item: Dataset) -> str:
    return _first_code(item, "ConceptCodeSequence")


def _first_code(item: Dataset, keyword: str) -> str:
    codes = item.get(keyword) or ()
    return str(codes[0].get("CodeValue") or "") if codes else ""
