"""Studies that are done in; room on the disk out: the oldest first, and never what may still be needed.

What is not screened, not delivered, not yet confirmed, or has an answer not yet read, stays, whatever its
age, and so does a study of which something was set aside for somebody to look at. A study's findings stay
too: a radiologist's answer may come months later. A study whose images were taken away and that is sent again
is screened again, and gives the same results; of what else still comes of it, see `removed`.
"""

import contextlib
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from listener.audit import DELETED, SUCCESS, Audit, AuditEvent
from listener.durable_file import make_folder, sync_folder
from listener.registry import Registry
from listener.removed import note_removal
from listener.settings import Settings
from listener.spool import Spool
from listener.study import FINDINGS

log = structlog.get_logger()

LATE_IMAGES = timedelta(hours=1)
"""A younger study is not taken for a full disk: what still came of it would be screened without the rest."""
WARNED_PERCENT = 5
"""So much before the disk is too full a warning is logged."""
_LEFTOVER_SECONDS = 3600.0
"""A temporary file so old belongs to a process that was killed."""


def disk_percent(folder: Path) -> float:
    """How full the disk of ``folder`` is."""
    disk = shutil.disk_usage(folder)
    return 100 * (disk.total - disk.free) / disk.total


class Retention:
    """Takes away what is kept no longer; one process at a time."""

    def __init__(self, settings: Settings, registry: Registry, audit: Audit) -> None:
        self._settings = settings
        self._registry = registry
        self._audit = audit
        self._spool = Spool(settings.spool)
        self._is_warned = False
        self._aside = settings.spool / ".cleared"
        make_folder(self._aside)

    def __call__(self, now: datetime) -> int:
        """Clear what is due by ``now``; return how many studies it was."""
        self._finish_what_was_begun()
        self._sweep(self._settings.results)
        self._warn()
        cleared = 0
        for study_instance_uid, last_received_at in self._registry.studies.settled():
            is_due = self._is_too_old(now - last_received_at) or self._makes_room(now - last_received_at)
            if is_due and self._clear(study_instance_uid):
                cleared += 1
        return cleared

    def _is_too_old(self, age: timedelta) -> bool:
        days = self._settings.retention.days
        return 0 < days < age / timedelta(days=1)

    def _makes_room(self, age: timedelta) -> bool:
        """Whether to take it for a full disk: never while nobody is sent results, who would miss them."""
        most = self._settings.retention.disk_percent
        is_wanted = bool(most) and bool(self._settings.peers) and age >= LATE_IMAGES
        return is_wanted and disk_percent(self._settings.folder) > most

    def _warn(self) -> None:
        """Tell it before it begins, once each time that the disk gets so full."""
        most, full = self._settings.retention.disk_percent, disk_percent(self._settings.folder)
        nears = bool(most) and full > most - WARNED_PERCENT
        if nears and not self._is_warned:
            what = f"above {most:g} % the oldest studies that are done are removed (retention.disk_percent)"
            log.warning("the disk fills up", full_percent=round(full), what=what)
        self._is_warned = nears

    def _clear(self, study_instance_uid: str) -> bool:
        folder, aside = self._spool.study_folder(study_instance_uid), self._aside / study_instance_uid
        images = self._registry.studies.ct_image_names(study_instance_uid)

        def take_away() -> bool:
            with contextlib.suppress(FileNotFoundError):
                if self._spool.has_set_aside(study_instance_uid):
                    return False
                self._note(study_instance_uid, images)
                folder.rename(aside)
                sync_folder(self._aside)
                sync_folder(folder.parent)
            return True

        if not self._registry.studies.forget_images(study_instance_uid, take_away):
            return False
        shutil.rmtree(aside, ignore_errors=True)
        self._remove_results(study_instance_uid)
        log.info("study cleared", study_instance_uid=study_instance_uid)
        what = "images and results removed from the node"
        self._audit.record(AuditEvent(DELETED, SUCCESS, "retention", "", what, (study_instance_uid,)))
        return True

    def _note(self, study_instance_uid: str, images: set[str]) -> None:
        if images:
            results = self._settings.results / study_instance_uid
            make_folder(results)
            note_removal(results, images)

    def _remove_results(self, study_instance_uid: str) -> None:
        for path in (self._settings.results / study_instance_uid).glob("*/*"):
            if path.name != FINDINGS:
                path.unlink(missing_ok=True)

    def _finish_what_was_begun(self) -> None:
        """After a death in the middle: files that the registry still knows go back, the others go."""
        for aside in self._aside.iterdir():
            known = self._registry.studies.image_names(aside.name)
            folder = self._spool.study_folder(aside.name)
            for path in aside.iterdir():
                if path.name in known and not (folder / path.name).exists():
                    make_folder(folder)
                    path.rename(folder / path.name)
                    sync_folder(folder)
            shutil.rmtree(aside, ignore_errors=True)

    def _sweep(self, results: Path) -> None:
        """Remove what a killed worker left half-written."""
        for path in (*results.glob("*/.*"), *results.glob("*/*/.*")):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    path.unlink()
