"""The catalogue: what a site's file may say, and that every sentence of inference is in it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import get_data_path

import inference
import listener.results
from listener.errors import SettingsError
from listener.results.language import ENGLISH, read_language
from listener.results.typeface import Typeface
from listener.results.wording.catalogue import Catalogue, read_catalogue
from listener.results.wording.reasons import REASON, told
from listener.settings import Report

GERMAN = Path(__file__).parents[3] / "deploy" / "wording.de.toml"
FONT = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
OURS = read_catalogue()
ALL_MARKED = replace(OURS, told={key: f"<{text}>" for key, text in OURS.english.items()})

MODULES = (
    *("coverage", "geometry", "grading", "header", "instance", "pixels", "reading", "screen", "series"),
    "stacks",
)
FILLS = (
    "1",
    "word",
    "T12",
    "localizer",
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
    readers = read_catalogue(own(tmp_path, '[reader]\nfracture = "fx"\n'))
    assert readers.phrases("reader.fracture") == ("fx",) and readers.digest == ours.digest


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
        ('[reader]\nno_fracture = "none | mild deformity"', "reader.no_fracture: 'mild deformity' stands in"),
        ("[level", "own.toml"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_catalogue(own(tmp_path, content))
    assert fault in str(caught.value)


def is_told(sentence: str) -> bool:
    """Whether a catalogue of other words tells a sentence otherwise."""
    return told(ALL_MARKED, sentence) != OURS.written(sentence)


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
    unknown = [
        ast.unparse(node)
        for node in sentences(module)
        if not any(form in NOT_SENTENCES or is_told(form) for form in forms(node))
    ]
    assert unknown == []


SAMPLES = {"level": "T12", "reason": "localizer", "reasons": "2 × localizer; modality MR, not CT"}


@pytest.mark.parametrize("key", [key for key in OURS.english if key.startswith(REASON)])
def test_every_reason_is_found_again_by_its_words_and_stays_itself_in_english(key: str) -> None:
    names = re.findall(r"{(\w+)}", OURS.english[key])
    made = OURS.english[key].format(**{name: SAMPLES.get(name, "6.5") for name in names})
    assert told(OURS, made) == OURS.written(made)
    assert told(marked(key), made).startswith("<>")


def marked(key: str) -> Catalogue:
    """The catalogue with one entry changed."""
    return replace(OURS, told={**OURS.english, key: f"<>{OURS.english[key]}"})


@pytest.mark.parametrize(
    ("made", "in_german"),
    [
        (
            "no series can be screened: 2 × modality MR, not CT; localizer",
            "keine Serie ist auswertbar: 2 × Modalität MR, kein CT; Übersichtsaufnahme",
        ),
        (
            "90 axial slices every 2.5 mm cover 225 mm, kernel B, f, with contrast agent; "
            "left out: 3 × localizer",
            "90 axiale Schichten alle 2,5 mm decken 225 mm ab, Faltungskern B, f, mit Kontrastmittel; "
            "nicht verwendet: 3 × Übersichtsaufnahme",
        ),
        (
            "no vertebra could be assessed (T12: cut by the edge of the images, unnumbered vertebra: metal)",
            "no vertebra could be assessed (T12: cut by the edge of the images, unnumbered vertebra: metal)",
        ),
        (
            "slice spacing 7.5 mm exceeds 5 mm; metal in the way",
            "Schichtabstand 7,5 mm ist größer als 5 mm; metal in the way",
        ),
    ],
)
def test_joined_reasons_are_told_part_by_part_and_unknown_ones_as_they_are(made: str, in_german: str) -> None:
    assert told(read_catalogue(GERMAN), made) == in_german
    assert told(OURS, made) == OURS.written(made)


@given(st.lists(st.sampled_from([", ", "; ", "kernel ", "2 × ", "localizer", "T1: ", "("]), max_size=90))
@settings(deadline=2000)
def test_no_text_takes_long_to_tell(parts: list[str]) -> None:
    assert "\n" not in told(OURS, "".join(parts))


def used_keys() -> set[str]:
    """Keys as the code names them; where it puts them together, the part before."""
    results = Path(listener.results.__file__).parent
    files = [*results.rglob("*.py"), results.with_name("measured_groups.py")]
    code = " ".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r'"([a-z_]+\.[a-z_]*)(?="|{)', code))


def test_every_entry_is_used_and_every_key_used_is_an_entry() -> None:
    used = used_keys()
    whole = {key for key in used if not key.endswith((".", "_", ".toml"))}
    starts = tuple(key for key in used if key.endswith((".", "_")))
    assert whole <= set(OURS.english)
    assert [key for key in OURS.english if key not in whole and not key.startswith((REASON, *starts))] == []


def test_the_german_example_leaves_nothing_english_and_has_its_own_characters() -> None:
    german = read_catalogue(GERMAN)
    same = {key for key, text in german.told.items() if text == german.english[key]}
    assert same == {
        "answer.missed_levels", "close_up.grade", "finding.loss", "grade.normal", "mark.full_stop",
        "note.possible_detail", "note.suspected_detail", "reason.of_level", "reason.times", "series.line",
        "source.product", "subline.levels",
    }  # fmt: skip
    assert not german.is_ascii


def test_a_font_without_the_wording_s_characters_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"report.font: the built-in font lacks characters .*ß ä"):
        read_language(Report(wording=GERMAN))
    with pytest.raises(SettingsError, match="this is no font"):
        read_language(Report(font=own(tmp_path, "")))
    assert read_language(Report(wording=GERMAN, font=FONT)).digest != ENGLISH.digest


def test_a_line_breaks_inside_a_word_only_where_it_must() -> None:
    lines = Typeface(FONT).wrapped("kurz " + "字" * 60, 20, 400)
    assert lines[0] == "kurz" and len(lines) > 2
    assert all(Typeface(FONT).width(line, 20) <= 400 for line in lines)
