"""Folders of DICOM studies and two bundles in; what each finds, side by side, out. Nothing is sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.bundle import Bundle
from inference.differences import differences
from inference.errors import InferenceError
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
        found = {"current": as_json(ours), "shadow": as_json(theirs)}
        yield {
            "study_instance_uid": index.study_instance_uid,
            **found,
            "differences": differences(found["current"], found["shadow"]),
        }
