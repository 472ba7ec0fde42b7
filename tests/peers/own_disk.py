"""A size in; an ext4 file system of our own, mounted, out. Whoever cannot have one skips with the reason."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def own_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Where it is mounted, as long as the block runs; its image lies in ``folder``."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    image, mounted = folder / "image", folder / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(size_bytes)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, mounted], check=False).returncode != 0:
        pytest.skip("loop devices cannot be mounted here")
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-l", mounted], check=False)
