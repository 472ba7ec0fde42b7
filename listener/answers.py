"""A Structured Report that comes back, and what we had reported, in; a radiologist's verdicts out.

Understood is TID 1500 (PS3.16), whoever wrote it: groups are matched with our vertebrae by tracking UID, else
by where their region lies, or else by the level that they name. A document that nobody verified counts only
where it differs from what we had said: viewers repeat what they were given.

A document that names our report as its predecessor and still holds part of it, but not one of its vertebrae,
tells that a reader took that finding away. Why, it does not tell: the box may have been wrong, or in the way.
So that is an answer of its own, neither "no fracture" nor a grade.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset

from listener.measured_groups import OF_THE_STUDY, Said, groups_in, predecessors_of
from listener.results.identity import ResultKey, report_uids
from listener.results.wording.catalogue import Catalogue, read_catalogue
from listener.settings import Settings
from listener.spool import Spool
from listener.study import FINDINGS
from listener.verdicts import Verdict

ENGLISH: Final = read_catalogue()
NEAR_MM: Final = 20.0
"""How far a reader's region may lie from the body that it speaks of: less than to the next body."""


@dataclass(frozen=True, slots=True)
class ReportedVertebra:
    """One vertebra as a version of our result reported it; centre in LPS mm."""

    tracking_uid: str
    study_instance_uid: str
    series_instance_uid: str
    level: str | None
    centre_lps_mm: tuple[float, float, float]
    grade: int
    key: ResultKey


def reported_vertebrae(
    results: Path, study_instance_uid: str, versions: Sequence[str] = ()
) -> list[ReportedVertebra]:
    """Return every vertebra graded in any version of a study's results, the latest version last.

    ``versions`` are result keys in the order in which they were sent; what never was comes first.
    """
    found, order = [], {key: place for place, key in enumerate(versions)}
    files = (results / study_instance_uid).glob(f"*/{FINDINGS}")
    for file in sorted(files, key=lambda path: (order.get(path.parent.name, -1), path.parent.name)):
        key, content = ResultKey(file.parent.name), json.loads(file.read_text())
        for number, finding in enumerate(content["findings"]):
            if finding["assessed"]:
                uid = str(key.uid("tracking", f"vertebra {number}"))
                found.append(_reported(uid, key, content, finding))
    return found


def _reported(
    tracking_uid: str, key: ResultKey, content: dict[str, Any], finding: dict[str, Any]
) -> ReportedVertebra:
    x, y, z = finding["centre_lps_mm"]
    return ReportedVertebra(
        tracking_uid, content["study_instance_uid"], content["series_instance_uid"], finding["level"],
        (x, y, z), finding["grade"], key,
    )  # fmt: skip


def verdicts_in(
    settings: Settings, study_instance_uid: str, name: str, received_at: datetime, versions: Sequence[str]
) -> tuple[Verdict, ...]:
    """Return the verdicts of one document in the spool; none where it cannot be read.

    ``versions`` are the result keys of the study in the order in which they were sent.

    Raises
    ------
    SettingsError : the site's wording is gone or wrong; the document should be read later
    """
    words = read_catalogue(settings.report.wording)
    try:
        folder = Spool(settings.spool).study_folder(study_instance_uid)
        reported = reported_vertebrae(settings.results, study_instance_uid, versions)

        def image(sop_instance_uid: str) -> Dataset:
            return dcmread(folder / f"{sop_instance_uid}.dcm", stop_before_pixels=True)

        return read_verdicts(dcmread(folder / name), reported, received_at, image, words)
    except Exception:  # noqa: BLE001  (a foreign document may break a parser in any way)
        return ()


