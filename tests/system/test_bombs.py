"""Images that claim to be huge: only their own study suffers, and the next one is answered."""

from pathlib import Path

import pydicom
import pytest
from peers import dcmtk, rawscu
from peers.hospital import Hospital
from peers.node import ROLES
from peers.studies import Study, message_of, tiny_ct
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RLELossless

pytestmark = [pytest.mark.peers, pytest.mark.slow]

RLE_RUNS = bytes((129, 0)) * 30_000
"""Each two bytes become 128 (PS3.5 G.3.2)."""


def rle_bomb() -> bytes:
    """One segment of 65535 x 65535 pixels, which never come."""
    header = (2).to_bytes(4, "little") + (64).to_bytes(4, "little") + (64 + 30_000).to_bytes(4, "little")
    return header + bytes(64 - len(header)) + RLE_RUNS


BOMBS = {
    "RLE": (RLELossless, encapsulate([rle_bomb()])),
    "JPEG 2000 that is noise": (
        JPEG2000Lossless,
        encapsulate([b"\xff\x4f\xff\x51" + bytes(range(250)) * 20]),
    ),
}


def armed(study: Study, kind: str) -> Study:
    """The same study, its images announced as 65535 x 65535 in a compressed syntax."""
    syntax, pixels = BOMBS[kind]
    for path in study.paths:
        image = pydicom.dcmread(path)
        image.Rows = image.Columns = 65535
        image.file_meta.TransferSyntaxUID = syntax
        image.PixelData = pixels
        image["PixelData"].VR = "OB"
        image["PixelData"].is_undefined_length = True
        image.save_as(path)
    return study


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_ends_in_its_own_study(shared_hospital: Hospital, tmp_path: Path, kind: str) -> None:
    node = shared_hospital.node
    bomb = armed(tiny_ct(tmp_path / "bomb", f"bomb-{kind}", slices=40), kind)
    other = tiny_ct(tmp_path / "other", f"beside-{kind}")
    before = [process.pid for process in node.processes_of("receiver")]
    for path in bomb.paths:
        assert rawscu.store(node.address, message_of(path)) == 0
    assert dcmtk.dcmsend(node.address, other.folder).returncode == 0
    shared_hospital.wait_for_answer(other.uid)
    row = node.wait_for_state(bomb.uid, "done", "parked", timeout_s=200)
    assert row.reason
    assert "analysed" in row.reason or row.state == "parked"
    assert [process.pid for process in node.processes_of("receiver")] == before
    assert all(node.processes_of(role) for role in ROLES)
