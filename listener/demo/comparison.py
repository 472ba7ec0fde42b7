"""Found and true side by side: findings and truths in, a table and a verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highdicom.sr import MeasurementReport, srread
from rich.table import Table

from inference.findings import Grade
from listener.results.codes import COMPRESSION_FRACTURE


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one vertebra of the phantom."""

    level: str
    grade: Grade
    loss_percent: float


def flagged_levels(report: Path) -> set[str]:
    """The levels that a received SR calls suspected compression fractures ("T12 vertebra" gives "T12")."""
    content = srread(report).content
    assert isinstance(content, MeasurementReport)
    groups = content.get_planar_roi_measurement_groups()
    return {
        str(group.finding_sites[0].value.meaning).split()[0]
        for group in groups
        if group.finding_type == COMPRESSION_FRACTURE
    }


def compare(truths: Sequence[Truth], findings: Sequence[dict[str, Any]], flagged: set[str]) -> Table:
    """One row a vertebra: level, true and found grade, probability, true and found height loss, flag."""
    found = {finding["level"]: finding for finding in findings}
    table = Table("level", "grade", "found", "P(≥ 2)", "height loss", "found", "SR says")
    for truth in truths:
        finding = found.get(truth.level)
        grade, probability, loss = _columns(finding)
        style = "bold red" if truth.grade >= Grade.MODERATE else ""
        mark = "suspected" if truth.level in flagged else ""
        row = (
            truth.level,
            str(int(truth.grade)),
            grade,
            probability,
            f"{truth.loss_percent:.0f} %",
            loss,
            mark,
        )
        table.add_row(*row, style=style)
    return table


def _columns(finding: dict[str, Any] | None) -> tuple[str, str, str]:
    if finding is None:
        return "not found", "", ""
    if not finding["assessed"]:
        return "not assessed", "", ""
    probability = finding["probability"]["grade_2_or_more"]
    return str(finding["grade"]), f"{probability:.2f}", f"{finding['height_loss_percent']:.0f} %"


def missed(truths: Sequence[Truth], flagged: set[str]) -> list[str]:
    """The severe fractures that the SR does not flag."""
    return [truth.level for truth in truths if truth.grade is Grade.SEVERE and truth.level not in flagged]
