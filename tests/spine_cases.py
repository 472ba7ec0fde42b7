"""A small synthetic spine with its headers, and a report of each kind: what results are built from."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from inference.findings import (
    Assessment,
    Deformity,
    Grade,
    HeightPoints,
    Heights,
    ModelIdentity,
    Point,
    SeriesVerdict,
    StudyReport,
    Verdict,
    VertebraFinding,
)
from inference.volume import SourceSlice, Volume
from listener.results.build import Result, build_results, statement_of
from listener.results.identity import Product
from listener.results.kinds import PICTURES, USUAL, ResultKind
from listener.results.language import ENGLISH, Language, read_language
from listener.results.pictures import Picture, draw_pictures
from listener.results.report import structured_report
from listener.results.statement import Statement
from listener.settings import Report

GERMAN = read_language(
    Report(
        wording=Path(__file__).parents[1] / "deploy" / "wording.de.toml",
        font=Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf",
    )
)
STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = f"{STUDY}.1"
LEVELS = ("T11", "T12", "L1", "L2", "L3")
PIXEL_MM, SLICE_MM = 1.0, 2.5
SLICES, ROWS, COLUMNS = 80, 96, 112
BOTTOM_MM, LEFT_MM, FRONT_MM = -300.0, -56.0, -40.0
CREATED_AT = datetime(2026, 3, 4, 5, 6, 7)

NUMBERS = {
    Grade.NORMAL: (0.1, 0.03, 0.0, 6.0),
    Grade.MILD: (0.7, 0.2, 0.0, 22.0),
    Grade.MODERATE: (0.99, 0.92, 0.1, 31.0),
    Grade.SEVERE: (1.0, 0.999, 0.9, 47.0),
}
"""Probabilities of at least grade 1, 2, 3, and height loss."""


@dataclass(frozen=True, eq=False)
class Study:
    """What `build_results` is given."""

    report: StudyReport
    volume: Volume | None
    headers: tuple[Dataset, ...]

    def results(self, kinds: frozenset[ResultKind] = USUAL) -> tuple[Result, ...]:
        """This study's results, built once."""
        return _built(self, kinds)

    def pictures(self) -> tuple[Picture, ...]:
        """All its pictures, drawn once."""
        return _drawn(self)

    def statement(self, language: Language = ENGLISH) -> Statement:
        """What its results state."""
        return statement_of(
            self.report, self.volume, self.headers, CREATED_AT, Product("1.2.3"), language=language
        )

    def document(self) -> Dataset:
        """Its Structured Report alone, built once: read only."""
        return _documented(self)


@cache
def _built(study: Study, kinds: frozenset[ResultKind]) -> tuple[Result, ...]:
    return build_results(study.report, study.volume, study.headers, CREATED_AT, Product("1.2.3"), kinds)


@cache
def _drawn(study: Study) -> tuple[Picture, ...]:
    return draw_pictures(study.statement(), PICTURES)


@cache
def _documented(study: Study) -> Dataset:
    return structured_report(study.statement())


def centre_mm(i: int) -> Point:
    """The centre of the i-th vertebra: a little scoliosis and lordosis, going down."""
    return (6.0 * np.sin(i), 10.0 + 2.0 * i, -135.0 - 33.0 * i)


def vertebra(i: int, grade: Grade = Grade.NORMAL, missed: str | None = None) -> VertebraFinding:
    """The i-th vertebra with a body 34 mm deep and 26 mm high."""
    x, y, z = centre_mm(i)
    if missed is not None:
        return VertebraFinding(LEVELS[i], 0.9, (x, y, z), None, missed)
    front, back = y - 17, y + 17
    points = HeightPoints(
        anterior_superior=(x, front, z + 13),
        anterior_inferior=(x, front, z - 13),
        middle_superior=(x, y, z + 12),
        middle_inferior=(x, y, z - 12),
        posterior_superior=(x, back, z + 13),
        posterior_inferior=(x, back, z - 13),
    )
    mild, moderate, severe, loss = NUMBERS[grade]
    deformity = None if grade == Grade.NORMAL else Deformity.WEDGE
    heights, interval = Heights(26.0, 24.0, 26.0), (max(loss - 4.0, 0.0), loss + 4.0)
    assessment = Assessment(
        grade, mild, moderate, severe, heights, loss, interval, None, points, deformity, 120.0
    )
    return VertebraFinding(LEVELS[i], 0.95, (x, y, z), assessment, None)


def ct_headers() -> tuple[Dataset, ...]:
    """One header a slice, foot to head, as a scanner would write them."""
    return tuple(_header(k) for k in range(SLICES))


