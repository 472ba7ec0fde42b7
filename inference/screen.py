"""The files of one study in, what was found in it out: index, choose, read, find, grade, report.

Nothing is ever "no fracture" because something failed: where a study cannot be screened the report says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from inference.bundle import Bundle
from inference.coverage import between_notes, beyond_notes, told_apart, with_gaps
from inference.errors import UnreadableSeriesError
from inference.findings import StudyReport, VertebraFinding
from inference.grading import grade_vertebrae
from inference.index import StudyIndex, index_files
from inference.reading import read_volume
from inference.series import SeriesChoice, choose_series
from inference.spine import find_vertebrae
from inference.stacks import Stack
from inference.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """A report with what it was made from.

    Attributes
    ----------
    report : what was found, or why nothing could be said
    volume : the series that was screened; None where none could be read
    headers : the headers (without pixels) of that series' instances; where none could be read, of the study's
    """

    report: StudyReport
    volume: Volume | None
    headers: tuple[Dataset, ...]


def screen_files(paths: Iterable[Path], bundle: Bundle) -> Screening:
    """Screen the study whose files are ``paths``.

    Raises
    ------
    MixedStudyError : where the files are not one study of one patient
    """
    index = index_files(paths)
    choice, volume = _read_best(choose_series(index))
    if volume is None:
        return _not_analysed(index, choice, choice.reason_for_none, bundle)
    stack = choice.candidates[0]
    graded = grade_vertebrae(volume, find_vertebrae(volume, bundle), bundle)
    findings = with_gaps(told_apart(graded))
    if all(finding.assessment is None for finding in findings):
        return _not_analysed(index, choice, _why_nothing(findings), bundle)
    unseen = (*between_notes(graded), *beyond_notes(findings, volume))
    report = StudyReport(
        study_instance_uid=index.study_instance_uid,
        series_choice=choice.verdicts,
        series_instance_uid=stack.series_instance_uid,
        findings=findings,
        not_analysed=None,
        notes=(*stack.notes, *_numbering_notes(findings), *unseen),
        model=bundle.identity,
        goes_on=bool(unseen),
    )
    return Screening(report, volume, stack.headers)


def _read_best(choice: SeriesChoice) -> tuple[SeriesChoice, Volume | None]:
    """Read the best candidate that can be read; the verdicts of those that cannot say why."""
    while choice.candidates:
        try:
            return choice, read_volume(choice.candidates[0])
        except UnreadableSeriesError as error:
            choice = choice.without_first(str(error))
    return choice, None


def _not_analysed(index: StudyIndex, choice: SeriesChoice, reason: str, bundle: Bundle) -> Screening:
    stack: Stack | None = next(iter(choice.candidates), None)
    report = StudyReport(
        study_instance_uid=index.study_instance_uid,
        series_choice=choice.verdicts,
        series_instance_uid=stack.series_instance_uid if stack else None,
        findings=(),
        not_analysed=reason,
        notes=(),
        model=bundle.identity,
    )
    headers = tuple(instance.header for instance in index.instances)
    return Screening(report, None, stack.headers if stack else headers)


def _why_nothing(findings: tuple[VertebraFinding, ...]) -> str:
    if not findings:
        return "no thoracic or lumbar vertebra found in the series"
    seen = ", ".join(f"{finding.name}: {finding.not_assessed}" for finding in findings)
    return f"no vertebra could be assessed ({seen})"


def _numbering_notes(findings: tuple[VertebraFinding, ...]) -> tuple[str, ...]:
    if all(finding.level for finding in findings):
        return ()
    return ("The vertebrae could not be numbered with confidence; they are listed from the head downwards.",)
