"""Studies that are done in; room on the disk out: the oldest first, and never what may still be needed.

What is not screened, not delivered or not yet confirmed stays, whatever its age. A study's findings stay too:
a radiologist's answer may come months later. A study whose images were taken away and that is sent again is
screened again, and gives the same results.
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
from listener.settings import Settings
from listener.spool import Spool

log = structlog.get_logger()

FINDINGS = "findings.json"
_LEFTOVER_SECONDS = 3600.0
"""A temporary file so old belongs to a process that was killed."""


class Retention:
    """Takes away what is kept no longer; one process at a time."""

    def __init__(self, settings: Settings, registry: Registry, audit: Audit) -> None:
        self._settings = settings
        self._registry = registry
        self._audit = audit
        self._spool = Spool(settings.spool)
        self._aside = settings.spool / ".cleared"
        make_folder(self._aside)

    def __call__(self, now: datetime) -> int:
        """Clear what is due by ``now``; return how many studies it was."""
        self._finish_what_was_begun()
        self._sweep(self._settings.results)
        limits, cleared = self._settings.retention, 0
        age = timedelta(days=limits.days)
        for study_instance_uid, last_received_at in self._registry.studies.settled():
            too_old = limits.days > 0 and now - last_received_at > age
            if (too_old or self._is_too_full()) and self._clear(study_instance_uid):
                cleared += 1
        return cleared

    def _is_too_full(self) -> bool:
        most = self._settings.retention.disk_percent
        disk = shutil.disk_usage(self._settings.folder)
        return 0 < most < 100 * (disk.total - disk.free) / disk.total

    def _clear(self, study_instance_uid: str) -> bool:
        folder, aside = self._spool.study_folder(study_instance_uid), self._aside / study_instance_uid

        def take_away() -> None:
            with contextlib.suppress(FileNotFoundError):
                folder.rename(aside)
                sync_folder(self._aside)
                sync_folder(folder.parent)

        if not self._registry.studies.forget_images(study_instance_uid, take_away):
            return False
        shutil.rmtree(aside, ignore_errors=True)
        self._remove_results(study_instance_uid)
        log.info("study cleared", study_instance_uid=study_instance_uid)
        what = "images and results removed from the node"
        self._audit.record(AuditEvent(DELETED, SUCCESS, "retention", "", what, (study_instance_uid,)))
        return True

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
        for path in results.glob("*/*/.*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    path.unlink()
