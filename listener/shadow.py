"""The shadow role: a second bundle screens what was screened, on its own. Nothing of it is sent.

``python -m listener.shadow SETTINGS`` runs it; `faintline serve` starts it where ``worker.shadow`` names a
bundle. It is a process of its own with the least priority and works only while no study waits: whatever
happens to it, the results that are sent do not know. What it finds is kept beside them.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import structlog
import torch

from inference.bundle import Bundle, load_bundle
from inference.errors import InferenceError
from inference.findings_json import as_json
from inference.screen import screen_files
from listener.audit import ACCESSED, SUCCESS, Audit, AuditEvent
from listener.process import limit_memory, run_role, until_stopped
from listener.registry import Registry
from listener.settings import Settings
from listener.shadow_findings import shadow_file
from listener.spool import Spool
from listener.study import FINDINGS, StudyState
from listener.time_limit import time_limit

log = structlog.get_logger()

PAUSE_SECONDS = 2.0
LEAST_PRIORITY = 19
BUSY = (StudyState.QUEUED, StudyState.SCREENING)


def run(settings: Settings) -> None:
    """Load the shadow bundle, then screen after the worker until stopped."""
    os.nice(LEAST_PRIORITY)
    limit_memory(settings.worker)
    torch.set_num_threads(1)
    bundle = load_bundle(settings.worker.shadow)
    registry = Registry(settings.registry_url)
    log.info("shadow ready", model=bundle.identity.name, version=bundle.identity.version)
    threading.Thread(target=_keep_screening, args=(settings, registry, bundle), daemon=True).start()
    until_stopped()


def _keep_screening(settings: Settings, registry: Registry, bundle: Bundle) -> None:
    try:
        while True:
            if not screen_one(settings, registry, bundle):
                time.sleep(PAUSE_SECONDS)
    except Exception as error:  # noqa: BLE001  (the edge of this role: it is started again)
        log.error("the shadow failed", kind=type(error).__name__)
        os._exit(1)


def screen_one(settings: Settings, registry: Registry, bundle: Bundle) -> bool:
    """Screen one finished study that the shadow has not seen; False where there is none, or others wait."""
    if any(registry.studies.in_state(state) for state in BUSY):
        return False
    for study in registry.studies.in_state(StudyState.SCREENED):
        target = _unseen(settings.results / study.study_instance_uid, bundle.identity.weights_sha256)
        if target is not None:
            _screen(settings, study.study_instance_uid, bundle, target)
            return True
    return False


def _unseen(folder: Path, weights_sha256: str) -> Path | None:
    """Where the shadow's findings on a study's latest results go; None where they are there already."""
    finished = sorted(folder.glob(f"*/{FINDINGS}"), key=lambda path: path.stat().st_mtime)
    if not finished:
        return None
    target = shadow_file(finished[-1].parent, weights_sha256)
    return None if target.exists() else target


def _screen(settings: Settings, study_instance_uid: str, bundle: Bundle, target: Path) -> None:
    # Written first: a study that takes this process with it is not taken up again.
    _keep(target, {"not_screened": "the shadow's process ended on this study", "findings": []})
    files = Spool(settings.spool).files(study_instance_uid)
    try:
        with time_limit(settings.worker.time_limit_seconds):
            found = as_json(screen_files(files, bundle).report)
    except InferenceError as error:
        found = {"not_screened": str(error), "findings": []}
    except Exception as error:  # noqa: BLE001  (the edge of one study; its message may quote header values)
        found = {"not_screened": f"{type(error).__name__} while screening", "findings": []}
    _keep(target, found)
    Audit(settings.audit_folder, settings.audit).record(
        AuditEvent(ACCESSED, SUCCESS, "shadow", "", "study screened by the shadow", (study_instance_uid,))
    )
    log.info("shadow screened", study_instance_uid=study_instance_uid, failed=found.get("not_screened"))


def _keep(target: Path, found: dict[str, Any]) -> None:
    part = target.with_suffix(".part")
    part.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    part.replace(target)


def main() -> None:
    """Run as a process of its own."""
    run_role(run)


if __name__ == "__main__":
    main()
