"""What programs of others say of our objects."""

from pathlib import Path

import pytest
from peers import validators
from spine_cases import Study, study_of


def written(study: Study, folder: Path) -> list[Path]:
    """The study's objects as files."""
    paths = []
    for result in study.results():
        path = folder / f"{result.name}.dcm"
        path.write_bytes(result.to_bytes())
        paths.append(path)
    return paths


@pytest.mark.peers
def test_the_quick_validators_find_no_fault(any_study: Study, tmp_path: Path) -> None:
    report, *pictures = written(any_study, tmp_path)
    readers = (validators.dciodvfy, validators.dsrdump, validators.tid1500reader, validators.highdicom)
    assert {reader.__name__: reader(report) for reader in readers if reader(report)} == {}
    assert [validators.dciodvfy(picture) for picture in pictures] == [[]] * len(pictures)


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["three flagged", "flagged, partial", "not analysed"])
def test_pixelmed_knows_the_template(kind: str, tmp_path: Path) -> None:
    report, *_ = written(study_of(kind), tmp_path)
    assert validators.pixelmed(report) == []
