"""Bytes of one instance in, where the socket puts them; a whole file of them, without a name yet, out.

The bytes go from the socket into a buffer of whole blocks and from the buffer to the disk: past the page
cache (O_DIRECT), which would copy them once more and has nobody to keep them for. The file has no name until
it gets the one it stays under (O_TMPFILE), so whatever ends this process leaves nothing behind. Where a file
system knows the one or the other not, the file is written through the cache, or has a name in `folder`.
"""

import contextlib
import mmap
import os
import uuid
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

from listener.durable_file import names_follow_files, write_all

BLOCK_BYTES = 4096
"""What O_DIRECT is aligned to: no disk in use has larger logical blocks."""
BUFFER_BYTES = 1 << 20
"""A slice of 512 x 512 fits in, and is written at once."""

_HUGE_PAGE_BYTES = 1 << 21


class Buffers:
    """Buffers for as many instances as are under way at a time, used again and again; for any thread."""

    def __init__(self) -> None:
        self._idle: deque[memoryview] = deque()

    def take(self) -> memoryview:
        """One that begins at a page and holds whole blocks."""
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        page = memoryview(_huge_page())
        for start in range(BUFFER_BYTES, len(page), BUFFER_BYTES):
            self._idle.append(page[start : start + BUFFER_BYTES])
        return page[:BUFFER_BYTES]

    def give_back(self, buffer: memoryview) -> None:
        """It is not used any more."""
        self._idle.append(buffer)


def _huge_page() -> mmap.mmap:
    """Memory in one piece, where the kernel has it: the disk takes it in one piece then."""
    memory = mmap.mmap(-1, _HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder for files under way, and what its file system can do.

    Attributes
    ----------
    past_cache : it knows O_DIRECT
    nameless : it knows O_TMPFILE
    names_follow_files : who syncs a new file has synced its name
    """

    folder: str
    past_cache: bool
    nameless: bool
    names_follow_files: bool

    def new_file(self) -> tuple[int, str]:
        """Open a new file; its descriptor, and a path that leads to it as long as it is open."""
        flags = os.O_WRONLY | (os.O_DIRECT if self.past_cache else 0)
        if self.nameless:
            descriptor = os.open(self.folder, flags | os.O_TMPFILE, 0o600)
            return descriptor, f"/proc/self/fd/{descriptor}"
        path = f"{self.folder}/{uuid.uuid4().hex}"
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600), path


def survey(folder: Path) -> Ground:
    """Try what the file system of ``folder`` can do."""
    follow = names_follow_files(folder)
    plain = Ground(str(folder.resolve()), past_cache=False, nameless=False, names_follow_files=follow)
    for past_cache, nameless in ((True, True), (True, False), (False, True)):
        ground = replace(plain, past_cache=past_cache, nameless=nameless)
        with contextlib.suppress(OSError):  # of a full disk too: what it could do is not seen then
            if _is_what_it_seems(ground):
                return ground
    return plain


def _is_what_it_seems(ground: Ground) -> bool:
    descriptor, path = ground.new_file()
    try:
        return os.write(descriptor, memoryview(_huge_page())[:BLOCK_BYTES]) == BLOCK_BYTES
    finally:
        os.close(descriptor)
        if not ground.nameless:
            Path(path).unlink()


class Incoming:
    """A file under way. Used as a context manager; leaving it forgets a file that was not linked.

    Every method may raise OSError where the disk is full or fails.
    """

    def __init__(self, ground: Ground, buffers: Buffers, head: bytes) -> None:
        self._ground = ground
        self._buffers = buffers
        self._buffer = buffers.take()
        self._buffer[: len(head)] = head
        self._begin = self._end = len(head)  # what is in the buffer of the data set
        self._written = 0
        try:
            self.descriptor, self.path = ground.new_file()
        except OSError:
            buffers.give_back(self._buffer)
            raise

    def __enter__(self) -> "Incoming":
        return self

    def __exit__(self, *_: object) -> None:
        self._buffers.give_back(self._buffer)
        os.close(self.descriptor)
        if not self._ground.nameless:
            with contextlib.suppress(FileNotFoundError):
                Path(self.path).unlink()

    def room(self) -> memoryview:
        """Where the next bytes of the data set go; empty when it is time to `write_out`."""
        return self._buffer[self._end :]

    def filled(self, size: int) -> None:
        """So many bytes were put there."""
        self._end += size

    def is_full(self) -> bool:
        """Whether there is no room left."""
        return self._end == len(self._buffer)

    def unwritten(self) -> memoryview:
        """What came of the data set since the last `write_out`."""
        return self._buffer[self._begin : self._end]

    def write_out(self) -> None:
        """Write a full buffer, and begin it again."""
        write_all(self.descriptor, self._buffer)
        self._written += len(self._buffer)
        self._begin = self._end = 0

    def complete(self) -> None:
        """Write the rest: whole blocks, of which the file keeps what it is long."""
        end = self._end
        if self._ground.past_cache:
            end += -end % BLOCK_BYTES
            self._buffer[self._end : end] = bytes(end - self._end)
        write_all(self.descriptor, self._buffer[:end])
        if end > self._end:
            os.ftruncate(self.descriptor, self._written + self._end)

    def link(self, name: str) -> None:
        """Give the file a name; raises FileExistsError, or FileNotFoundError where there is no folder."""
        # With a folder's descriptor, which an absolute path needs not, Python follows the link of /proc.
        os.link(self.path, name, src_dir_fd=self.descriptor, follow_symlinks=True)
