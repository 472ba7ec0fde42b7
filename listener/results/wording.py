"""From findings to sentences: every sentence a radiologist reads in the report or the picture is made here.

All text is ASCII, so that it fits whatever character set the study's patient data uses. None of it names the
patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from inference.findings import (
    Assessment,
    Grade,
    Heights,
    ModelIdentity,
    SeriesVerdict,
    StudyReport,
    VertebraFinding,
)
from inference.levels import LEVELS
from listener.results.outcome import Answer, Outcome, probability

RESEARCH_ONLY: Final = "FOR RESEARCH USE ONLY"
DISCLAIMER: Final = "Suspected findings of a computer program, not verified by a physician."
SILENCE: Final = "This says nothing about the presence or absence of fractures."
AGE_UNKNOWN: Final = "The age of a fracture is not determined."
REPORT_SERIES: Final = "Faintline AI report (research use only)"
PICTURE_SERIES: Final = "Faintline AI pictures (research use only)"
DERIVATION: Final = "Mean of a slab, reformatted along the vertebral body centres, with text and outlines"
PRESENTATION_SERIES: Final = "Faintline AI marks (research use only)"
SEGMENTATION_SERIES: Final = "Faintline AI bodies (research use only)"
KEY_OBJECTS_SERIES: Final = "Faintline AI key images (research use only)"
DOCUMENT_SERIES: Final = "Faintline AI document (research use only)"
MODELLED: Final = "Modelled from six height points, not outlined voxel by voxel"
INSETS: Final = ("Unmarked, from the side", "Unmarked, from the front")

GRADE_WORDS: Final = {
    Grade.NORMAL: "normal",
    Grade.MILD: "mild",
    Grade.MODERATE: "moderate",
    Grade.SEVERE: "severe",
}
UNSURE_LEVEL: Final = 0.8
"""Below this confidence of the numbering the reader is told to check the level."""


_ASCII: Final = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "×": "x",
        "°": " degrees",
        "≥": ">=",
        "≤": "<=",
        "…": "...",
        "’": "'",
        "µ": "u",
    }
)


def plain(text: str) -> str:
    """Return a text made elsewhere (a reason, a note, a name) in ASCII, on one line."""
    return " ".join(text.translate(_ASCII).encode("ascii", "replace").decode().split())


def sentence(text: str) -> str:
    """Return a text made elsewhere as a sentence: ASCII, a capital first, a full stop last."""
    words = plain(text).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def percent(share: float) -> str:
    """Return a probability as whole per cent; a program is never entirely sure, so never 0 or 100."""
    rounded = round(100 * share)
    return ">99%" if rounded > 99 else "<1%" if rounded < 1 else f"{rounded}%"


def level_list(findings: Sequence[VertebraFinding]) -> str:
    """Return levels in runs: ``T10-L5``, ``T4-T6, L1``, ``2 unnumbered``."""
    numbers = [LEVELS.index(f.level) for f in findings if f.level in LEVELS]
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    names = [LEVELS[run[0]] if len(run) == 1 else f"{LEVELS[run[0]]}-{LEVELS[run[-1]]}" for run in runs]
    names += [str(f.level) for f in findings if f.level is not None and f.level not in LEVELS]
    unnumbered = sum(finding.level is None for finding in findings)
    return ", ".join(names + ([f"{unnumbered} unnumbered"] if unnumbered else []))


def counted(findings: Sequence[VertebraFinding]) -> str:
    """Return ``8 levels T10-L5`` or ``1 level L2``; where no level is known, ``11 unnumbered vertebrae``."""
    if findings and all(finding.level is None for finding in findings):
        return f"{level_list(findings)} vertebra{'' if len(findings) == 1 else 'e'}"
    return f"{len(findings)} level{'' if len(findings) == 1 else 's'} {level_list(findings)}"


def assessed_levels(outcome: Outcome) -> str:
    """Return what was looked at: ``8 levels T10-L5 assessed``."""
    return f"{counted(outcome.assessed)} assessed"


def not_assessed(findings: Sequence[VertebraFinding]) -> str:
    """Return the levels that were not assessed, with the reasons: ``T9: cut off by the scan; L5: metal``."""
    runs = groupby(findings, lambda finding: finding.not_assessed)
    return "; ".join(f"{level_list(list(run))}: {plain(str(reason))}" for reason, run in runs)


def shape(assessment: Assessment) -> str:
    """Return the deformity's name for a sentence."""
    return "shape not classified" if assessment.deformity is None else assessment.deformity.value


def flagged_sentence(finding: VertebraFinding, least: Grade) -> str:
    """Return the label of a suspected fracture."""
    found = _assessment(finding)
    return (
        f"{finding.name}: suspected compression fracture, Genant {found.grade:d} ({shape(found)}), "
        f"{_numbers(finding, least)}"
    )


