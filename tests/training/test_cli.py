"""``faintline-train`` answers quickly, and says in plain words what is wrong and where."""

import subprocess
import sys
from pathlib import Path

import pytest
from annotated_spines import write_pair
from training_program import said
from typer.testing import CliRunner

from inference.errors import InferenceError
from training.casesets import CaseSet
from training.cli import app
from training.errors import TrainingError

COMMANDS = (
    "import", "check", "phantom", "draw", "fit", "evaluate", "measure", "compare", "export", "promote",
    "shadow", "ablation", "table",
)  # fmt: skip


def test_every_command_is_listed_and_help_loads_no_torch() -> None:
    code = (
        "import sys\nfrom training.cli import app\nfrom typer.testing import CliRunner\n"
        "shown = CliRunner().invoke(app, ['--help']).output\n"
        f"assert all(name in shown for name in {COMMANDS}), shown\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_network_is_refused_by_name(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fit", "oracle", "--run", str(tmp_path)])
    assert done.exit_code == 2
    assert "localiser" in done.output


def test_a_faulty_data_set_lists_every_problem_and_leaves_nothing_behind(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "sets" / "new"
    write_pair(data, "sub-verse001_ct.nii.gz", "sub-verse001_seg-vert_msk.nii.gz")
    write_pair(data, "sub-verse002_ct.nii.gz", None)
    (data / "sub-verse003_ct.nii.gz").write_bytes(b"no NIfTI")
    (data / "sub-verse003_seg-vert_msk.nii.gz").write_bytes(b"no NIfTI")
    (data / "grades.csv").write_text(
        "patient_id,scan_id,vertebra,genant_grade\n1,sub-verse001,L1,8\n1,sub-verse001,T4,1\n"
    )
    status, text = said("import", "verse", data, "--grades", data / "grades.csv", "--to", target)
    assert status == 1
    assert "grades.csv:2" in text
    assert "grades.csv:3: sub-verse001: T4 is graded but not in the mask" in text
    assert "sub-verse002_ct.nii.gz: a CT without its mask" in text
    assert "sub-verse003_ct.nii.gz: cannot be read as NIfTI" in text
    assert "nothing was imported" in text
    assert "Traceback" not in text
    assert not list(target.parent.glob("*"))


def test_sound_studies_of_a_faulty_set_are_imported_when_that_is_asked_for(tmp_path: Path) -> None:
    write_pair(tmp_path / "data", "sub-verse001_ct.nii.gz", "sub-verse001_seg-vert_msk.nii.gz")
    write_pair(tmp_path / "data", "sub-verse002_ct.nii.gz", None)
    words = ["import", "verse", str(tmp_path / "data"), "--to", str(tmp_path / "set"), "--leave-out-faulty"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "left out" in done.output
    assert (tmp_path / "set" / "set.json").is_file()


def test_a_dry_run_writes_nothing(annotated: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["import", "verse", str(annotated), "--to", str(tmp_path / "set"), "--dry-run"]
    )
    assert done.exit_code == 0, done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("import", "nifty", ".", "--to", "x"), "there is no layout 'nifty'"),
        (("import", "verse", "nowhere", "--to", "x"), "nowhere does not exist"),
        (("check", "."), "no case set"),
        (("evaluate", "--run", "{tmp}/run"), "no checkpoint"),
        (("fit", "grader", "--run", "{tmp}/run"), "nothing to train on"),
        (("fit", "grader", "--run", "{tmp}/run", "--recipe", "no.toml"), "no such recipe"),
        (("export", "--run", "{tmp}/run", "--to", "{tmp}/b", "--version", "1"), "has not been evaluated"),
        (("promote", "{tmp}/shelf"), "name the bundle"),
        (("compare", "{tmp}", "--data", "{tmp}"), "no case set"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    done = CliRunner().invoke(app, [word.format(tmp=tmp_path) for word in words])
    assert isinstance(done.exception, TrainingError | InferenceError), done.exception
    assert expected in str(done.exception)


def test_a_checked_set_shows_its_grades_by_split(case_set: CaseSet) -> None:
    done = CliRunner().invoke(app, ["check", str(case_set.folder)])
    assert done.exit_code == 0
    assert case_set.fingerprint[:16] in done.output
