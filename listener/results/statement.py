"""What a result states, about which images, in whose name and when: the input of every object we make."""

from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from inference.findings import StudyReport
from inference.volume import Volume
from listener.results.identity import Product, ResultKey
from listener.results.language import Language
from listener.results.outcome import Outcome
from listener.results.study_context import StudyContext, put_equipment, put_in_study, put_time
from listener.results.typeface import Typeface
from listener.results.wording import sentences
from listener.results.wording.catalogue import Catalogue
from listener.study import EarlierReport


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """All of one study's result, before it is given a form.

    ``volume`` is None only where no vertebra was assessed; ``earlier`` are the reports of the version that
    this one supersedes, one of each SOP class, none where this is the first. ``removed`` images of the study
    were screened before and are gone: this is about the others.
    """

    report: StudyReport
    outcome: Outcome
    volume: Volume | None
    context: StudyContext
    key: ResultKey
    product: Product
    created_at: datetime
    language: Language
    earlier: tuple[EarlierReport, ...] = ()
    removed: int = 0

    @property
    def words(self) -> Catalogue:
        """Every sentence."""
        return self.language.words

    @property
    def typeface(self) -> Typeface:
        """What the pictures are written in."""
        return self.language.typeface

    @property
    def is_multi_frame(self) -> bool:
        """Whether slices are frames of one instance."""
        return self.volume is not None and any(s.frame_number is not None for s in self.volume.sources)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the reader must know beside the findings: what limits them, and what they supersede."""
        late = (sentences.late(self.words, self.removed),) if self.removed else ()
        superseded = tuple(sentences.superseded(self.words, report.created_at) for report in self.earlier[:1])
        return (*late, *sentences.remarks(self.words, self.report), *superseded)


def put_origin(target: Dataset, statement: Statement) -> None:
    """Say on ``target`` whose study it belongs to, who made it and when."""
    if "ContributingEquipmentSequence" in target:
        del target.ContributingEquipmentSequence  # highdicom's own mark, with the time of day in it
    put_in_study(target, statement.context)
    put_equipment(target, statement.product)
    put_time(target, statement.created_at)
