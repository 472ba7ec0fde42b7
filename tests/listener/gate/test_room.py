"""Who is let in, and who must go."""

import socket
import time

from listener.gate.line import Line
from listener.gate.room import Guest, Room


def guest(host: str = "192.0.2.1", idle_seconds: float = 0) -> tuple[Guest, socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))
    there = socket.create_connection(listening.getsockname())
    here, _ = listening.accept()
    listening.close()
    return Guest(host, Line(here), time.monotonic() - idle_seconds), there


def is_open(there: socket.socket) -> bool:
    there.settimeout(0.2)
    try:
        return there.recv(1) != b""
    except TimeoutError:
        return True


def test_the_oldest_of_those_who_say_nothing_goes_when_one_more_comes() -> None:
    room = Room(2, 2)
    guests = [guest() for _ in range(65)]
    for one, _ in guests:
        room.enter(one)
    assert not is_open(guests[0][1]) and is_open(guests[1][1]) and is_open(guests[-1][1])


def test_associations_are_limited_in_all_and_by_host() -> None:
    room = Room(3, 2)
    assert room.associate(guest("192.0.2.1")[0]) and room.associate(guest("192.0.2.1")[0])
    assert not room.associate(guest("192.0.2.1")[0])
    assert room.associate(guest("192.0.2.2")[0])
    assert not room.associate(guest("192.0.2.3")[0])


def test_an_association_that_makes_no_progress_makes_room() -> None:
    room = Room(2, 2)
    working, _ = guest()
    assert room.associate(working)
    idle, there = guest()
    assert room.associate(idle)
    idle.progress -= 60
    assert room.associate(guest()[0])
    assert not is_open(there)


def test_who_leaves_makes_room() -> None:
    room = Room(1, 1)
    first, _ = guest()
    assert room.associate(first)
    room.leave(first)
    assert room.is_empty()
    assert room.associate(guest()[0])
