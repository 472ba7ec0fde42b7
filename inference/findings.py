"""What screening a study finds: the values that flow from the networks to the report."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

Point = tuple[float, float, float]
"""(x, y, z) in LPS mm."""


class Grade(IntEnum):
    """Genant's semi-quantitative grade (Genant 1993): loss < 20 %, 20-25 %, 25-40 %, > 40 %."""

    NORMAL = 0
    MILD = 1
    MODERATE = 2
    SEVERE = 3


class Deformity(StrEnum):
    """Genant's type of deformity."""

    WEDGE = "wedge"
    BICONCAVE = "biconcave"
    CRUSH = "crush"


@dataclass(frozen=True, slots=True)
class Heights:
    """Point-to-point heights of a vertebral body in its mid-sagittal plane."""

    anterior_mm: float
    middle_mm: float
    posterior_mm: float


@dataclass(frozen=True, slots=True)
class HeightPoints:
    """The six points of Genant's method, LPS mm, on the end plates in the mid-sagittal plane."""

    anterior_superior: Point
    anterior_inferior: Point
    middle_superior: Point
    middle_inferior: Point
    posterior_superior: Point
    posterior_inferior: Point


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found at one vertebra that could be assessed.

    Attributes
    ----------
    probability_mild : calibrated P(grade >= 1)
    probability_moderate : calibrated P(grade >= 2)
    probability_severe : calibrated P(grade 3)
    height_loss_percent : loss against the tallest comparable height (own anterior and posterior, and those of
        the neighbours that are not themselves fractured): the number readers' 20/25/40 % comes closest to
    height_loss_interval_percent : where nine losses in ten lie that were measured so, on validation data
    neighbour_height_loss_percent : loss against the *same* height of the neighbours; None without neighbours
    deformity : None where the grade is normal
    trabecular_hu : mean of a region inside the body away from the end plates; None where it cannot be placed
    """

    grade: Grade
    probability_mild: float
    probability_moderate: float
    probability_severe: float
    heights: Heights
    height_loss_percent: float
    height_loss_interval_percent: tuple[float, float]
    neighbour_height_loss_percent: float | None
    height_points: HeightPoints
    deformity: Deformity | None
    trabecular_hu: float | None


@dataclass(frozen=True, slots=True)
class VertebraFinding:
    """One vertebra: where it is, which it is, and what was found or why it could not be assessed.

    Exactly one of ``assessment`` and ``not_assessed`` is set. ``level`` is None where it is unknown.
    """

    level: str | None
    level_confidence: float
    centre_lps_mm: Point
    assessment: Assessment | None
    not_assessed: str | None

    def __post_init__(self) -> None:
        assert (self.assessment is None) != (self.not_assessed is None)

    @property
    def name(self) -> str:
        """The level as a person reads it."""
        return self.level or "unnumbered vertebra"


class Verdict(StrEnum):
    """What became of a series when the one to screen was chosen."""

    CHOSEN = "chosen"
    USABLE = "usable"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """One series of the study, what became of it, and why in plain words (never patient data)."""

    series_instance_uid: str
    series_number: int | None
    modality: str
    instances: int
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which networks spoke: the bundle's name, its version and the SHA-256 of its weights."""

    name: str
    version: str
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class StudyReport:
    """Everything there is to report about a study.

    ``not_analysed`` says why nothing could be said; then ``findings`` is empty. ``findings`` run cranial to
    caudal. ``goes_on`` says that the scan must show more of the spine, beyond them or between two of them.
    ``flag_grade`` and ``possible_grade`` are the least grades flagged and listed as possible.
    """

    study_instance_uid: str
    series_choice: tuple[SeriesVerdict, ...]
    series_instance_uid: str | None
    findings: tuple[VertebraFinding, ...]
    not_analysed: str | None
    notes: tuple[str, ...]
    model: ModelIdentity
    flag_grade: Grade = Grade.MODERATE
    possible_grade: Grade = Grade.MILD
    goes_on: bool = False

    def __post_init__(self) -> None:
        assert not (self.not_analysed and self.findings)

    @property
    def assessed(self) -> tuple[VertebraFinding, ...]:
        """The vertebrae that were graded."""
        return tuple(finding for finding in self.findings if finding.assessment is not None)

    @property
    def not_assessed(self) -> tuple[VertebraFinding, ...]:
        """The vertebrae that were seen but not graded."""
        return tuple(finding for finding in self.findings if finding.assessment is None)

    @property
    def flagged(self) -> tuple[VertebraFinding, ...]:
        """The vertebrae suspected of a fracture."""
        return self._graded(self.flag_grade, Grade.SEVERE)

    @property
    def possible(self) -> tuple[VertebraFinding, ...]:
        """The vertebrae with a possible, milder deformity, below the flagging grade."""
        return self._graded(self.possible_grade, Grade(self.flag_grade - 1))

    def _graded(self, least: Grade, most: Grade) -> tuple[VertebraFinding, ...]:
        return tuple(
            finding
            for finding in self.findings
            if finding.assessment is not None and least <= finding.assessment.grade <= most
        )
