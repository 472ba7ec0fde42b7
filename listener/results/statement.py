"""What a result states, about which images, in whose name and when: the input of every object we make."""

from dataclasses import dataclass
from datetime import datetime

from inference.findings import StudyReport
from inference.volume import Volume
from listener.results.identity import Product, ResultKey
from listener.results.outcome import Outcome
from listener.results.study_context import StudyContext


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """All of one study's result, before it is given a form.

    ``volume`` is None only where no vertebra was assessed.
    """

    report: StudyReport
    outcome: Outcome
    volume: Volume | None
    context: StudyContext
    key: ResultKey
    product: Product
    created_at: datetime
