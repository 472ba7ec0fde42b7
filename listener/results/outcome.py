"""From a study report to the one thing that must never be unclear: what kind of answer it is."""

from dataclasses import dataclass
from enum import StrEnum

from inference.findings import Assessment, Grade, StudyReport, VertebraFinding
from inference.levels import GRADED_LEVELS


class Answer(StrEnum):
    """What a study is told."""

    FLAGGED = "flagged"
    POSSIBLE = "possible"
    NONE = "none"
    NOT_ANALYSED = "not analysed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer and how far it reaches.

    Attributes
    ----------
    flagged, possible, assessed : vertebrae, cranial to caudal
    missed : vertebrae in view that should have been graded and could not be; with any, the answer is partial
    located_only : vertebrae in view that Genant's method does not grade (neck, sacrum)
    reason : why nothing was analysed; None otherwise
    goes_on : whether there is more of the spine: the scan shows some where no vertebra was found, or other
        images of the study were screened before and are gone
    """

    answer: Answer
    flagged: tuple[VertebraFinding, ...]
    possible: tuple[VertebraFinding, ...]
    assessed: tuple[VertebraFinding, ...]
    missed: tuple[VertebraFinding, ...]
    located_only: tuple[VertebraFinding, ...]
    reason: str | None
    goes_on: bool

    @property
    def is_partial(self) -> bool:
        """Whether a vertebra that is in view, or may be, was not graded."""
        return bool(self.missed) or self.goes_on


def outcome_of(report: StudyReport, is_of_late_images: bool = False) -> Outcome:
    """Decide the answer. Without one graded vertebra it is "not analysed", never "no fracture"."""
    missed = tuple(f for f in report.not_assessed if f.level is None or f.level in GRADED_LEVELS)
    return Outcome(
        answer=_answer(report),
        flagged=report.flagged,
        possible=report.possible,
        assessed=report.assessed,
        missed=missed,
        located_only=tuple(f for f in report.not_assessed if f not in missed),
        reason=None if report.assessed else _reason(report, missed),
        goes_on=report.goes_on or is_of_late_images,
    )


def _answer(report: StudyReport) -> Answer:
    if not report.assessed:
        return Answer.NOT_ANALYSED
    if report.flagged:
        return Answer.FLAGGED
    return Answer.POSSIBLE if report.possible else Answer.NONE


def _reason(report: StudyReport, missed: tuple[VertebraFinding, ...]) -> str:
    if report.not_analysed:
        return report.not_analysed
    if not report.findings:
        return "no vertebra was found in the images"
    reasons = sorted({finding.not_assessed or "" for finding in missed or report.not_assessed})
    return f"no vertebra could be assessed ({'; '.join(reasons)})"


def probability(assessment: Assessment, least: Grade) -> float:
    """Return the calibrated probability that the grade is at least ``least``."""
    return {
        Grade.NORMAL: 1.0,
        Grade.MILD: assessment.probability_mild,
        Grade.MODERATE: assessment.probability_moderate,
        Grade.SEVERE: assessment.probability_severe,
    }[least]
