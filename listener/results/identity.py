"""From what was screened, and by which model, to the UIDs of the objects that say so.

The same study, images, model and options always give the same UIDs, so sending a result again is sending the
same object again. UIDs are UUIDs of version 5 under the root 2.25 (PS3.5 B.2).
"""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from inference.findings import StudyReport
from listener.results.kinds import ResultKind

MANUFACTURER: Final = "Faintline"
MODEL_NAME: Final = "Faintline vertebral fracture screening"

FORM: Final = 3
"""Raised whenever the tree of the report or the layout of the picture changes: other content, other UIDs."""

REPORT_NAMES: Final = {ResultKind.REPORT: "report", ResultKind.PLAIN_REPORT: "report 88.33"}
"""Under which names the UIDs of the kinds of report are derived."""

_NAMESPACE: Final = uuid.UUID("6c43d5d4-b350-42df-acc5-9ab0f890c6bf")


@dataclass(frozen=True, slots=True)
class Product:
    """The software that speaks: its release, as the report and the picture name it."""

    version: str


def derived_uid(*parts: str) -> str:
    """Return the UID that always belongs to ``parts``."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(parts)).int}"


CODING_SCHEME_UID: Final = derived_uid("coding scheme")
IMPLEMENTATION_CLASS_UID: Final = derived_uid("implementation class")


@dataclass(frozen=True, slots=True)
class ResultKey:
    """SHA-256 (hex) over everything that decides a study's result."""

    digest: str

    def uid(self, *parts: str) -> str:
        """Return the UID of one thing (an object, a series, a tracked vertebra) under this key."""
        return derived_uid(self.digest, *parts)


def result_key(
    report: StudyReport, sop_instance_uids: Iterable[str], language: str, removed: int = 0
) -> ResultKey:
    """Make the key of ``report`` over the instances that were screened, told in a language (its digest).

    The numbers found are left out on purpose: another processor may differ in the last digit, and a repeated
    run must not send a second report. The reason of a failure is part of the key, because the study may well
    be analysed later, and that result must not pass for the failed one. So is how many images of the study
    were ``removed`` before: told of what came late, a result is another one.
    """
    facts = {
        "form": FORM,
        "study": report.study_instance_uid,
        "series": report.series_instance_uid,
        "instances": sorted(set(sop_instance_uids)),
        "model": [report.model.name, report.model.version, report.model.weights_sha256],
        "options": [int(report.flag_grade), int(report.possible_grade)],
        "not analysed": report.not_analysed,
        "language": language,
    } | ({"removed": removed} if removed else {})
    return ResultKey(hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest())


def report_uids(key: ResultKey) -> set[str]:
    """Return the SOP Instance UIDs that the reports of one result have."""
    return {key.uid(name) for name in REPORT_NAMES.values()}


def device_uid(product: Product) -> str:
    """Return the Device Observer UID (121012 DCM) of a release."""
    return derived_uid("device", product.version)


def is_own(manufacturer: str, model_name: str) -> bool:
    """Whether an instance is a result of ours that came back: by its General Equipment module."""
    return manufacturer == MANUFACTURER and model_name == MODEL_NAME
