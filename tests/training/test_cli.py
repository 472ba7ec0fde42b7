"""``faintline-train`` answers quickly and refuses what it does not know."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from training.cli import app


def test_every_command_is_listed_and_help_loads_no_torch() -> None:
    code = (
        "import sys\nfrom training.cli import app\nfrom typer.testing import CliRunner\n"
        "shown = CliRunner().invoke(app, ['--help']).output\n"
        "assert all(name in shown for name in ('draw', 'fit', 'evaluate', 'export', 'phantom')), shown\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_network_is_refused_by_name(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fit", "oracle", "--run", str(tmp_path)])
    assert done.exit_code == 2
    assert "localiser" in done.output
