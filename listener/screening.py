"""One complete study in; its results on disk and in the registry out. The worker's work, one durable step.

Safe to run again after a crash at any point: results are named by their content and placed once.
"""

import json
import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from inference.bundle import Bundle
from inference.errors import InferenceError, MixedStudyError
from inference.findings import Grade, StudyReport, VertebraFinding
from inference.findings_json import as_json
from inference.screen import screen_files
from listener import __version__
from listener.audit import ACCESSED, SUCCESS, Audit, AuditEvent
from listener.durable_file import make_folder, place_once
from listener.registry import Registry
from listener.results.build import Result, build_results
from listener.results.errors import ResultError
from listener.results.identity import Product
from listener.settings import Settings
from listener.spool import Spool
from listener.study import FinishedResult, Study
from listener.turns import parse_screening

log = structlog.get_logger()

TIME_LIMIT_EXIT_CODE = 3


class Screener:
    """Screens studies, one at a time, with networks loaded once."""

    def __init__(self, settings: Settings, registry: Registry, bundle: Bundle) -> None:
        self._settings = settings
        self._registry = registry
        self._bundle = bundle
        self._spool = Spool(settings.spool)
        self._audit = Audit(settings.audit_folder, settings.syslog)
        self._one_at_a_time = threading.Lock()

    def __call__(self, argument: str) -> None:
        """Give one study its turn; whatever goes wrong ends in the registry, never in the queue."""
        study_instance_uid, revision = parse_screening(argument)
        with self._one_at_a_time:
            limits = self._settings.worker
            study = self._registry.studies.begin_screening(study_instance_uid, revision, limits.attempts)
            if study is None:
                return
            with structlog.contextvars.bound_contextvars(study_instance_uid=study_instance_uid):
                self._turn(study)

    def _turn(self, study: Study) -> None:
        limits = self._settings.worker
        try:
            with _time_limit(limits.time_limit_seconds):
                summary = self._screen(study)
            log.info("study screened", outcome=summary)
            self._audit.record(
                AuditEvent(ACCESSED, SUCCESS, "worker", "", "study screened", (study.study_instance_uid,))
            )
        except (MixedStudyError, ResultError) as error:
            log.warning("study parked", reason=str(error))
            self._registry.studies.park(study, str(error))
        except Exception as error:  # noqa: BLE001  (the edge of one turn)
            reason = (
                str(error) if isinstance(error, InferenceError) else f"{type(error).__name__} while screening"
            )
            # The message of a foreign exception may quote header values: only its place is logged.
            log.error("screening failed", reason=reason, where=traceback.format_tb(error.__traceback__))
            retry_at = datetime.now(UTC) + timedelta(seconds=limits.retry_seconds)
            self._registry.studies.screening_failed(study, reason, limits.attempts, retry_at)

    def _screen(self, study: Study) -> str:
        files = self._spool.files(study.study_instance_uid)
        built, report = screen_to_results(files, self._bundle, self._settings)
        finished = self._place(study, built, report)
        destinations = [destination.name for destination in self._settings.destinations]
        summary = summarise(report)
        self._registry.deliveries.screening_finished(
            study, finished, destinations, summary, datetime.now(UTC)
        )
        return summary

    def _place(self, study: Study, built: tuple[Result, ...], report: StudyReport) -> list[FinishedResult]:
        key = built[0].sop_instance_uid
        folder = Path(study.study_instance_uid) / key
        make_folder(self._settings.results / folder)
        findings = json.dumps(as_json(report), indent=2)
        place_once(self._settings.results / folder / "findings.json", findings.encode())
        finished = []
        for result in built:
            path = folder / f"{result.kind}.dcm"
            place_once(self._settings.results / path, result.to_bytes())
            finished.append(
                FinishedResult(
                    study.study_instance_uid,
                    key,
                    result.kind,
                    result.sop_class_uid,
                    result.sop_instance_uid,
                    path,
                )
            )
        return finished


def screen_to_results(
    files: tuple[Path, ...], bundle: Bundle, settings: Settings
) -> tuple[tuple[Result, ...], StudyReport]:
    """Screen the instances of one study and build what is sent back."""
    screening = screen_files(files, bundle)
    report = replace(screening.report, flag_grade=Grade(settings.report.flag_grade))
    built = build_results(
        report,
        screening.volume,
        screening.headers,
        datetime.now().astimezone(),
        Product(version=__version__),
    )
    return built, report


def summarise(report: StudyReport) -> str:
    """Say in one line what a study came to."""
    if report.not_analysed is not None:
        return f"not analysed: {report.not_analysed}"
    if report.flagged:
        return f"suspected: {_names(report.flagged)}"
    covered = f"{len(report.assessed)} vertebrae assessed, {len(report.not_assessed)} not"
    if report.possible:
        return f"possible: {_names(report.possible)} ({covered})"
    return f"none found ({covered})"


def _names(findings: tuple[VertebraFinding, ...]) -> str:
    return ", ".join(finding.name for finding in findings)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End this process if the block takes longer: a hang in native code cannot be interrupted otherwise."""

    def give_up() -> None:
        log.error("time limit reached, giving this process up", seconds=seconds)
        os._exit(TIME_LIMIT_EXIT_CODE)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
