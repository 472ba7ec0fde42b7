"""The folder of a node in; a copy that a node can start from out, and the way back. The node may run.

Order makes it whole: databases are copied first (SQLite's own online backup), then spool and results. So the
copy's spool holds at least what its registry knows; what it holds beyond that is found at the start, as after
a crash. Files of the spool and of the results never change once they have their names; some may be cleared.
"""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import file_digest
from pathlib import Path

from listener import __version__
from listener.durable_file import make_folder
from listener.errors import DamagedFile, SettingsError
from listener.settings import Settings

LIST = "backup.json"
_FOLDERS = ("spool", "results", "audit")


def back_up(settings: Settings, to: Path) -> int:
    """Copy to a new folder; return how many files. Raises `SettingsError` where there is one already."""
    if to.exists() and any(to.iterdir()):
        raise SettingsError(f"{to} is not empty: a backup goes to a folder of its own")
    make_folder(to.absolute())
    sums: dict[str, str] = {}
    for database in sorted(settings.folder.glob("*.sqlite")):
        _copy_database(database, to / database.name)
        sums[database.name] = _sum(to / database.name)
    for name in _FOLDERS:
        for path in _files(settings.folder / name):
            relative = path.relative_to(settings.folder)
            with contextlib.suppress(FileNotFoundError):  # cleared meanwhile
                _copy(path, to / relative)
                sums[str(relative)] = _sum(to / relative)
    (to / LIST).write_text(json.dumps({"version": __version__, "sha256": sums}, indent=0))
    os.sync()
    return len(sums)


def put_back(settings: Settings, source: Path) -> int:
    """Check a backup and copy it into a node's empty folder; return how many files.

    Raises
    ------
    SettingsError
        The node's folder holds something already.
    DamagedFile
        A file of the backup is missing or not what it was.
    """
    if settings.folder.exists() and any(settings.folder.iterdir()):
        raise SettingsError(f"{settings.folder} is not empty: a backup is put back into an empty folder")
    try:
        sums = json.loads((source / LIST).read_text())["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DamagedFile(f"{source} is no backup: it has no readable {LIST}") from None
    for name, expected in sums.items():
        if not (source / name).is_file() or _sum(source / name) != expected:
            raise DamagedFile(f"{source / name} is missing or damaged; nothing was put back")
    for name in sums:
        _copy(source / name, settings.folder / name)
    os.sync()
    return len(sums)


def _copy_database(source: Path, to: Path) -> None:
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(to)) as copy:
        original.backup(copy)
    to.chmod(0o600)


def _files(folder: Path) -> Iterator[Path]:
    """What has its name already; what is still under way lies in folders that begin with a dot."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _copy(source: Path, to: Path) -> None:
    make_folder(to.parent.absolute())
    shutil.copyfile(source, to)
    to.chmod(0o600)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
