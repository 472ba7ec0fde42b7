"""A small annotated data set in VerSe's layout, and the case set that comes of it."""

import json
from pathlib import Path

import pytest
from annotated_spines import LABELS, write_pair
from typer.testing import CliRunner

from training.casesets import CaseSet, read_set
from training.cli import app

SPLITS = {"train": (11, 12, 13), "val": (21, 22), "test": (31, 32)}
LOST_MM = {0: 0, 1: 6, 2: 9, 3: 14}


def write_verse(folder: Path) -> Path:
    """Seven patients with one squeezed L2 each; returns the list of their grades."""
    listed: dict[str, dict[str, int]] = {}
    grade = 0
    for split, subjects in SPLITS.items():
        listed[split] = {}
        for subject in subjects:
            grade = grade % 3 + 1
            name = f"sub-verse{subject:03d}"
            write_pair(folder, f"{name}_ct.nii.gz", f"{name}_seg-vert_msk.nii.gz", 21, LOST_MM[grade])
            listed[split] |= {f"{name}_{label}": grade if label == 21 else 0 for label in LABELS}
    path = folder / "vertebra_data.json"
    path.write_text(json.dumps(listed))
    return path


@pytest.fixture(scope="session")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set's folder; read only."""
    folder = tmp_path_factory.mktemp("verse")
    write_verse(folder)
    return folder


@pytest.fixture(scope="session")
def case_set(annotated: Path, tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    """The data set, imported with virtual fractures; read only."""
    target = tmp_path_factory.mktemp("sets") / "verse"
    done = CliRunner().invoke(app, ["import", "verse", str(annotated), "--to", str(target), "--virtual", "2"])
    assert done.exit_code == 0, done.output
    return read_set(target)
