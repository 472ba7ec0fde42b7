"""One complete study in; its results on disk and in the registry out. The worker's work, one durable step.

Safe to run again after a crash at any point: results are named by their content and placed once.
"""

import errno
import json
import os
import threading
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import structlog
from pydicom import dcmread

from inference.bundle import Bundle
from inference.errors import InferenceError, MixedStudyError
from inference.findings import Grade, StudyReport, VertebraFinding
from inference.findings_json import as_json
from inference.screen import screen_files
from listener import __version__
from listener.audit import ACCESSED, SUCCESS, Audit, AuditEvent
from listener.durable_file import make_folder, place_once
from listener.errors import RegistryUnavailable
from listener.recipients import kinds_to_make, noticed, recipients
from listener.registry import Registry, persistently
from listener.removed import lack_of
from listener.results.build import Result, objects_of, statement_of
from listener.results.errors import ResultError
from listener.results.identity import Product
from listener.results.kinds import REPORTS
from listener.results.language import Language, read_language
from listener.results.notices import notices
from listener.results.statement import Statement
from listener.settings import Settings
from listener.spool import Spool
from listener.study import FINDINGS, EarlierReport, FinishedResult, Study
from listener.time_limit import time_limit
from listener.turns import parse_screening

log = structlog.get_logger()

_LACKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)
"""Errors of the machine: whatever study had come, it would have met them."""


class Screener:
    """Screens studies, one at a time, with networks loaded once."""

    def __init__(self, settings: Settings, registry: Registry, bundle: Bundle) -> None:
        self._settings = settings
        self._registry = registry
        self._bundle = bundle
        self._language = read_language(settings.report)
        self._spool = Spool(settings.spool)
        self._audit = Audit(settings.audit_folder, settings.audit)
        self._one_at_a_time = threading.Lock()

    def __call__(self, argument: str) -> None:
        """Give one study its turn; whatever goes wrong ends in the registry, never in the queue."""
        study_instance_uid, revision = parse_screening(argument)
        studies, attempts = self._registry.studies, self._settings.worker.attempts
        with self._one_at_a_time:
            study = persistently(
                lambda: studies.begin_screening(study_instance_uid, revision, attempts, self._later())
            )
            if study is None:
                return
            with structlog.contextvars.bound_contextvars(study_instance_uid=study_instance_uid):
                self._turn(study)

    def _turn(self, study: Study) -> None:
        limits, studies = self._settings.worker, self._registry.studies
        try:
            with time_limit(limits.time_limit_seconds):
                summary = self._screen(study)
            log.info("study screened", outcome=summary)
            self._audit.record(
                AuditEvent(ACCESSED, SUCCESS, "worker", "", "study screened", (study.study_instance_uid,))
            )
        except (MixedStudyError, ResultError) as error:
            log.warning("study parked", reason=str(error))
            parked = str(error)
            persistently(lambda: studies.park(study, parked))
        except (OSError, RegistryUnavailable) as error:
            if (lack := _lack(error)) is None:
                self._failed(study, error)
                return
            log.error("screening put off", reason=lack)
            persistently(lambda: studies.postpone(study, lack, self._later()))
        except Exception as error:  # noqa: BLE001  (the edge of one turn)
            self._failed(study, error)

    def _failed(self, study: Study, error: Exception) -> None:
        reason = (
            str(error) if isinstance(error, InferenceError) else f"{type(error).__name__} while screening"
        )
        # The message of a foreign exception may quote header values: only its place is logged.
        log.error("screening failed", reason=reason, where=traceback.format_tb(error.__traceback__))
        attempts = self._settings.worker.attempts
        persistently(lambda: self._registry.studies.screening_failed(study, reason, attempts, self._later()))

    def _later(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.worker.retry_seconds)

    def _screen(self, study: Study) -> str:
        files = self._spool.files(study.study_instance_uid)
        uid, outbox = study.study_instance_uid, self._registry.deliveries
        lack = lack_of(self._settings.results / uid, [path.name for path in files])
        earlier = [
            each
            for each in outbox.earlier_reports(uid, sorted(REPORTS))
            if each.result_key not in lack.results
        ]
        statement = screen_to_statement(
            files, self._bundle, self._settings, self._language, earlier, lack.images
        )
        built = objects_of(statement, kinds_to_make(self._settings.destinations))
        finished = [*self._place(statement, built), *self._place_notices(statement, built[0])]
        summary = summarise(statement.report)
        if lack.images:
            summary = f"late images only, {lack.images} screened before were removed: {summary}"
        outbox.screening_finished(study, finished, summary, datetime.now(UTC))
        return summary

    def _place(self, statement: Statement, built: tuple[Result, ...]) -> list[FinishedResult]:
        report, folder = statement.report, self._folder(statement)
        findings = json.dumps(as_json(report), indent=2)
        place_once(self._settings.results / folder / FINDINGS, findings.encode())
        holders = self._registry.deliveries.destinations_of(report.study_instance_uid)
        finished = []
        for result in built:
            path = folder / f"{result.name}.dcm"
            place_once(self._settings.results / path, result.to_bytes())
            finished.append(
                FinishedResult(
                    report.study_instance_uid,
                    result.key,
                    result.kind,
                    result.sop_class_uid,
                    result.sop_instance_uid,
                    result.series_instance_uid,
                    path,
                    recipients(result.kind, report, self._settings.destinations, holders),
                    is_urgent=bool(report.flagged),
                )
            )
        return finished

    def _place_notices(self, statement: Statement, example: Result) -> list[FinishedResult]:
        """Messages for those who are told; patient attributes are read from a finished object's bytes."""
        report, key, peers = statement.report, statement.key.digest, self._settings.peers
        holders = self._registry.deliveries.destinations_of(report.study_instance_uid)
        finished = []
        for notice in notices(statement, dcmread(BytesIO(example.to_bytes()), stop_before_pixels=True)):
            told = noticed(notice.kind, report, peers, holders)
            if told:
                path = self._folder(statement) / notice.kind
                place_once(self._settings.results / path, notice.body)
                finished.append(
                    FinishedResult(
                        report.study_instance_uid, key, notice.kind, "", notice.uid, "", path, told, True
                    )
                )
        return finished

    def _folder(self, statement: Statement) -> Path:
        """Where the result's files lie, below the folder of results."""
        folder = Path(statement.report.study_instance_uid) / statement.key.digest
        make_folder(self._settings.results / folder)
        return folder


