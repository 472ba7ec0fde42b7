"""The command line: quick where it can be, plain where something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from listener.cli import app

HEAVY = ("torch", "SimpleITK", "highdicom", "scipy")


@pytest.mark.parametrize(
    "statement",
    [
        "from typer.testing import CliRunner; from listener.cli import app; CliRunner().invoke(app, [])",
        "import listener.receiver",
        "import listener.dispatcher",
    ],
)
def test_neither_help_nor_receiver_nor_dispatcher_load_the_heavy_libraries(statement: str) -> None:
    code = f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_receiver_starts_without_a_dicom_library() -> None:
    libraries = ("pydicom", "pynetdicom", "numpy", "alembic", "apscheduler")
    code = f"import sys, listener.receiver; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for command in ("serve", "check", "status", "retry", "screen", "demo"):
        assert command in shown


def test_an_error_of_ours_is_a_line_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "listener.cli", "status", "--settings", str(tmp_path / "none.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip().endswith("there is no such file") and "Traceback" not in done.stderr


def test_status_of_a_node_that_never_ran(tmp_path: Path) -> None:
    (tmp_path / "faintline.toml").write_text("")
    shown = CliRunner().invoke(app, ["status", "--settings", str(tmp_path / "faintline.toml")])
    assert shown.output.strip() == "no studies yet"
