"""A process that dies, or an operation that fails, at the n-th operation of what it does; in a child by fork.

Operations are system calls made through `os`, statements and commits of the registry, and what a test adds.
"""

import builtins
import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

OPERATIONS = ("open", "write", "fsync", "fdatasync", "link", "unlink", "rename", "replace", "mkdir", "fdopen")
LAST_POINT = 400

Strike = Callable[[str], None]


def die(_name: str) -> None:
    """The end of the process, as kill -9 makes it."""
    os._exit(9)


def fail_with(number: int) -> Strike:
    """An operation that fails: of the database as SQLite says it, of the system by its number."""

    def fail(name: str) -> None:
        if name.startswith("sql"):
            raise sa.exc.OperationalError("database or disk is full", None, Exception(os.strerror(number)))
        raise OSError(number, os.strerror(number))

    return fail


class Counter:
    """Counts operations, and strikes at one of them, once."""

    def __init__(self, at: int, strike: Strike) -> None:
        self.count = 0
        self._at = at
        self._strike = strike

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self._at:
            self._strike(name)

    def watch_system(self) -> None:
        """Count what goes through `os` from now on."""
        for name in OPERATIONS:
            setattr(os, name, self.counted(name, getattr(os, name)))
        io.open = builtins.open = self.counted("open a file", open)

    def watch_database(self) -> None:
        """Count statements and commits."""
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: self("sql statement"))
        sa.event.listen(sa.Engine, "commit", lambda *_: self("sql commit"))

    def watch_network(self) -> None:
        """Count what is sent and received."""
        for name in ("send", "recv"):
            setattr(socket.socket, name, self.counted(name, getattr(socket.socket, name)))

    def counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """The same operation, counted."""

        def call(*arguments: Any, **options: Any) -> Any:
            self(name)
            return original(*arguments, **options)

        return call


def in_a_child(at: int, strike: Strike, work: Callable[[Counter], None]) -> bool:
    """Do the work in a process of its own; whether the n-th operation was reached."""
    (seen, told), write = os.pipe(), os.write
    child = os.fork()
    if child == 0:
        try:
            counter = Counter(at, strike)
            work(counter)
            write(told, str(counter.count).encode())
        except BaseException as error:
            print(f"the child failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(8)
        finally:
            os._exit(0)
    os.close(told)
    with os.fdopen(seen) as said:
        count = said.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9), "an error that nobody caught"
    return not count or int(count) >= at


def every_point(folder: Path, step: int = 1) -> Iterator[tuple[int, Path]]:
    """1, 2, ... with a folder for each; a test ends it when an operation was not reached.

    Only `make torture` takes every point where a test asks for a longer `step`.
    """
    for at in range(1, LAST_POINT, 1 if os.environ.get("EVERY_PROOF") else step):
        here = folder / str(at)
        here.mkdir()
        yield at, here
    raise AssertionError("the operations never end")
