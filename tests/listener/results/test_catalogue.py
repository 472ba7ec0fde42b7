"""The catalogue: what a site's file may say, and that every sentence of inference is in it."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import inference
from listener.errors import SettingsError
from listener.results.catalogue import REASON, read_catalogue

MODULES = (
    *("coverage", "geometry", "grading", "header", "instance", "pixels", "reading", "screen", "series"),
    "stacks",
)
FILLS = (
    "1",
    "word",
    "T12",
    "1 slice lies",
    "1 slice was",
    "1 slice covers 1 mm",
    "the slice with instance number 1",
)
NOT_SENTENCES = {
    "slice lies",
    "slices lie",
    "slice was",
    "slices were",
    "s cover",
    " covers",
    "no SOP class",
    " Storage",
}
"""Parts of sentences, and a name."""
PARTS = ("# slice# # mm", "the slice with instance number #", "#; a better stack failed: #", "; left out: #")


def own(folder: Path, content: str) -> Path:
    path = folder / "own.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_site_s_entry_replaces_ours_and_the_rest_stays(tmp_path: Path) -> None:
    ours = read_catalogue()
    told = read_catalogue(own(tmp_path, '[grade]\nsevere = "sévère"\n'))
    assert told.text("grade.severe") == "sévère"
    assert told.text("grade.mild") == "mild"
    assert told.digest != ours.digest


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('[grade]\nsever = "x"', "grade.sever: there is no such entry"),
        ('grade = "x"', "grade: there is no such entry"),
        ("[grade]\nsevere = 3", "grade.severe: must be text"),
        ('[grade]\nsevere = "a\\nb"', "grade.severe: must be text on one line"),
        ('[level]\nmany = "{count} niveaux"', "level.many: {levels} is missing"),
        ('[level]\none = "{levels} {more}"', "level.one: {more} is unknown"),
        ('[level]\none = "{levels.real}"', "level.one: {levels.real} must be a plain name"),
        ('[level]\none = "{levels"', "level.one: "),
        (f'[short]\nreport = "{"x" * 65}"', "short.report: has 65 characters"),
        ("[level", "own.toml"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_catalogue(own(tmp_path, content))
    assert fault in str(caught.value)


def sentences(module: str) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Every literal of a module that is words and no docstring."""
    tree = ast.parse((Path(inference.__file__).with_name(f"{module}.py")).read_text(encoding="utf-8"))
    described = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if id(node) in described | inside or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        words = "".join(str(p.value) if isinstance(p, ast.Constant) else "#" for p in parts)
        if re.search("[A-Za-z]{2}", words) and " " in words and words not in PARTS:
            yield node


def forms(node: ast.Constant | ast.JoinedStr) -> Iterator[str]:
    """What a literal may come to once it is filled."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
        return
    holes = [part for part in node.values if isinstance(part, ast.FormattedValue)]
    for fill in product(FILLS, repeat=len(holes)):
        fills = iter(fill)
        filled = "".join(str(p.value) if isinstance(p, ast.Constant) else next(fills) for p in node.values)
        yield filled.removeprefix("; ")


@pytest.mark.parametrize("module", MODULES)
def test_every_sentence_of_inference_is_an_entry(module: str) -> None:
    catalogue = read_catalogue()
    unknown = [
        ast.unparse(node)
        for node in sentences(module)
        if not any(form in NOT_SENTENCES or catalogue.recognised(form) for form in forms(node))
    ]
    assert unknown == []


def test_a_reason_is_recognised_with_what_fills_it() -> None:
    catalogue = read_catalogue()
    assert catalogue.recognised("slices 6.5 mm apart") == (f"{REASON}apart", {"spacing": "6.5"})
    assert catalogue.recognised("3 × modality MR, not CT") == (
        f"{REASON}times", {"count": "3", "reason": "modality MR, not CT"},
    )  # fmt: skip
    assert catalogue.recognised("metal in the way") is None
