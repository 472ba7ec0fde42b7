"""Files that survive a power cut: written aside, synced, then made visible."""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path


def write_all(descriptor: int, content: memoryview) -> None:
    """Write all of it: a single write may stop short where the disk fills up."""
    while content:
        content = content[os.write(descriptor, content) :]


def write_synced(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a new file (mode 0600) and sync its bytes; its name is durable once its folder is synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(descriptor)


def sync_file(path: str) -> None:
    """Make the bytes of a file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path | str) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def names_follow_files(folder: Path) -> bool:
    """Whether syncing a new file makes its names in ``folder`` durable too.

    On ext4 with a journal it does: a link is logged in one transaction with the file's inode, a sync of the
    file waits for the last transaction of its inode, and transactions become durable whole and in order
    (jbd2). Elsewhere POSIX is taken by its word: the folder must be synced too.
    """
    device = folder.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    journals = Path("/proc/fs/jbd2")  # ext4 shows its journals here, ocfs2 alone does so too
    return Path("/proc/fs/ext4", name).is_dir() and any(journals.glob(f"{name}-*"))


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents (mode 0700), durably."""
    if folder.exists():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def place_once(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` durably, unless something is there already, which then stays."""
    if path.exists():
        return
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    write_synced(temporary, [content])
    temporary.replace(path)
    sync_folder(path.parent)
