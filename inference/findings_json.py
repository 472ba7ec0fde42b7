"""A study report in, the plain values that `python -m inference` prints and the node keeps out."""

from dataclasses import asdict
from typing import Any

from inference.findings import StudyReport, VertebraFinding


def as_json(report: StudyReport) -> dict[str, Any]:
    """The report as plain values; heights in mm, positions in LPS mm."""
    return {
        "study_instance_uid": report.study_instance_uid,
        "series_instance_uid": report.series_instance_uid,
        "series_choice": [asdict(verdict) for verdict in report.series_choice],
        "not_analysed": report.not_analysed,
        "findings": [_finding(finding) for finding in report.findings],
        "goes_on": report.goes_on,
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
        "height_loss_interval_percent": seen.height_loss_interval_percent,
        "neighbour_height_loss_percent": seen.neighbour_height_loss_percent,
        "heights_mm": {
            "anterior": round(seen.heights.anterior_mm, 1),
            "middle": round(seen.heights.middle_mm, 1),
            "posterior": round(seen.heights.posterior_mm, 1),
        },
        "deformity": seen.deformity,
        "trabecular_hu": seen.trabecular_hu,
    }
