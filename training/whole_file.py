"""Bytes in; a file that is whole, or as it was before, out: a full disk or a stop leaves no half of one."""

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it.

    Raises
    ------
    OSError : with the file's name, also where the disk is full; what was there before is still there
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
