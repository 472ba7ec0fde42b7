"""``python -m inference FOLDER``: a folder of DICOM files in, the findings as one JSON object out."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from inference.bundle import load_bundle
from inference.errors import InferenceError
from inference.findings import StudyReport, VertebraFinding
from inference.screen import screen_files


def main() -> int:
    """Screen the folder named on the command line; 0 where it could be read, 1 with a message where not."""
    parser = argparse.ArgumentParser(prog="python -m inference", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the DICOM files of one study")
    parser.add_argument("--bundle", type=Path, help="folder of the model bundle (default: the shipped one)")
    arguments = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    if not arguments.folder.is_dir():
        print(f"{arguments.folder} is no folder", file=sys.stderr)
        return 1
    try:
        files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
        report = screen_files(files, load_bundle(arguments.bundle)).report
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(report), indent=2))
    return 0


def as_json(report: StudyReport) -> dict[str, Any]:
    """The report as plain values; heights in mm, positions in LPS mm."""
    return {
        "study_instance_uid": report.study_instance_uid,
        "series_instance_uid": report.series_instance_uid,
        "series_choice": [asdict(verdict) for verdict in report.series_choice],
        "not_analysed": report.not_analysed,
        "findings": [_finding(finding) for finding in report.findings],
        "notes": list(report.notes),
        "model": asdict(report.model),
        "for_research_use_only": True,
    }


def _finding(finding: VertebraFinding) -> dict[str, Any]:
    place = {
        "level": finding.level,
        "level_confidence": round(finding.level_confidence, 3),
        "centre_lps_mm": [round(value, 1) for value in finding.centre_lps_mm],
    }
    seen = finding.assessment
    if seen is None:
        return place | {"assessed": False, "not_assessed_because": finding.not_assessed}
    return place | {
        "assessed": True,
        "grade": int(seen.grade),
        "probability": {
            "grade_1_or_more": round(seen.probability_mild, 3),
            "grade_2_or_more": round(seen.probability_moderate, 3),
            "grade_3": round(seen.probability_severe, 3),
        },
        "height_loss_percent": seen.height_loss_percent,
        "neighbour_height_loss_percent": seen.neighbour_height_loss_percent,
        "heights_mm": {
            "anterior": round(seen.heights.anterior_mm, 1),
            "middle": round(seen.heights.middle_mm, 1),
            "posterior": round(seen.heights.posterior_mm, 1),
        },
        "deformity": seen.deformity,
        "trabecular_hu": seen.trabecular_hu,
    }


if __name__ == "__main__":
    sys.exit(main())
