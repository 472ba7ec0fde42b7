"""Malformed, truncated, misaddressed and empty: each is refused clearly, and the node goes on."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from peers import dcmtk, rawscu
from peers.dcmtk import Address
from peers.hospital import Hospital
from peers.node import ROLES, Node
from peers.rawscu import Message
from peers.studies import SENTINEL_ID, SENTINEL_NAME, message_of, tiny_ct

pytestmark = [pytest.mark.peers, pytest.mark.slow]

CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xA900


@pytest.fixture
def node(shared_hospital: Hospital) -> Iterator[Node]:
    """The shared node, which must answer C-ECHO afterwards and must not have lost a process."""
    node = shared_hospital.node
    before = {role: [process.pid for process in node.processes_of(role)] for role in ROLES}
    yield node
    echo = dcmtk.echoscu(node.address)
    assert echo.returncode == 0, echo.stdout + echo.stderr + node.log_text()[-3000:]
    after = {role: [process.pid for process in node.processes_of(role)] for role in ROLES}
    assert after == before, node.log_text()[-3000:]


@pytest.fixture
def message(tmp_path: Path, request: pytest.FixtureRequest) -> Message:
    """A good C-STORE of a study of the test's own, to be spoilt."""
    return message_of(tiny_ct(tmp_path / "good", request.node.name, slices=1).paths[0])


def refusal_class(status: int | None) -> int | None:
    """A status without its free last digits: 0xC000 and 0xA900 leave them to the implementation."""
    if status is None:
        return None
    return status & 0xF000 if status & 0xF000 == 0xC000 else status & 0xFF00


def spool_holds(node: Node, message: Message) -> bool:
    """Whether any file of the spool bears the instance's UID."""
    return bool(list(node.spool.rglob(f"*{message.sop_instance_uid}*")))


def test_a_good_message_is_accepted(node: Node, message: Message) -> None:
    assert rawscu.store(node.address, message) == 0
    assert spool_holds(node, message)


@pytest.mark.parametrize(
    ("called", "calling"),
    [
        pytest.param("NOT_ME", "PACS", id="wrong called AE title"),
        pytest.param("FAINTLINE", "STRANGER", id="unknown caller"),
        pytest.param("FAINTLINE", "pacs", id="a known title in another case"),
    ],
)
def test_an_association_under_a_wrong_name_is_rejected(node: Node, called: str, calling: str) -> None:
    assert not rawscu.is_accepted(Address(node.port, called, calling))


def test_dcmtk_is_told_that_it_was_rejected(node: Node) -> None:
    done = dcmtk.echoscu(Address(node.port, called="NOT_ME"))
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stdout + done.stderr
    done = dcmtk.echoscu(Address(node.port, calling="STRANGER"))
    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stdout + done.stderr


def test_an_association_without_a_message_opens_no_study(node: Node) -> None:
    known = len(node.status_json())
    assert rawscu.is_accepted(node.address)
    assert len(node.status_json()) == known


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="connect and close"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), id="TLS"),
        pytest.param(b"\x01\x00\x00\x00\x00\x10", id="half an association request"),
        pytest.param(b"\x09\x00\x00\x00\x00\x04abcd", id="unknown PDU type"),
        pytest.param(bytes(range(256)) * 40, id="noise"),
    ],
)
def test_what_is_not_dicom_is_dropped(node: Node, content: bytes) -> None:
    for _ in range(5):
        rawscu.write_bytes(node.port, content)


@pytest.mark.parametrize("cut", [1, 100, 4000])
def test_a_truncated_data_set_is_refused(node: Node, message: Message, cut: int) -> None:
    truncated = replace(message, data_set=message.data_set[:-cut])
    assert refusal_class(rawscu.store(node.address, truncated)) == CANNOT_UNDERSTAND
    assert not spool_holds(node, message)


@pytest.mark.parametrize(
    "data_set",
    [
        pytest.param(b"this is not a data set, but it is long enough to look like one" * 20, id="text"),
        pytest.param(b"\x08\x00\x18\x00UI\xff\xff1.2", id="a length beyond the end"),
        pytest.param(
            b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 2000,
            id="deep nesting",
        ),
        pytest.param(b"\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\x00", id="a file meta element"),
    ],
)
def test_a_malformed_data_set_is_refused(node: Node, message: Message, data_set: bytes) -> None:
    status = rawscu.store(node.address, replace(message, data_set=data_set))
    assert status is None or refusal_class(status) in {CANNOT_UNDERSTAND, DOES_NOT_MATCH}
    assert not spool_holds(node, message)


