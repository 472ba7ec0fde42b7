"""Folders of DICOM studies and two bundles in; what each finds, side by side, out. Nothing is sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.bundle import Bundle
from inference.errors import InferenceError
from inference.findings import StudyReport
from inference.findings_json import as_json
from inference.index import index_files
from inference.screen import screen_files


def shadow_studies(studies: Path, current: Bundle, shadow: Bundle) -> Iterator[dict[str, Any]]:
    """Screen every study under ``studies`` with both bundles: one plain value a study."""
    for index in index_files([studies]).by_study():
        files = [instance.path for instance in index.instances]
        try:
            ours, theirs = (screen_files(files, bundle).report for bundle in (current, shadow))
        except InferenceError as error:
            yield {"study_instance_uid": index.study_instance_uid, "not_screened": str(error)}
            continue
        yield {
            "study_instance_uid": index.study_instance_uid,
            "current": as_json(ours),
            "shadow": as_json(theirs),
            "differences": differences(ours, theirs),
        }


def differences(current: StudyReport, shadow: StudyReport) -> list[str]:
    """Where the two disagree, level by level, in words."""
    before, after = _grades(current), _grades(shadow)
    found = []
    for level in dict.fromkeys([*before, *after]):
        was, now = before.get(level, "not assessed"), after.get(level, "not assessed")
        if was != now:
            found.append(f"{level}: {was}, shadow {now}")
    return found


def _grades(report: StudyReport) -> dict[str, str]:
    return {
        finding.name: f"grade {int(finding.assessment.grade)}"
        for finding in report.findings
        if finding.assessment is not None
    }
