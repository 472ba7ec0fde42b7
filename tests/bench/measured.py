"""Rows of a measurement in; the table in deploy/measured.md rewritten."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

MEASURED = Path(__file__).parents[2] / "deploy" / "measured.md"


def write_part(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Replace the lines between the two marks of a part."""
    lines = [head, ["---"] * len(head), *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    begin, end = f"<!-- measured: {name} -->\n", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = MEASURED.read_text(encoding="utf-8")
    assert pattern.search(text), f"{MEASURED.name} has no part {name!r}"
    MEASURED.write_text(pattern.sub(lambda _: begin + table + end, text), encoding="utf-8")
