"""From a statement to the messages that tell other systems of it: JSON for a webhook, HL7 v2 ORU^R01.

The JSON names no patient; the HL7 message must, because systems file it by the patient.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset

from inference.findings import Grade, VertebraFinding
from listener.results.kinds import NoticeKind
from listener.results.outcome import probability
from listener.results.statement import Statement
from listener.results.wording import sentences, terms

FORM: Final = 1
HL7_VERSION: Final = "2.5.1"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: its identity, which never changes for the same result, and its content."""

    kind: NoticeKind
    uid: str
    body: bytes


def notices(statement: Statement, patient: Dataset) -> tuple[Notice, ...]:
    """Make the messages; ``patient`` holds the study's patient and study attributes, decoded."""
    return (
        Notice(NoticeKind.WEBHOOK, str(statement.key.uid("webhook")), _json(statement)),
        Notice(NoticeKind.HL7, str(statement.key.uid("hl7")), _oru(statement, patient).encode()),
    )


def _json(statement: Statement) -> bytes:
    report, outcome, words = statement.report, statement.outcome, statement.words
    content = {
        "form": FORM,
        "event": "study reported",
        "study_instance_uid": report.study_instance_uid,
        "series_instance_uid": report.series_instance_uid,
        "report_sop_instance_uid": str(statement.key.uid("report")),
        "answer": outcome.answer.value,
        "is_partial": outcome.is_partial,
        "sentence": sentences.coverage_sentence(words, outcome),
        "flagged": [_finding(finding, report.flag_grade) for finding in outcome.flagged],
        "possible": [_finding(finding, report.possible_grade) for finding in outcome.possible],
        "remarks": list(statement.remarks),
        "model": terms.model_name(words, report.model),
        "version": statement.product.version,
        "created_at": statement.created_at.isoformat(timespec="seconds"),
        "for_research_use_only": True,
    }
    return json.dumps(content, sort_keys=True).encode()


def _finding(finding: VertebraFinding, least: Grade) -> dict[str, Any]:
    found = finding.assessment
    assert found is not None
    return {
        "level": finding.level,
        "grade": int(found.grade),
        "deformity": found.deformity,
        "height_loss_percent": found.height_loss_percent,
        "certainty": round(probability(found, least), 3),
    }


def _oru(statement: Statement, patient: Dataset) -> str:
    """The message (HL7 v2.5.1 chapter 7.3.1), segments ended by carriage returns as MLLP wants them."""
    moment = f"{statement.created_at:%Y%m%d%H%M%S}"
    control_id = str(statement.key.uid("hl7"))[-20:]
    study_moment = f"{patient.get('StudyDate') or ''}{str(patient.get('StudyTime') or '')[:6]}"
    segments = [
        ["MSH", "^~\\&", "FAINTLINE", "", "", "", moment, "", "ORU^R01^ORU_R01",
         control_id, "P", HL7_VERSION, "", "", "", "", "", "UNICODE UTF-8"],
        ["PID", "1", "", _identifier(patient), "", _name(patient), "", _text(patient, "PatientBirthDate"),
         _text(patient, "PatientSex")],
        ["OBR", "1", "", _text(patient, "AccessionNumber"), "25045-6^CT unspecified body region^LN", "", "",
         study_moment, *[""] * 14, moment, "", "RAD", "P"],
    ]  # fmt: skip
    lines = [("113014^DICOM Study^DCM", statement.report.study_instance_uid)]
    lines += [("59776-5^Procedure findings^LN", text) for text in _sentences(statement)]
    for number, (name, text) in enumerate(lines, start=1):
        segments.append(["OBX", str(number), "TX", name, "", _escaped(text), *[""] * 5, "P"])
    return "".join("|".join(fields).rstrip("|") + "\r" for fields in segments)


def _sentences(statement: Statement) -> list[str]:
    report, outcome, words = statement.report, statement.outcome, statement.words
    return [
        sentences.message(words),
        sentences.coverage_sentence(words, outcome),
        *(sentences.flagged_sentence(words, finding, report.flag_grade) for finding in outcome.flagged),
        *(sentences.possible_sentence(words, finding, report.possible_grade) for finding in outcome.possible),
        *statement.remarks,
    ]


def _identifier(patient: Dataset) -> str:
    """PID-3: identifier and who assigned it."""
    issuer = _text(patient, "IssuerOfPatientID")
    return f"{_text(patient, 'PatientID')}{f'^^^{issuer}' if issuer else ''}"


def _name(patient: Dataset) -> str:
    """PID-5 is family, given, further, suffix, prefix; DICOM has prefix before suffix (PS3.5 6.2.1.1)."""
    name: Any = patient.get("PatientName")
    parts = str(name or "").partition("=")[0].split("^") + [""] * 5
    family, given, further, prefix, suffix = parts[:5]
    return "^".join(_escaped(part) for part in (family, given, further, suffix, prefix)).rstrip("^")


def _text(patient: Dataset, keyword: str) -> str:
    return _escaped(str(patient.get(keyword) or ""))


def _escaped(text: str) -> str:
    """HL7 2.7: delimiters become escape sequences; control characters have no place in a field."""
    sequences = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
    return "".join(sequences.get(char, char if char.isprintable() else " ") for char in text)
