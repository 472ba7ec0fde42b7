"""Quiet studies in; a decision out: is it to be screened, or left alone?

What is due is a row of the registry, so a restart forgets nothing.
"""

from collections.abc import Set
from datetime import UTC, datetime, timedelta

import structlog

from listener.contexts import CT_SOP_CLASSES
from listener.registry import Registry
from listener.study import StudyState

log = structlog.get_logger()


def decide(sop_classes: Set[str]) -> tuple[StudyState, str]:
    """Say what becomes of a complete study; ``sop_classes`` leaves out results of our own."""
    if not sop_classes:
        return StudyState.LEFT_ALONE, "holds only results of our own"
    if not sop_classes & CT_SOP_CLASSES:
        return StudyState.LEFT_ALONE, "holds no CT images"
    return StudyState.QUEUED, "waiting for a worker"


def close_quiet_studies(registry: Registry, quiet_seconds: float, now: datetime | None = None) -> None:
    """Move every study on that has been quiet for long enough and that no open association carries."""
    now = now or datetime.now(UTC)
    for study, sop_classes in registry.studies.quiet(timedelta(seconds=quiet_seconds), now):
        state, reason = decide(sop_classes)
        if registry.studies.close(study, state, reason, now):
            log.info(
                "study complete",
                study_instance_uid=study.study_instance_uid,
                instances=study.instances,
                state=state.value,
                reason=reason,
            )
