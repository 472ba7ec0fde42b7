"""A folder in; one fixed phantom study written there, and its truths, out."""

from pathlib import Path

from training.phantom.truth import VertebraTruth


def demo_study(folder: Path) -> tuple[VertebraTruth, ...]:
    """Write the study."""
    raise NotImplementedError(folder)
