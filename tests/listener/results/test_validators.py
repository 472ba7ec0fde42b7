"""What programs of others say of our objects."""

from pathlib import Path

import pytest
from peers import validators
from spine_cases import CREATED_AT, GERMAN, Study, study_of

from listener.results.build import build_results
from listener.results.identity import Product
from listener.results.kinds import USUAL, ResultKind
from listener.results.language import ENGLISH, Language

READERS = (validators.dciodvfy, validators.dsrdump, validators.tid1500reader, validators.highdicom)


def written(
    study: Study, folder: Path, language: Language = ENGLISH, kinds: frozenset[ResultKind] = USUAL
) -> list[Path]:
    """The study's objects as files."""
    paths = []
    for result in build_results(
        study.report, study.volume, study.headers, CREATED_AT, Product("1.2.3"), kinds, language=language
    ):
        path = folder / f"{result.name}.dcm"
        path.write_bytes(result.to_bytes())
        paths.append(path)
    return paths


@pytest.mark.peers
def test_the_quick_validators_find_no_fault(any_study: Study, tmp_path: Path) -> None:
    report, *pictures = written(any_study, tmp_path)
    assert {reader.__name__: reader(report) for reader in READERS if reader(report)} == {}
    assert [validators.dciodvfy(picture) for picture in pictures] == [[]] * len(pictures)


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["three flagged", "not analysed"])
def test_pixelmed_knows_the_template(kind: str, tmp_path: Path) -> None:
    report, *_ = written(study_of(kind), tmp_path)
    assert validators.pixelmed(report) == []


@pytest.mark.peers
@pytest.mark.slow
def test_words_of_another_language_are_no_fault(tmp_path: Path) -> None:
    report, *others = written(study_of("flagged, partial"), tmp_path, GERMAN, frozenset(ResultKind))
    readers = (*READERS, validators.pixelmed)
    assert {reader.__name__: reader(report) for reader in readers if reader(report)} == {}
    assert {other.name: validators.dciodvfy(other) for other in others if validators.dciodvfy(other)} == {}
