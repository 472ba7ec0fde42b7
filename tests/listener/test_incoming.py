"""Files under way: bytes as they came, whatever their number and whatever the file system can do."""

import os
from itertools import product
from pathlib import Path

import pytest
from door import fill

from listener.durable_file import names_follow_files
from listener.incoming import BLOCK_BYTES, BUFFER_BYTES, Buffers, Ground, Incoming, survey

HEAD = b"head"
ENDS = (6, BLOCK_BYTES, BLOCK_BYTES + 4, BUFFER_BYTES, BUFFER_BYTES + 4, 2 * BUFFER_BYTES + 6)


def grounds(folder: Path) -> list[Ground]:
    """Every kind of file system of which this one can play the part."""
    found = survey(folder)
    kinds = product({found.past_cache, False}, {found.nameless, False})
    return [Ground(str(folder), past_cache, nameless, False) for past_cache, nameless in kinds]


def receive(incoming: Incoming, content: bytes) -> None:
    """As the reception does it."""
    while content:
        room = len(incoming.room())
        fill(incoming, memoryview(content[:room]))
        content = content[room:]
        if incoming.is_full():
            incoming.write_out()
    incoming.complete()


@pytest.mark.parametrize("end", ENDS)
def test_a_file_holds_what_came_and_nothing_else(tmp_path: Path, end: int) -> None:
    incoming_folder, buffers = tmp_path / "incoming", Buffers()
    incoming_folder.mkdir()
    for number, ground in enumerate(grounds(incoming_folder)):
        content = os.urandom(end - len(HEAD))
        with Incoming(ground, buffers, HEAD) as incoming:
            receive(incoming, content)
            incoming.link(str(tmp_path / f"{number}"))
        assert (tmp_path / f"{number}").read_bytes() == HEAD + content
        assert list(incoming_folder.iterdir()) == []


def test_what_is_not_linked_leaves_nothing_behind(tmp_path: Path) -> None:
    for ground in grounds(tmp_path):
        with Incoming(ground, Buffers(), HEAD) as incoming:
            receive(incoming, b"content")
        assert list(tmp_path.iterdir()) == []


def test_of_an_earlier_instance_nothing_gets_into_a_later_file(tmp_path: Path) -> None:
    buffers, ground = Buffers(), survey(tmp_path)
    with Incoming(ground, buffers, HEAD) as first:
        receive(first, b"SENTINEL" * 1000)
    with Incoming(ground, buffers, HEAD) as second:
        receive(second, b"short")
        second.link(str(tmp_path / "short"))
    assert (tmp_path / "short").read_bytes() == HEAD + b"short"


def test_a_name_that_is_taken_stays_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"first")
    with Incoming(survey(tmp_path), Buffers(), HEAD) as incoming:
        receive(incoming, b"second")
        with pytest.raises(FileExistsError):
            incoming.link(str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_bytes() == b"first"


def test_buffers_are_used_again() -> None:
    buffers = Buffers()
    held = [buffers.take() for _ in range(4)]
    assert all(len(each) == BUFFER_BYTES for each in held)
    for each in held:
        buffers.give_back(each)
    assert {id(buffers.take().obj) for _ in range(4)} == {id(each.obj) for each in held}


def test_a_file_system_without_blocks_of_its_own_has_names_that_do_not_follow_files() -> None:
    assert not names_follow_files(Path("/proc"))
