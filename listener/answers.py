"""A Structured Report that comes back, and what we had reported, in; a radiologist's verdicts out.

Understood is TID 1500 (PS3.16), whoever wrote it: groups are matched with our vertebrae by tracking UID, else
by where their region lies, or else by the level that they name. A grade is taken from our own Genant code, or
from the comment ("T12: Genant 2", "L1: no fracture"), which is what viewers let a reader edit. A document
that nobody verified counts only where it differs from what we had said: viewers repeat what they were given.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset

from inference.levels import GRADED_LEVELS
from listener.results.identity import ResultKey
from listener.results.level_codes import LEVEL_CODES
from listener.settings import Settings
from listener.spool import Spool
from listener.verdicts import Verdict

SR_CLASSES: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.88.{last}" for last in (11, 22, 33, 34))
"""Basic Text, Enhanced, Comprehensive and Comprehensive 3D SR."""

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

Place = tuple[float, float, float]
NEAR_MM: Final = 20.0
"""How far a reader's region may lie from the body that it speaks of: less than to the next body."""

_LEVEL = re.compile(r"\b([TL]\d{1,2})\b")
_GRADE = re.compile(r"\b(?:genant|grade)\s*:?\s*([0-3])\b", re.IGNORECASE)
_NORMAL = re.compile(
    r"\b(?:no|not an?|without)\b[^.;]{0,30}\b(?:fracture|deformity)|\bnormal\b", re.IGNORECASE
)
_FRACTURED = re.compile(r"\bfracture", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReportedVertebra:
    """One vertebra as a version of our result reported it; centre in LPS mm."""

    tracking_uid: str
    study_instance_uid: str
    series_instance_uid: str
    level: str | None
    centre_lps_mm: tuple[float, float, float]
    grade: int


def reported_vertebrae(results: Path, study_instance_uid: str) -> list[ReportedVertebra]:
    """Return every vertebra graded in any version of a study's results, the latest version last."""
    found = []
    files = (results / study_instance_uid).glob("*/findings.json")
    for file in sorted(files, key=lambda path: path.stat().st_mtime):
        key, content = ResultKey(file.parent.name), json.loads(file.read_text())
        for number, finding in enumerate(content["findings"]):
            if finding["assessed"]:
                uid = str(key.uid("tracking", f"vertebra {number}"))
                found.append(_reported(uid, content, finding))
    return found


def _reported(tracking_uid: str, content: dict[str, Any], finding: dict[str, Any]) -> ReportedVertebra:
    x, y, z = finding["centre_lps_mm"]
    return ReportedVertebra(
        tracking_uid, content["study_instance_uid"], content["series_instance_uid"], finding["level"],
        (x, y, z), finding["grade"],
    )  # fmt: skip


def verdicts_in(
    settings: Settings, study_instance_uid: str, name: str, received_at: datetime
) -> tuple[Verdict, ...]:
    """Return the verdicts of one document in the spool; none where it cannot be read."""
    try:
        folder = Spool(settings.spool).study_folder(study_instance_uid)
        reported = reported_vertebrae(settings.results, study_instance_uid)

        def image(sop_instance_uid: str) -> Dataset:
            return dcmread(folder / f"{sop_instance_uid}.dcm", stop_before_pixels=True)

        return read_verdicts(dcmread(folder / name), reported, received_at, image)
    except Exception:  # noqa: BLE001  (a foreign document may break a parser in any way)
        return ()


def read_verdicts(
    document: Dataset,
    reported: Sequence[ReportedVertebra],
    received_at: datetime,
    image: Callable[[str], Dataset] | None = None,
) -> tuple[Verdict, ...]:
    """Return what a document says of the vertebrae that were ``reported``; nothing where it says nothing.

    ``image`` gives the header of a source image by its SOP Instance UID: regions lie on those.
    """
    if _name(document) != MEASUREMENT_REPORT:
        return ()
    said = [_Said.of(group, image) for group in _groups(document)]
    found = (_verdict(document, each, reported, received_at) for each in said)
    latest = {verdict.tracking_uid: verdict for verdict in found if verdict is not None}
    return tuple(latest.values())


@dataclass(frozen=True, slots=True)
class _Said:
    """What one measurement group says."""

    tracking_uid: str
    place_mm: Place | None
    level: str | None
    grades: tuple[int, ...]
    is_fracture: bool | None

    @classmethod
    def of(cls, group: Dataset, image: Callable[[str], Dataset] | None) -> "_Said":
        items = list(group.get("ContentSequence") or ())
        comment = " ".join(str(item.get("TextValue") or "") for item in items if _name(item) == COMMENT)
        codes = {_name(item): _value(item) for item in items if item.get("ValueType") == "CODE"}
        uids = [str(item.get("UID") or "") for item in items if _name(item) == TRACKING_UID]
        grades = [int(grade) for grade in _GRADE.findall(comment)[:1]]
        grades += [int(codes[GENANT][-1])] if re.fullmatch(r"GENANT[0-3]", codes.get(GENANT, "")) else []
        finding = codes.get(FINDING, "")
        is_normal = bool(_NORMAL.search(comment)) or (not grades and finding in NONE_FOUND)
        named = {code: level for level, code in LEVEL_CODES.items()}.get(codes.get(FINDING_SITE, ""))
        written = next((level for level in _LEVEL.findall(comment) if level in GRADED_LEVELS), None)
        is_fracture = finding in FRACTURES or bool(_FRACTURED.search(comment))
        return cls(
            uids[0] if uids else "",
            _place(group, image) if image is not None else None,
            written or named,
            (0,) if is_normal else tuple(grades),
            False if is_normal else is_fracture or None,
        )


def _verdict(
    document: Dataset, said: _Said, reported: Sequence[ReportedVertebra], received_at: datetime
) -> Verdict | None:
    ours = _match(said, reported)
    if ours is None or not (said.grades or said.is_fracture is not None):
        return None
    # Where a code and a comment disagree, a viewer kept the one and the reader changed the other.
    grade = next((each for each in said.grades if each != ours.grade), ours.grade) if said.grades else None
    level = said.level or ours.level
    is_verified = document.get("VerificationFlag") == "VERIFIED"
    if not is_verified and (grade, level) in ((ours.grade, ours.level), (None, ours.level)):
        return None
    return Verdict(
        study_instance_uid=ours.study_instance_uid,
        series_instance_uid=ours.series_instance_uid,
        level=level,
        centre_lps_mm=ours.centre_lps_mm,
        grade=grade,
        fractured=bool(said.is_fracture) if grade is None else grade >= 1,
        found_level=ours.level,
        found_grade=ours.grade,
        tracking_uid=ours.tracking_uid,
        reader_role="radiologist" if is_verified else "unverified reader",
        source="structured report",
        source_uid=str(document.get("SOPInstanceUID") or ""),
        decided_at=_decided_at(document, received_at),
    )


def _match(said: _Said, reported: Sequence[ReportedVertebra]) -> ReportedVertebra | None:
    """Our vertebra by its tracking UID; else, of the latest version, by its place or by the level named."""
    for ours in reported:
        if ours.tracking_uid == said.tracking_uid:
            return ours
    if said.place_mm is not None:
        place = said.place_mm
        near = [ours for ours in reversed(reported) if math.dist(ours.centre_lps_mm, place) < NEAR_MM]
        if near:
            return min(near, key=lambda ours: math.dist(ours.centre_lps_mm, place))
    return next((ours for ours in reversed(reported) if said.level and ours.level == said.level), None)


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


def _decided_at(document: Dataset, received_at: datetime) -> str:
    """When it was verified or else written, as the document says; with its time zone where it names one."""
    observers = document.get("VerifyingObserverSequence") or ()
    stamps = [str(item.get("VerificationDateTime") or "") for item in observers]
    written = f"{document.get('ContentDate') or ''}{str(document.get('ContentTime') or '')[:6]}"
    for stamp in (*stamps, written):
        digits = re.match(r"\d{14}", stamp)
        if digits:
            try:
                moment = datetime.strptime(digits[0], "%Y%m%d%H%M%S")
            except ValueError:
                continue
            offset = str(document.get("TimezoneOffsetFromUTC") or "")
            zone = f"{offset[:3]}:{offset[3:]}" if re.fullmatch(r"[+-]\d{4}", offset) else ""
            return moment.isoformat() + zone
    return received_at.isoformat(timespec="seconds")


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
