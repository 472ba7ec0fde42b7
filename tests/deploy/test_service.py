"""deploy/faintline.service: systemd accepts it, and it agrees with the example and the guide."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.generated import REPOSITORY
from peers.programs import find_program

from listener.pulse import LOOK_SECONDS

UNIT = REPOSITORY / "deploy" / "faintline.service"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = find_program("systemd-analyze")
    installed = tmp_path / UNIT.name
    here = str(Path(sys.executable).with_name("faintline"))
    installed.write_text(UNIT.read_text().replace("/opt/faintline/bin/faintline", here))
    done = subprocess.run([program, "verify", str(installed)], check=False, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_systemd_finds_little_exposure() -> None:
    program = find_program("systemd-analyze")
    command = [program, "security", "--offline=true", "--threshold=25", str(UNIT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert done.returncode == 0, done.stdout[-500:]


@pytest.mark.parametrize("path", ["/opt/faintline", "/etc/faintline/faintline.toml", "/var/lib/faintline"])
def test_the_guide_and_the_unit_name_the_same_places(path: str) -> None:
    assert path in UNIT.read_text()
    assert path in (REPOSITORY / "deploy" / "operations.md").read_text()


def test_the_watchdog_is_patient_with_what_is_said_each_second() -> None:
    found = re.search(r"^WatchdogSec=(\d+)$", UNIT.read_text(), re.M)
    assert found is not None and int(found[1]) > 10 * LOOK_SECONDS
    assert re.search(r"^Type=notify$", UNIT.read_text(), re.M)


def test_the_folder_that_the_unit_may_write_is_the_one_it_names() -> None:
    assert re.search(r"^StateDirectory=faintline$", UNIT.read_text(), re.M)
    assert 'folder = "/var/lib/faintline"' in UNIT.read_text()
