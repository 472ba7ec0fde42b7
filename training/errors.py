"""What can go wrong in training, as one tree; every message names the file and says what to do.

* TrainingError
  x ImportProblems: an annotated data set cannot be imported as it is; lists every problem
  x CaseSetError: a case set is damaged, empty or not what its list says
  x RecipeError: a recipe cannot be read
  x DivergedError: a loss became no number
  x NotPromotedError: a bundle is worse than the one in use, or cannot be compared with it
"""

from collections.abc import Sequence
from dataclasses import dataclass


class TrainingError(Exception):
    """Anything that stops a training command and can be said to a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a data set: in which file (and line), what, and what to do."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ImportProblems(TrainingError):  # noqa: N818  (many problems, one exception)
    """A data set that was checked whole and found faulty; nothing of it was imported."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' * (count != 1)}, nothing was imported")


class CaseSetError(TrainingError):
    """A case set cannot be trusted."""


class RecipeError(TrainingError):
    """A recipe holds what it should not, or lacks what it should hold."""


class DivergedError(TrainingError):
    """The loss is no number any more."""


class NotPromotedError(TrainingError):
    """A bundle stays where it is."""
