"""The audit trail: what a message says, and that its chain shows every change."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from listener.audit import ADMITTED, FILE_NAME, MINOR_FAILURE, SUCCESS, TRANSFERRED, Audit, AuditEvent, verify
from listener.errors import DamagedFile

EVENT = AuditEvent(TRANSFERRED, SUCCESS, "PACS", "192.0.2.7", "association released", ("1.2.3", "1.2.4"))


def lines(folder: Path) -> list[str]:
    return (folder / FILE_NAME).read_text().splitlines()


def test_a_message_says_what_happened_to_which_study_and_by_whom(tmp_path: Path) -> None:
    Audit(tmp_path).record(EVENT)
    (line,) = lines(tmp_path)
    message = ElementTree.fromstring(line.split(" ", 1)[1])
    event_id = message.find("EventIdentification/EventID")
    assert event_id is not None and event_id.get("csd-code") == "110104"
    who = message.find("ActiveParticipant")
    assert who is not None and who.get("UserID") == "PACS" and who.get("NetworkAccessPointID") == "192.0.2.7"
    studies = [one.get("ParticipantObjectID") for one in message.findall("ParticipantObjectIdentification")]
    assert studies == ["1.2.3", "1.2.4"]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_control_characters_and_markup_do_not_reach_the_file_raw(tmp_path: Path) -> None:
    Audit(tmp_path).record(AuditEvent(ADMITTED, MINOR_FAILURE, "PA\nCS<x>\x1b[2J", "::1", "rejected \u202e"))
    (line,) = lines(tmp_path)
    assert line.isascii() and line.isprintable() and "<x>" not in line
    assert verify(tmp_path) == 1


def spoil_change(text: str) -> str:
    return text.replace("PACS", "EVIL", 1)


def spoil_remove(text: str) -> str:
    first, _, *rest = text.splitlines(keepends=True)
    return "".join((first, *rest))


def spoil_swap(text: str) -> str:
    first, second, *rest = text.splitlines(keepends=True)
    return "".join((second, first, *rest))


def spoil_insert(text: str) -> str:
    first, *rest = text.splitlines(keepends=True)
    return "".join((first, first, *rest))


@pytest.mark.parametrize("spoil", [spoil_change, spoil_remove, spoil_swap, spoil_insert])
def test_every_change_breaks_the_chain(tmp_path: Path, spoil: object) -> None:
    audit = Audit(tmp_path)
    for _ in range(5):
        audit.record(EVENT)
    assert verify(tmp_path) == 5
    path = tmp_path / FILE_NAME
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(DamagedFile, match="breaks at line"):
        verify(tmp_path)


def test_threads_and_processes_share_one_chain(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from listener.audit import *\n"
        "for _ in range(20): Audit(Path(sys.argv[1])).record(AuditEvent(STARTED, SUCCESS, 'x', '', 'y'))"
    )
    others = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Audit(tmp_path).record(EVENT), range(40)))
    assert [other.wait() for other in others] == [0, 0]
    assert verify(tmp_path) == 80


def test_an_empty_trail_is_whole(tmp_path: Path) -> None:
    assert verify(tmp_path) == 0