def _header(k: int) -> Dataset:
    header = Dataset()
    header.SOPClassUID = CTImageStorage
    header.SOPInstanceUID = f"{SERIES}.{k + 1}"
    header.StudyInstanceUID, header.SeriesInstanceUID = STUDY, SERIES
    header.Modality = "CT"
    header.PatientName, header.PatientID = "Doe^Jane", "4711"
    header.PatientBirthDate, header.PatientSex = "19500102", "F"
    header.StudyDate, header.StudyTime, header.StudyID = "20260304", "010203", "17"
    header.AccessionNumber, header.ReferringPhysicianName = "A-1", ""
    header.FrameOfReferenceUID = f"{STUDY}.9"
    header.Rows, header.Columns = ROWS, COLUMNS
    header.PixelSpacing, header.SliceThickness = [PIXEL_MM, PIXEL_MM], SLICE_MM
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.ImagePositionPatient = [LEFT_MM, FRONT_MM, BOTTOM_MM + SLICE_MM * k]
    return header


def multi_frame_header() -> Dataset:
    """One Enhanced CT instance with every slice as a frame; geometry lies in its functional groups."""
    header = _header(0)
    for keyword in ("PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient"):
        del header[keyword]
    header.SOPClassUID = EnhancedCTImageStorage
    header.NumberOfFrames = SLICES
    return header


@cache
def spine() -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Bright cylinders of bone in soft tissue, and their affine."""
    affine = np.array(
        [[0, 0, PIXEL_MM, LEFT_MM], [0, PIXEL_MM, 0, FRONT_MM], [SLICE_MM, 0, 0, BOTTOM_MM], [0, 0, 0, 1.0]]
    )
    index = np.stack(np.meshgrid(*[np.arange(n) for n in (SLICES, ROWS, COLUMNS)], indexing="ij"), axis=-1)
    lps = index @ affine[:3, :3].T + affine[:3, 3]
    voxels = np.full((SLICES, ROWS, COLUMNS), 40, dtype=np.int16)
    for i in range(len(LEVELS)):
        away = np.abs(lps - np.array(centre_mm(i)))
        voxels[(np.hypot(away[..., 0] * 0.8, away[..., 1]) < 17) & (away[..., 2] < 13)] = 400
    return voxels, affine


def volume_of(headers: tuple[Dataset, ...]) -> Volume:
    """The synthetic spine as read from ``headers``."""
    voxels, affine = spine()
    frames = len(headers) == 1
    sources = tuple(
        SourceSlice(
            str(headers[0 if frames else k].SOPClassUID),
            str(headers[0 if frames else k].SOPInstanceUID),
            k + 1 if frames else None,
        )
        for k in range(SLICES)
    )
    return Volume(voxels, affine, SLICE_MM, SERIES, sources)


def report_of(findings: tuple[VertebraFinding, ...], **changes: Any) -> StudyReport:
    """A report about the synthetic series."""
    verdict = SeriesVerdict(SERIES, 3, "CT", SLICES, Verdict.CHOSEN, "the only axial series")
    model = ModelIdentity("test-model", "0.1", "0123456789abcdef" * 4)
    report = StudyReport(STUDY, (verdict,), SERIES, findings, None, (), model)
    return replace(report, **changes)


@cache
def study_of(kind: str) -> Study:
    """A study of a kind named in `KINDS`."""
    headers = (multi_frame_header(),) if kind == "multi-frame" else ct_headers()
    if kind == "not analysed":
        failed = report_of((), not_analysed="the slices are 7.5 mm apart", series_instance_uid=None)
        return Study(failed, None, headers)
    return Study(report_of(FINDINGS[kind]), volume_of(headers), headers)


FINDINGS = {
    "one flagged": tuple(vertebra(i, Grade.MODERATE if i == 1 else Grade.NORMAL) for i in range(5)),
    "three flagged": tuple(vertebra(i, Grade((0, 2, 3, 1, 2)[i])) for i in range(5)),
    "possible": tuple(vertebra(i, Grade.MILD if i == 3 else Grade.NORMAL) for i in range(5)),
    "negative": tuple(vertebra(i) for i in range(5)),
    "negative, partial": (*(vertebra(i) for i in range(4)), vertebra(4, missed="cut off by the scan")),
    "flagged, partial": (vertebra(0, Grade.SEVERE), *(vertebra(i, missed="metal") for i in range(1, 5))),
    "multi-frame": tuple(vertebra(i, Grade.SEVERE if i == 2 else Grade.NORMAL) for i in range(5)),
}
KINDS = (*FINDINGS, "not analysed")
