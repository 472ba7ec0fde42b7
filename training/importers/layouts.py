"""The name of a layout in; what reads it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from training.cases import Gathered
from training.importers import corrected_sr, ctspine1k, dicom_csv, totalsegmentator, verdicts, verse, wei2022
from training.importers.source import Source


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout that can be imported: what it is, and its reader."""

    summary: str
    read: Callable[[Source], Gathered]


LAYOUTS: Final[dict[str, Layout]] = {
    "verse": Layout("VerSe'19/'20, any layout, with a grade list if there is one", verse.read),
    "wei2022": Layout(
        "the paper's data set: CTs, masks, annotation.yaml; or its processed crops", wei2022.read
    ),
    "dicom": Layout(
        "a folder of DICOM with a CSV (study,series,level,grade[,x,y,z]), DICOM SEG or both", dicom_csv.read
    ),
    "ctspine1k": Layout("CTSpine1K masks (localisation only)", ctspine1k.read),
    "totalsegmentator": Layout(
        "CT with TotalSegmentator's multi-label masks, no grades", totalsegmentator.read
    ),
    "reports": Layout("TID 1500 reports that radiologists corrected, with their CT", corrected_sr.read),
    "verdicts": Layout("verdicts that `faintline verdicts` exported, with --images", verdicts.read),
}
