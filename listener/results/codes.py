"""Every code the report uses: standard ones where there are any, a private scheme for the rest.

Standard codes are those of PS3.16 (DCM, CID 6047, 7602 and 7603) and SNOMED CT; private ones say what no
standard code was found for. The scheme is declared in each report (PS3.3 C.12.1.1.1, Coding Scheme
Identification Sequence).
"""

from typing import Final

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from inference.findings import Deformity, Grade
from listener.results.identity import CODING_SCHEME_UID, MANUFACTURER
from listener.results.level_codes import LEVEL_CODES
from listener.results.outcome import Answer

SCHEME: Final = "99FAINTLINE"


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "SCT", meaning)


def _ucum(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "UCUM", meaning)


def _private(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, SCHEME, meaning)


# Findings
COMPRESSION_FRACTURE: Final = _sct("42942008", "Compression fracture of vertebral column")
POSSIBLE_DEFORMITY: Final = _private("POSSMILD", "Possible mild vertebral deformity")
NO_FRACTURE: Final = _private("NOFX", "No vertebral fracture detected")
NO_FRACTURE_PARTIAL: Final = _private("NOFXPART", "No fracture detected in the levels assessed")
LEVELS_ASSESSED: Final = _private("COVERAGE", "Levels assessed")
NOT_ANALYSED: Final = _private("NOTANALYSED", "Not analysed")

# Concept names
COMMENT: Final = _dcm("121106", "Comment")
REMARK: Final = _private("REMARK", "Remark")
CERTAINTY: Final = _dcm("111012", "Certainty of Finding")
SUMMARY: Final = _dcm("111017", "CAD Processing and Findings Summary")
SEVERITY: Final = _sct("246112005", "Severity")
HEIGHT_LOSS: Final = _private("VHLOSS", "Vertebral height loss")
LEAST_HEIGHT_LOSS: Final = _private("VHLOSSLOW", "Vertebral height loss, low end of 90% interval")
GREATEST_HEIGHT_LOSS: Final = _private("VHLOSSHIGH", "Vertebral height loss, high end of 90% interval")
NEIGHBOUR_LOSS: Final = _private("VHLOSSNB", "Vertebral height loss against neighbours")
ANTERIOR_HEIGHT: Final = _private("HTANT", "Anterior vertebral height")
MIDDLE_HEIGHT: Final = _private("HTMID", "Middle vertebral height")
POSTERIOR_HEIGHT: Final = _private("HTPOST", "Posterior vertebral height")
LEVEL_CERTAINTY: Final = _private("LEVELCERT", "Certainty of vertebral level")
ATTENUATION: Final = _dcm("112031", "Attenuation Coefficient")
GENANT: Final = _private("GENANT", "Genant grade")
DEFORMITY: Final = _private("DEFORMITY", "Type of vertebral deformity")
STATUS: Final = _private("AISTATUS", "AI assessment status")
FRACTURE_PRESENCE: Final = _private("VFX", "Vertebral fracture")
HIGHEST_CERTAINTY: Final = _private("MAXCERT", "Highest certainty of fracture in any vertebra")
LEVEL_ASSESSED: Final = _private("ASSESSED", "Vertebra assessed")
LEVEL_NOT_ASSESSED: Final = _private("NOTASSESSED", "Vertebra in view, not assessed")
VERTEBRAE_ASSESSED: Final = _private("NASSESSED", "Number of vertebrae assessed")

# Values
ABSENT: Final = _sct("272519000", "Absent")
MEAN: Final = _sct("373098007", "Mean")
SUSPECTED: Final = _private("SUSPECTED", "Suspected, not verified")
POSSIBLE: Final = _private("POSSIBLE", "Possible, not verified")
DEVICE: Final = _dcm("121007", "Device")
ARTIFICIAL_INTELLIGENCE: Final = _dcm("123110", "Artificial Intelligence")
CT_UNSPECIFIED_REGION: Final = CodedConcept("25045-6", "LN", "CT unspecified body region")
SOURCE_IMAGE: Final = _dcm("121322", "Source image for image processing operation")
REFORMATTING: Final = _dcm("113072", "Multiplanar reformatting")

OF_INTEREST: Final = _dcm("113000", "Of Interest")
MORPHOLOGICALLY_ABNORMAL: Final = _sct("49755003", "Morphologically Abnormal Structure")
IMAGING_REPORT: Final = CodedConcept("18748-4", "LN", "Diagnostic imaging report")

# Units
PERCENT: Final = _ucum("%", "Percent")
MILLIMETER: Final = _ucum("mm", "Millimeter")
HOUNSFIELD: Final = _ucum("[hnsf'U]", "Hounsfield unit")
VERTEBRAE: Final = _ucum("{vertebrae}", "Vertebrae")

GRADES: Final = {
    grade: _private(f"GENANT{grade:d}", f"Genant grade {grade:d} ({word})")
    for grade, word in zip(Grade, ("normal", "mild", "moderate", "severe"), strict=True)
}
SEVERITIES: Final = {
    Grade.MILD: _sct("255604002", "Mild"),
    Grade.MODERATE: _sct("6736007", "Moderate"),
    Grade.SEVERE: _sct("24484000", "Severe"),
}
DEFORMITIES: Final = {
    Deformity.WEDGE: _sct("20446002", "Wedge-shaped"),
    Deformity.BICONCAVE: _private("BICONCAVE", "Biconcave deformity"),
    Deformity.CRUSH: _private("CRUSH", "Crush deformity"),
}

_ALL_WITH = _dcm("111242", "All algorithms succeeded; with findings")
_ALL_WITHOUT = _dcm("111241", "All algorithms succeeded; without findings")
_SOME_WITH = _dcm("111244", "Not all algorithms succeeded; with findings")
_SOME_WITHOUT = _dcm("111243", "Not all algorithms succeeded; without findings")
_FAILED = _dcm("111245", "No algorithms succeeded; without findings")


def summary(answer: Answer, is_partial: bool) -> CodedConcept:
    """Return the value of CID 6047. A possible deformity is a finding: it is listed, so it must be read."""
    if answer is Answer.NOT_ANALYSED:
        return _FAILED
    if answer is Answer.NONE:
        return _SOME_WITHOUT if is_partial else _ALL_WITHOUT
    return _SOME_WITH if is_partial else _ALL_WITH


def level_code(level: str | None) -> CodedConcept:
    """Return the vertebra's SNOMED CT code; the general "vertebra" where the level is unknown."""
    if level not in LEVEL_CODES:
        return _sct("51282000", "Vertebra")
    return _sct(LEVEL_CODES[level], f"{level} vertebra")


def scheme_declaration() -> Dataset:
    """Return the item of the Coding Scheme Identification Sequence for the private scheme."""
    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeUID = CODING_SCHEME_UID
    item.CodingSchemeName = "Faintline private codes"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item
