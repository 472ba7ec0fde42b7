"""Found and true side by side: findings and truths in, a table and a verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highdicom.sr import MeasurementReport, srread
from rich.table import Table

from inference.findings import Grade
from listener.results.codes import COMPRESSION_FRACTURE, POSSIBLE_DEFORMITY


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one vertebra of the phantom."""

    level: str
    grade: Grade
    loss_percent: float


def said_in(report: Path) -> dict[str, str]:
    """What a received SR says of each level it names: "suspected" or "possible"."""
    content = srread(report).content
    assert isinstance(content, MeasurementReport)
    words = {COMPRESSION_FRACTURE: "suspected", POSSIBLE_DEFORMITY: "possible"}
    return {
        str(group.finding_sites[0].value.meaning).split()[0]: words[group.finding_type]
        for group in content.get_planar_roi_measurement_groups()
        if group.finding_type in words
    }


def compare(truths: Sequence[Truth], findings: Sequence[dict[str, Any]], said: dict[str, str]) -> Table:
    """One row a vertebra: level, true and found grade, probability, true and found height loss, flag.

    What was found at a level of which nothing is known (the scan cuts it) comes last: a false call must show.
    """
    found = {finding["level"]: finding for finding in findings}
    table = Table("level", "grade", "found", "P(≥ 2)", "height loss", "found", "SR says")
    for truth in truths:
        finding = found.get(truth.level)
        grade, probability, loss = _columns(finding)
        style = "bold red" if truth.grade >= Grade.MODERATE else ""
        row = (
            truth.level,
            str(int(truth.grade)),
            grade,
            probability,
            f"{truth.loss_percent:.0f} %",
            loss,
            said.get(truth.level, ""),
        )
        table.add_row(*row, style=style)
    known = {truth.level for truth in truths}
    for finding in findings:
        if finding["level"] not in known:
            grade, probability, loss = _columns(finding)
            name = finding["level"] or "unnumbered"
            table.add_row(name, "?", grade, probability, "", loss, said.get(name, ""))
    return table


def _columns(finding: dict[str, Any] | None) -> tuple[str, str, str]:
    if finding is None:
        return "not found", "", ""
    if not finding["assessed"]:
        return "not assessed", "", ""
    probability = finding["probability"]["grade_2_or_more"]
    return str(finding["grade"]), f"{probability:.2f}", f"{finding['height_loss_percent']:.0f} %"


def missed(truths: Sequence[Truth], said: dict[str, str]) -> list[str]:
    """The severe fractures that the SR does not call suspected."""
    severe = [truth.level for truth in truths if truth.grade is Grade.SEVERE]
    return [level for level in severe if said.get(level) != "suspected"]
