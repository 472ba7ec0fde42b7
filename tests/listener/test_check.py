"""What `faintline check` finds, said in words that name what to mend."""

import re
import socket
from pathlib import Path

import pytest

from listener.check import run_checks
from listener.errors import SettingsError
from listener.serve import running
from listener.settings import Destination, Receiver, Report, Retention, Settings, Worker


def faults(settings: Settings) -> dict[str, str]:
    return {result.subject.split()[0]: result.fault for result in run_checks(settings) if result.fault}


def settings(folder: Path, **changes: object) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    values: dict[str, object] = {
        "folder": folder,
        "receiver": Receiver(port=port, callers="any", free_space_mb=0),
    }
    return Settings.model_validate(values | changes)


def test_a_sound_node_has_no_fault(tmp_path: Path) -> None:
    assert faults(settings(tmp_path / "var")) == {}


def retention(given: Settings) -> str:
    return next(result.remark for result in run_checks(given) if result.subject == "retention")


def test_what_will_be_removed_is_said_before_it_is(tmp_path: Path) -> None:
    pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)
    said = retention(settings(tmp_path / "var", destinations=(pacs,)))
    assert re.fullmatch(
        r"studies that are done are removed above 90 % of the disk \(now \d+ %\), the oldest first", said
    )
    month = Retention(days=30, disk_percent=0)
    said = retention(settings(tmp_path / "var", destinations=(pacs,), retention=month))
    assert said == "studies that are done are removed 30 days after their last image"
    assert retention(settings(tmp_path / "var")) == "nothing is removed"


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        receiver = Receiver(port=taken.getsockname()[1], callers="any")
        found = faults(settings(tmp_path, receiver=receiver))
    assert "running already" in found["port"]


def test_a_destination_that_does_not_answer_is_said(tmp_path: Path) -> None:
    down = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)
    assert "no connection" in faults(settings(tmp_path, destinations=(down,)))["destination"]


def test_a_bundle_that_is_not_what_its_card_says_is_said(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    assert "card" in faults(settings(tmp_path, worker=Worker(bundle=tmp_path)))["model"]


def test_a_shadow_bundle_that_is_none_is_said(tmp_path: Path) -> None:
    assert "card" in faults(settings(tmp_path, worker=Worker(shadow=tmp_path)))["shadow"]


def test_a_wording_that_is_wrong_is_said_with_file_and_entry(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[headline]\nnone = "Nichts {gefunden}"\n')
    assert faults(settings(tmp_path, report=Report(wording=own)))["wording"] == (
        f"report.wording: {own}: headline.none: {{gefunden}} is unknown"
    )
    own.write_text('[headline]\nnone = "Ничего"\n')
    assert (
        "report.font: the built-in font lacks"
        in faults(settings(tmp_path, report=Report(wording=own)))["wording"]
    )


def test_a_node_with_a_wrong_wording_does_not_start(tmp_path: Path) -> None:
    wrong = settings(tmp_path, report=Report(wording=tmp_path / "none.toml"))
    with (
        pytest.raises(SettingsError, match=r"report\.wording: .*none\.toml"),
        running(wrong, tmp_path / "unread"),
    ):
        pytest.fail("it started")


def test_nobody_may_send_is_a_fault_and_anybody_is_not(tmp_path: Path) -> None:
    assert "nobody may send" in faults(settings(tmp_path, receiver=Receiver(port=1, callers=[])))["callers"]


def test_too_little_space_is_said_with_the_setting(tmp_path: Path) -> None:
    receiver = Receiver(port=1, callers="any", free_space_mb=1 << 40)
    assert "free_space_mb" in faults(settings(tmp_path, receiver=receiver))["free"]
