"""Found beside true: what was found where nothing is known must show too."""

from typing import Any

from rich.console import Console
from rich.table import Table

from inference.findings import Grade
from listener.demo.comparison import Truth, compare, missed

TRUTHS = [Truth("T12", Grade.SEVERE, 46.0), Truth("L1", Grade.NORMAL, 11.0)]


def found(level: str | None, grade: int) -> dict[str, Any]:
    return {
        "level": level,
        "assessed": True,
        "grade": grade,
        "probability": {"grade_2_or_more": 0.9},
        "height_loss_percent": 44.0,
    }


def lines_of(table: Table) -> list[list[str]]:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    rows = [line for line in captured.get().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_each_vertebra_has_a_row_with_what_is_true_and_what_was_found() -> None:
    rows = lines_of(compare(TRUTHS, [found("T12", 3)], {"T12": "suspected"}))
    assert rows == [
        ["T12", "3", "3", "0.90", "46 %", "44 %", "suspected"],
        ["L1", "0", "not found", "", "11 %", "", ""],
    ]


def test_a_call_at_a_level_of_which_nothing_is_known_shows() -> None:
    rows = lines_of(compare(TRUTHS, [found("T7", 3), found(None, 0)], {"T7": "suspected"}))
    assert rows[2] == ["T7", "?", "3", "0.90", "", "44 %", "suspected"]
    assert rows[3] == ["unnumbered", "?", "0", "0.90", "", "44 %", ""]


def test_a_severe_fracture_that_is_not_called_suspected_is_missed() -> None:
    assert missed(TRUTHS, {"T12": "possible"}) == ["T12"]
    assert missed(TRUTHS, {"T12": "suspected"}) == []