def possible_sentence(finding: VertebraFinding, least: Grade) -> str:
    """Return the label of a possible mild deformity: worded so that nobody takes it for a fracture."""
    found = _assessment(finding)
    return (
        f"{finding.name}: possible mild deformity, Genant {found.grade:d} ({shape(found)}), "
        f"below the threshold for a suspected fracture, {_numbers(finding, least)}"
    )


@dataclass(frozen=True, slots=True)
class NoteTexts:
    """A note beside the picture: its title and its detail, or all of it in one line."""

    title: str
    detail: str
    short: str


def flagged_note(finding: VertebraFinding, least: Grade) -> NoteTexts:
    """Return the note of a suspected fracture."""
    found, numbers = _assessment(finding), _numbers(finding, least)
    return NoteTexts(
        title=f"{finding.name}  suspected fracture, Genant {found.grade:d}",
        detail=f"{GRADE_WORDS[found.grade]}, {shape(found)}, {numbers}",
        short=f"{finding.name}  suspected, Genant {found.grade:d}, {shape(found)}, {numbers}",
    )


def possible_note(finding: VertebraFinding, least: Grade) -> NoteTexts:
    """Return the note of a possible mild deformity."""
    numbers = _numbers(finding, least)
    return NoteTexts(
        title=f"{finding.name}  possible mild deformity",
        detail=f"{shape(_assessment(finding))}, {numbers}",
        short=f"{finding.name}  possible, {numbers}",
    )


def missed_note(run: Sequence[VertebraFinding]) -> NoteTexts:
    """Return the note of vertebrae that could not be assessed for one reason."""
    who = counted(run) if run[0].level is None else level_list(run)
    title, reason = f"{who}  NOT assessed", plain(str(run[0].not_assessed))
    return NoteTexts(title, reason, f"{title}: {reason}")


@dataclass(frozen=True, slots=True)
class CloseUpTexts:
    """What stands beside a close-up."""

    title: str
    details: tuple[str, ...]


def close_up(finding: VertebraFinding, least: Grade) -> CloseUpTexts:
    """Return the texts of a flagged vertebra's close-up."""
    found = _assessment(finding)
    lowest = min(found.heights.anterior_mm, found.heights.middle_mm, found.heights.posterior_mm)
    reference = lowest / (1 - found.height_loss_percent / 100)
    grade = f"Genant {found.grade:d} ({GRADE_WORDS[found.grade]}), {shape(found)}"
    loss = f"Height loss {_loss(found)}: lowest height {lowest:.1f} mm against "
    against = f"{reference:.1f} mm, the tallest comparable height."
    hu = found.trabecular_hu
    density = () if hu is None else (f"Mean attenuation inside the body {hu:.0f} HU.",)
    return CloseUpTexts(
        title=f"{finding.name}  suspected fracture",
        details=(f"{grade}, {_certainty(finding, least)}.", loss + against, *density),
    )


def height_table(measured: Heights, expected: Heights | None) -> tuple[tuple[str, str, str, str], ...]:
    """Return the table of a close-up, its head first: name, measured, expected, loss."""
    rows = [("Height", "measured", "neighbours", "loss")]
    for name in ("anterior", "middle", "posterior"):
        own = getattr(measured, f"{name}_mm")
        other = None if expected is None else getattr(expected, f"{name}_mm")
        loss = "-" if other is None else f"{max(0.0, 100 * (1 - own / other)):.0f}%"
        rows.append((name, f"{own:.1f} mm", "-" if other is None else f"{other:.1f} mm", loss))
    return tuple(rows)


def legend(has_neighbours: bool) -> tuple[str, ...]:
    """Return what the lines of a close-up are."""
    if not has_neighbours:
        return ("Circles: the six height points. No neighbour could be measured.",)
    return (
        "Circles: the six height points. White dashes: the end plates as the neighbours' heights, scaled to "
        "this level, let expect them.",
    )


def _assessment(finding: VertebraFinding) -> Assessment:
    assert finding.assessment is not None
    return finding.assessment


def _numbers(finding: VertebraFinding, least: Grade) -> str:
    found = _assessment(finding)
    return f"height loss {_loss(found)}, {_certainty(finding, least)}"


def _loss(found: Assessment) -> str:
    """Return a height loss with its interval: ``31% (27-35%)``."""
    low, high = found.height_loss_interval_percent
    return f"{found.height_loss_percent:.0f}% ({low:.0f}-{high:.0f}%)"


def _certainty(finding: VertebraFinding, least: Grade) -> str:
    certainty = f"certainty {percent(probability(_assessment(finding), least))}"
    return f"{certainty}{', level uncertain' if is_level_unsure(finding) else ''}"


def is_level_unsure(finding: VertebraFinding) -> bool:
    """Whether the reader should check the numbering."""
    return finding.level is None or finding.level_confidence < UNSURE_LEVEL