def read_verdicts(
    document: Dataset,
    reported: Sequence[ReportedVertebra],
    received_at: datetime,
    image: Callable[[str], Dataset] | None = None,
    words: Catalogue = ENGLISH,
) -> tuple[Verdict, ...]:
    """Return what a document says of the vertebrae that were ``reported``; nothing where it says nothing.

    ``image`` gives the header of a source image by its SOP Instance UID: regions lie on those. ``words`` are
    the site's.
    """
    groups, source = groups_in(document, image, words), _source(document, received_at)
    about_one = [each for each in groups if not _is_of_the_study(each, reported)]
    matched = ((each, _match(each, reported)) for each in about_one)
    found = (_verdict(each, ours, source) for each, ours in matched if ours is not None)
    latest = {verdict.tracking_uid: verdict for verdict in found if verdict is not None}
    removed: list[ReportedVertebra] = []
    for version in _versions_before(document, reported):
        removed += _left_out(version, about_one, has_our_word=len(about_one) < len(groups))
    return (*latest.values(), *(_of(ours, source, ours.level, None, None) for ours in removed))


def _is_of_the_study(said: Said, reported: Sequence[ReportedVertebra]) -> bool:
    """Whether a group is our own word on the whole study: its region lies on any vertebra, and means none."""
    if any(ours.tracking_uid == said.tracking_uid for ours in reported):
        return False
    return said.finding in OF_THE_STUDY or said.tracking_uid in {_study_uid(ours.key) for ours in reported}


def _study_uid(key: ResultKey) -> str:
    return str(key.uid("tracking", "study"))


@dataclass(frozen=True, slots=True)
class _Source:
    """Who says it, where and when."""

    is_verified: bool
    uid: str
    decided_at: str


def _source(document: Dataset, received_at: datetime) -> _Source:
    is_verified = document.get("VerificationFlag") == "VERIFIED"
    uid = str(document.get("SOPInstanceUID") or "")
    return _Source(is_verified, uid, _decided_at(document, received_at))


def _verdict(said: Said, ours: ReportedVertebra, source: _Source) -> Verdict | None:
    if not said.grades and said.is_fracture is None:
        return None
    # Where a code and a comment disagree, a viewer kept the one and the reader changed the other.
    grade = next((each for each in said.grades if each != ours.grade), ours.grade) if said.grades else None
    level = said.level or ours.level
    if not source.is_verified and (grade, level) in ((ours.grade, ours.level), (None, ours.level)):
        return None
    fractured = bool(said.is_fracture) if grade is None else grade >= 1
    return _of(ours, source, level, grade, fractured)


def _versions_before(
    document: Dataset, reported: Sequence[ReportedVertebra]
) -> Iterator[list[ReportedVertebra]]:
    """The versions of our result that a document names as what it was made from."""
    predecessors = predecessors_of(document)
    for key in dict.fromkeys(ours.key for ours in reported):
        if report_uids(key) & predecessors:
            yield [ours for ours in reported if ours.key == key]


def _left_out(
    version: Sequence[ReportedVertebra], groups: Sequence[Said], has_our_word: bool
) -> list[ReportedVertebra]:
    """Findings of a version of which nothing is left; none where the reader kept nothing of it at all.

    Viewers give what they store tracking UIDs of their own: what is left is told by its level and place.
    """
    told = [ours for ours in version if ours.grade >= 1]
    left = {ours.tracking_uid for each in groups if (ours := _match(each, version)) is not None}
    if not has_our_word and not any(ours.tracking_uid in left for ours in told):
        return []
    return [ours for ours in told if ours.tracking_uid not in left]


def _of(
    ours: ReportedVertebra, source: _Source, level: str | None, grade: int | None, fractured: bool | None
) -> Verdict:
    return Verdict(
        study_instance_uid=ours.study_instance_uid,
        series_instance_uid=ours.series_instance_uid,
        level=level,
        centre_lps_mm=ours.centre_lps_mm,
        grade=grade,
        fractured=fractured,
        found_level=ours.level,
        found_grade=ours.grade,
        tracking_uid=ours.tracking_uid,
        reader_role="radiologist" if source.is_verified else "unverified reader",
        source="structured report",
        source_uid=source.uid,
        decided_at=source.decided_at,
    )


def _match(said: Said, reported: Sequence[ReportedVertebra]) -> ReportedVertebra | None:
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
