"""Dockerfile, compose.yaml, orthanc.json and try-out.toml: they agree with each other and with the node.

No image is built here. Orthanc's configuration and the health check are tried on real programs.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from deploy.generated import REPOSITORY
from peers.no_notes import NoNotes
from peers.orthanc import Orthanc
from peers.programs import free_port

from listener import scp
from listener.audit import Audit
from listener.calling import Caller
from listener.delivery import echo
from listener.settings import Destination, Receiver, Settings, Tls, load_settings
from listener.spool import Spool

DEPLOY = REPOSITORY / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


@pytest.fixture(scope="module")
def orthanc() -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((DEPLOY / "orthanc.json").read_text())
    return settings


@pytest.fixture(scope="module")
def try_out() -> Settings:
    return load_settings(DEPLOY / "try-out.toml")


@pytest.fixture
def receiver(try_out: Settings, tmp_path: Path) -> Iterator[Receiver]:
    """The try-out's receiver, on a free port."""
    settings = try_out.receiver.model_copy(update={"port": free_port()})
    server = scp.serve(settings, Tls(), Spool(tmp_path / "spool"), NoNotes(), Audit(tmp_path / "audit"))
    yield settings
    server.shutdown()


def environment() -> dict[str, str]:
    """The variables that the image sets."""
    return dict(re.findall(r'(FAINTLINE_\w+)="(.*?)"', (DEPLOY / "Dockerfile").read_text()))


def health_check() -> list[str]:
    found = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])", (DEPLOY / "Dockerfile").read_text(), re.DOTALL)
    assert found is not None
    command: list[str] = json.loads(found[1])
    return command


def test_both_sides_know_each_other(orthanc: dict[str, Any], try_out: Settings) -> None:
    peer = orthanc["DicomModalities"]["faintline"]
    assert (peer["AET"], peer["Port"]) == (try_out.receiver.ae_title, try_out.receiver.port)
    (destination,) = try_out.destinations
    assert (destination.ae_title, destination.port) == (orthanc["DicomAet"], orthanc["DicomPort"])
    assert try_out.receiver.callers != "any"
    assert orthanc["DicomAet"] in [caller.ae_title for caller in try_out.receiver.callers]


def test_hosts_are_the_services_and_ports_are_published_on_loopback(
    compose: dict[str, Any], orthanc: dict[str, Any], try_out: Settings
) -> None:
    assert try_out.destinations[0].host in compose
    assert orthanc["DicomModalities"]["faintline"]["Host"] in compose
    port, ports = try_out.receiver.port, (orthanc["DicomPort"], orthanc["HttpPort"])
    assert compose["faintline"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert compose["orthanc"]["ports"] == [f"127.0.0.1:{one}:{one}" for one in ports]


def test_what_is_mounted_exists_and_lies_where_it_is_read(compose: dict[str, Any]) -> None:
    binds = [bind.split(":") for service in compose.values() for bind in service["volumes"] if bind[0] == "."]
    assert all((DEPLOY / source).is_file() and mode == "ro" for source, _target, mode in binds)
    assert environment()["FAINTLINE_SETTINGS"] in [target for _source, target, _mode in binds]
    assert f"faintline:{environment()['FAINTLINE_FOLDER']}" in compose["faintline"]["volumes"]
    assert (DEPLOY / compose["faintline"]["build"]["context"]).resolve() == REPOSITORY
    assert (REPOSITORY / compose["faintline"]["build"]["dockerfile"]).is_file()


def test_the_variables_of_the_image_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    settings = load_settings(DEPLOY / "try-out.toml")
    assert settings.folder == Path(environment()["FAINTLINE_FOLDER"])
    assert settings.receiver.host == "0.0.0.0"


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (?!--)(.*)", text, re.M) for name in line.split()[:-1]]
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((REPOSITORY / name).exists() and f"!{name}" in allowed for name in copied)
    assert {"listener", "inference", "training", "pyproject.toml", "requirements.lock"} <= set(copied)


def test_the_image_runs_as_a_user_without_a_name_for_root() -> None:
    assert re.findall(r"^USER (.*)", (DEPLOY / "Dockerfile").read_text(), re.M) == ["10001"]


def test_the_health_check_passes_while_the_receiver_lives_and_fails_when_it_is_gone(
    receiver: Receiver,
) -> None:
    command = [str(receiver.port) if word == "11112" else word for word in health_check()]
    command[0] = sys.executable
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    command[command.index(str(receiver.port))] = str(free_port())
    assert subprocess.run(command, check=False, timeout=60, capture_output=True).returncode != 0


@pytest.mark.peers
def test_orthanc_with_these_settings_and_the_receiver_verify_each_other(
    orthanc: dict[str, Any], receiver: Receiver, tmp_path: Path
) -> None:
    pacs = TryOutPacs(tmp_path / "pacs", receiver.port, orthanc["DicomAet"], settings=orthanc)
    pacs.start()
    try:
        assert pacs.post("/modalities/faintline/echo", {}) == {}
        back = Destination(name="orthanc", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port)
        assert echo(Caller(receiver.ae_title, 10, Tls()), back) is None
    finally:
        pacs.stop()


class TryOutPacs(Orthanc):
    """Orthanc with the try-out's settings; only what belongs to a container is changed."""

    def __init__(self, folder: Path, node_port: int, ae_title: str, settings: dict[str, Any]) -> None:
        super().__init__(folder, node_port, ae_title)
        peer = {**settings["DicomModalities"]["faintline"], "Host": "127.0.0.1", "Port": node_port}
        self._try_out = settings | {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "Plugins": [],
            "RemoteAccessAllowed": False,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "DicomModalities": {"faintline": peer},
        }

    def _settings(self) -> dict[str, Any]:
        return self._try_out


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([program, str(DEPLOY / "Dockerfile")], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
