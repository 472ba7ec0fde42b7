"""A delivered SR read with pydicom alone, knowing nothing of how the node builds it."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

MEASUREMENT_GROUP = "125007"
FINDING = "121071"
FINDING_SITE = "363698007"
COMMENT = "121106"
IMAGE_REGION = "111030"
SUMMARY = "111017"
COMPRESSION_FRACTURE = "42942008"
NOT_ANALYSED = "111245"
"""CAD Processing and Findings Summary (CID 6047): no algorithm succeeded."""
WITHOUT_FINDINGS = {"111241", "111243"}
"""The same, for none found."""


@dataclass(frozen=True, slots=True)
class Group:
    """One measurement group.

    finding, site, summary : code values, empty where the group has none
    corners : image-relative (column, row) points on the instance `source`
    """

    finding: str
    finding_meaning: str
    site: str
    site_meaning: str
    summary: str
    comment: str
    corners: tuple[tuple[float, float], ...]
    source: str

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the region's box, (row, column) array indices."""
        columns, rows = zip(*self.corners, strict=True)
        return (min(rows) + max(rows)) / 2 - 0.5, (min(columns) + max(columns)) / 2 - 0.5


def groups_of(report: Dataset) -> list[Group]:
    """Every measurement group of the report."""
    return [_group(item) for item in _walk(report) if _is(item, MEASUREMENT_GROUP)]


def flagged(report: Dataset) -> list[Group]:
    """The groups that say compression fracture."""
    return [group for group in groups_of(report) if group.finding == COMPRESSION_FRACTURE]


def evidence_of(report: Dataset) -> set[str]:
    """SOP Instance UIDs the report says it rests on."""
    return {
        str(instance.ReferencedSOPInstanceUID)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def comment_of(report: Dataset, level: str) -> Dataset:
    """The comment that begins with a level, to be read or changed."""
    comments = [item for item in _walk(report) if _is(item, COMMENT)]
    return next(item for item in comments if str(item.TextValue).startswith(level))


def _walk(item: Dataset) -> list[Dataset]:
    children = item.get("ContentSequence") or []
    return [found for child in children for found in (child, *_walk(child))]


def _is(item: Dataset, code: str) -> bool:
    return bool(item.get("ConceptNameCodeSequence")) and item.ConceptNameCodeSequence[0].CodeValue == code


def _group(item: Dataset) -> Group:
    children = list(item.ContentSequence)
    region = next((child for child in children if _is(child, IMAGE_REGION)), None)
    numbers = list(region.GraphicData) if region is not None else []
    return Group(
        *_code(children, FINDING),
        *_code(children, FINDING_SITE),
        _code(children, SUMMARY)[0],
        next((str(child.TextValue) for child in children if _is(child, COMMENT)), ""),
        tuple(zip(numbers[::2], numbers[1::2], strict=True)),
        str(region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID) if region else "",
    )


def _code(children: list[Dataset], name: str) -> tuple[str, str]:
    """Value and meaning of the first CODE of that name."""
    for child in children:
        if _is(child, name):
            code = child.ConceptCodeSequence[0]
            return str(code.CodeValue), str(code.CodeMeaning)
    return "", ""