def coverage_sentence(outcome: Outcome) -> str:
    """Return the label of the group that says how far the answer reaches."""
    if outcome.answer is Answer.NOT_ANALYSED:
        return f"Not analysed: {plain(str(outcome.reason))}"
    missed = f" NOT assessed - {not_assessed(outcome.missed)}." if outcome.missed else ""
    if outcome.answer is Answer.NONE:
        return f"No vertebral fracture detected ({assessed_levels(outcome)}).{missed}"
    if outcome.answer is Answer.POSSIBLE:
        possible = f"possible mild deformity at {level_list(outcome.possible)}"
        return f"No suspected fracture, but {possible} ({assessed_levels(outcome)}).{missed}"
    return f"Suspected fracture at {level_list(outcome.flagged)} ({assessed_levels(outcome)}).{missed}"


def headline(outcome: Outcome) -> str:
    """Return the picture's answer in one line, without the levels."""
    count = len(outcome.flagged)
    if outcome.answer is Answer.FLAGGED:
        return f"{count} suspected vertebral fracture{'' if count == 1 else 's'}"
    if outcome.answer is Answer.NOT_ANALYSED:
        return "NOT ANALYSED"
    if outcome.answer is Answer.POSSIBLE:
        return "Possible mild deformity only"
    return "No fracture in the levels assessed" if outcome.is_partial else "No vertebral fracture detected"


def sublines(outcome: Outcome, remarks: Sequence[str]) -> tuple[str, ...]:
    """Return what stands under the headline: which levels, what limits the answer, or why there is none."""
    if outcome.answer is Answer.NOT_ANALYSED:
        return sentence(str(outcome.reason)), SILENCE, *remarks
    missed = f" {len(outcome.missed)} in view NOT assessed." if outcome.missed else ""
    levels = f"{assessed_levels(outcome)}.{missed}"
    flagged = f"Suspected: {level_list(outcome.flagged)}. " if outcome.flagged else "No suspected fracture. "
    possible = f"Possible mild deformity: {level_list(outcome.possible)}." if outcome.possible else ""
    found = "" if outcome.answer is Answer.NONE else flagged + possible
    return tuple(line for line in (found, levels, *remarks) if line)


def remarks(report: StudyReport) -> tuple[str, ...]:
    """Return what limits the answer, as the report and the picture repeat it."""
    return tuple(sentence(note) for note in report.notes)


def superseded(created_at: datetime) -> str:
    """Return what tells a new version from the one it replaces."""
    return f"This result supersedes the one of {created_at:%Y-%m-%d %H:%M}."


def small_print(outcome: Outcome) -> tuple[str, ...]:
    """Return what a reader of findings has to know."""
    return () if outcome.answer is Answer.NOT_ANALYSED else (DISCLAIMER, AGE_UNKNOWN)


def banner(version: str) -> str:
    """Return the mark over the picture."""
    return f"Faintline {version}   AI RESULT - {RESEARCH_ONLY}"


def series_line(verdict: SeriesVerdict) -> str:
    """Return one series of a study that was not analysed, and why it was not."""
    number = "Series" if verdict.series_number is None else f"Series {verdict.series_number}"
    images = f"{verdict.instances} image{'' if verdict.instances == 1 else 's'}"
    return f"{number} ({verdict.modality}, {images}): {plain(verdict.reason)}"


def vertebra_table(report: StudyReport) -> tuple[tuple[str, str, str, str, str], ...]:
    """Return every vertebra in view as a table, its head first."""
    rows = [("Level", "Genant grade", "Height loss", "Certainty", "Remark")]
    for finding in report.findings:
        found = finding.assessment
        unsure = "level uncertain" if is_level_unsure(finding) else ""
        if found is None:
            rows.append((finding.name, "not assessed", "", "", plain(str(finding.not_assessed))))
            continue
        if finding in report.flagged:
            remark = f"suspected fracture, {shape(found)}"
        else:
            remark = f"possible mild deformity, {shape(found)}" if finding in report.possible else ""
        grade = f"{found.grade:d} ({GRADE_WORDS[found.grade]})"
        least = report.possible_grade if finding in report.possible else report.flag_grade
        certainty = percent(probability(found, least))
        told = ", ".join(words for words in (remark, unsure) if words)
        rows.append((finding.name, grade, f"{found.height_loss_percent:.0f}%", certainty, told))
    return tuple(rows)


def further(count: int) -> str:
    """Return the last line of a list that was cut short."""
    return f"and {count} more"


def provenance(report: StudyReport, version: str) -> tuple[str, ...]:
    """Return the small print under the picture."""
    series = next(
        (v for v in report.series_choice if v.series_instance_uid == report.series_instance_uid), None
    )
    number = f"series {series.series_number}" if series and series.series_number is not None else "series"
    source = f"Source: {number}, {series.instances} images" if series else "Source: no series was analysed"
    return source, f"Faintline {version}, {model_name(report.model)}"


def model_name(model: ModelIdentity) -> str:
    """Return which networks spoke."""
    return plain(f"model {model.name} {model.version} ({model.weights_sha256[:8]})")
