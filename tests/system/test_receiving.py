"""Ordinary days at the door: many senders, slow senders, compressed images; bytes are kept as they came."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from peers import dcmtk, rawscu
from peers.hospital import Hospital
from peers.studies import message_of, study_in, tiny_ct

pytestmark = [pytest.mark.peers, pytest.mark.slow]


def test_what_was_received_lies_in_the_spool_byte_by_byte(shared_hospital: Hospital, tmp_path: Path) -> None:
    node = shared_hospital.node
    sent = message_of(tiny_ct(tmp_path / "study", "bytes", slices=1).paths[0])
    assert rawscu.store(node.address, sent) == 0
    (stored,) = node.spool.rglob(f"{sent.sop_instance_uid}*")
    assert message_of(stored) == sent


@pytest.mark.real_data
def test_a_compressed_image_is_kept_compressed(shared_hospital: Hospital, real_data: Path) -> None:
    node, folder = shared_hospital.node, real_data / "edge" / "compressed_ct"
    names = ("JLSL__CT1_JLSL", "J2KR__CT1_J2KR", "JPLL__CT1_JPLL", "RLE__CT1_RLE")
    for message in (message_of(folder / name) for name in names):
        assert rawscu.store(node.address, message) in {0, 0xB000}
        kept = [message_of(path) for path in node.spool.rglob(f"{message.sop_instance_uid}*")]
        assert message in kept


def test_a_study_is_not_closed_while_its_sender_holds_the_association(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node = shared_hospital.node
    slow, quick = (
        tiny_ct(tmp_path / "slow", "slow-sender", slices=6),
        tiny_ct(tmp_path / "quick", "quick-sender"),
    )
    messages = [message_of(path) for path in slow.paths]
    with rawscu.association(node.address, messages[0].sop_class_uid, messages[0].transfer_syntax_uid) as line:
        assert [rawscu.store_over(line, message) for message in messages[:3]] == [0, 0, 0]
        assert dcmtk.dcmsend(node.address, quick.folder).returncode == 0
        node.wait_for_state(quick.uid, "done")  # well after the quiet time of the slow one
        assert node.is_in(slow.uid, "receiving")
        assert [rawscu.store_over(line, message) for message in messages[3:]] == [0, 0, 0]
        line.release()
    row = node.wait_for_state(slow.uid, "done")
    assert (row.instances, row.attempts, len(row.deliveries)) == (6, 1, 2)


def test_many_senders_at_once_lose_nothing(shared_hospital: Hospital, tmp_path: Path) -> None:
    node = shared_hospital.node
    shared = tiny_ct(tmp_path / "shared", "many-senders", slices=60)
    for index, path in enumerate(shared.paths):
        part = tmp_path / "shared" / f"part{index % 3}"
        part.mkdir(exist_ok=True)
        path.rename(part / path.name)
    parts = [tmp_path / "shared" / f"part{index}" for index in range(3)]
    others = [tiny_ct(tmp_path / f"other{index}", f"sender-{index}").folder for index in range(3)]
    with ThreadPoolExecutor(6) as senders:
        done = list(senders.map(lambda folder: dcmtk.dcmsend(node.address, folder), [*parts, *others]))
    assert [one.returncode for one in done] == [0] * 6
    for folder in (tmp_path / "shared", *others):
        study = study_in(folder)
        row = node.wait_for_state(study.uid, "done")
        assert row.instances == len(study.paths)
        shared_hospital.wait_for_answer(study.uid)
