"""What a document must say in; a failure where it says something else out.

Parts of the documents follow from the code and are made from it. ``REWRITE_DOCUMENTS=1 pytest tests/deploy
tests/test_readme.py`` writes them anew; without the variable a difference is a failure.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def demand_file(path: Path, content: str) -> None:
    """The whole file is ``content``."""
    if os.environ.get("REWRITE_DOCUMENTS"):
        path.write_text(content, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == content, f"{path.name} differs from the code"


def demand_part(path: Path, name: str, content: str) -> None:
    """The lines between ``<!-- from the code: NAME -->`` and ``<!-- end of NAME -->`` are ``content``."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- from the code: {name} -->\n", f"<!-- end of {name} -->"
    assert text.count(begin) == 1 and text.count(end) == 1, f"{path.name} has no part {name!r}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    demand_file(path, pattern.sub(lambda _: begin + content + end, text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