def test_a_command_that_names_another_instance_than_its_data_set_is_refused(
    node: Node, message: Message
) -> None:
    other = replace(message, sop_instance_uid="1.2.3.4.5")
    assert refusal_class(rawscu.store(node.address, other)) == DOES_NOT_MATCH
    assert not spool_holds(node, other)


@pytest.mark.parametrize("uid", ["../../../etc/passwd", "1.2;touch x", "1.02.3", "1.2\n3"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")
def test_a_uid_that_is_none_is_refused(node: Node, message: Message, uid: str) -> None:
    assert rawscu.store(node.address, replace(message, sop_instance_uid=uid)) != 0
    assert not spool_holds(node, message)


def test_a_header_of_many_megabytes_is_stored_and_its_study_answered(
    shared_hospital: Hospital, node: Node, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "huge", "huge-header", slices=2)
    private = (
        b"\x09\x00\x10\x00LO\x08\x00FAINTEST"
        + b"\x09\x00\x01\x10OB\x00\x00"
        + (32 << 20).to_bytes(4, "little")
    )
    for path in study.paths:
        whole = message_of(path)
        cut = whole.data_set.index(b"\x10\x00\x10\x00PN")  # before (0010,0010): elements are in order
        bloated = whole.data_set[:cut] + private + bytes(32 << 20) + whole.data_set[cut:]
        assert rawscu.store(node.address, replace(whole, data_set=bloated)) == 0
    shared_hospital.wait_for_answer(study.uid)


def test_another_instance_under_a_known_uid_is_kept_beside_the_first(node: Node, message: Message) -> None:
    other = replace(message, data_set=message.data_set[:-2] + b"\x01\x02")
    assert rawscu.store(node.address, message) == 0
    assert rawscu.store(node.address, other) == 0xB000
    kept = {path.read_bytes()[-2:] for path in node.spool.rglob(f"*{message.sop_instance_uid}*")}
    assert kept == {message.data_set[-2:], b"\x01\x02"}


def test_the_study_of_a_refused_instance_is_answered_from_the_good_ones(
    shared_hospital: Hospital, node: Node, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "partly-refused", slices=5)
    for path in study.paths[:4]:
        assert rawscu.store(node.address, message_of(path)) == 0
    last = message_of(study.paths[4])
    assert rawscu.store(node.address, replace(last, data_set=last.data_set[:-50])) != 0
    shared_hospital.wait_for_answer(study.uid)
    row = node.wait_for_state(study.uid, "done")
    assert row.instances == 4


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")
def test_values_of_the_header_that_break_their_rules_do_not_reach_the_log(
    shared_hospital: Hospital, node: Node, tmp_path: Path
) -> None:
    study = tiny_ct(tmp_path / "study", "rule-breakers", slices=2)
    for path in study.paths:
        image = pydicom.dcmread(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.PatientBirthDate = f"{SENTINEL_ID}-DA"
            image.PatientAge = f"{SENTINEL_ID}-AS"
            image.PatientSex = f"{SENTINEL_ID}-CS"
            image.StudyTime = f"{SENTINEL_ID}-TM"
            image.AccessionNumber = f"{SENTINEL_ID}-SH-{'x' * 20}"
            image.PatientID = f"{SENTINEL_ID}-LO-{'x' * 80}"
            image.PatientName = "=".join([SENTINEL_NAME] * 5)
            image.save_as(path)
        assert rawscu.store(node.address, message_of(path)) == 0
    name_for_a_uid = replace(message_of(study.paths[0]), sop_instance_uid=SENTINEL_NAME)
    assert rawscu.store(node.address, name_for_a_uid) != 0
    shared_hospital.wait_for_answer(study.uid)
    assert SENTINEL_ID not in node.log_text()
    assert SENTINEL_NAME.split("^")[0] not in node.log_text()


def test_no_name_or_id_of_a_patient_ever_reached_the_log(node: Node) -> None:
    said = node.log_text()
    assert "instance refused" in said, "the log says nothing of the refusals above"
    assert SENTINEL_ID not in said
    assert SENTINEL_NAME not in said
    assert SENTINEL_NAME.split("^")[0] not in said