def screen_to_statement(
    files: tuple[Path, ...],
    bundle: Bundle,
    settings: Settings,
    language: Language,
    earlier: Sequence[EarlierReport] = (),
    removed: int = 0,
) -> Statement:
    """Screen the instances of one study, and gather what the results will state; `statement_of` says more."""
    screening = screen_files(files, bundle)
    return statement_of(
        replace(screening.report, flag_grade=Grade(settings.report.flag_grade)),
        screening.volume,
        screening.headers,
        datetime.now().astimezone(),
        Product(version=__version__),
        earlier,
        language,
        removed,
    )


def summarise(report: StudyReport) -> str:
    """Say in one line what a study came to."""
    if report.not_analysed is not None:
        return f"not analysed: {report.not_analysed}"
    if report.flagged:
        return f"suspected: {_names(report.flagged)}"
    covered = f"{len(report.assessed)} vertebrae assessed, {len(report.not_assessed)} not"
    covered += ", more in view not found" if report.goes_on else ""
    if report.possible:
        return f"possible: {_names(report.possible)} ({covered})"
    return f"none found ({covered})"


def _names(findings: tuple[VertebraFinding, ...]) -> str:
    return ", ".join(finding.name for finding in findings)


def _lack(error: OSError | RegistryUnavailable) -> str | None:
    """What the machine lacks, in words; None where the error may be the study's own."""
    if isinstance(error, RegistryUnavailable):
        return str(error)
    return os.strerror(error.errno) if error.errno in _LACKS else None
