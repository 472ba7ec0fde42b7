"""A DICOM Segmentation of vertebrae in; labels, their affine and what the labels mean out (PS3.3 A.51)."""

import re
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from numpy.typing import NDArray

from inference.levels import LEVELS
from inference.volume import Affine
from training.imaging import UnusableImageError


def read_segmentation(path: Path) -> tuple[NDArray[np.int16], Affine, dict[int, str]]:
    """Read the segments that name a vertebra in label, type or anatomic region ("T12 vertebra").

    Raises
    ------
    UnusableImageError : it is no segmentation, has no regular grid, or names no vertebra
    """
    try:
        segmentation = hd.seg.segread(path)
        numbering = _levels(segmentation)
        if not numbering:
            raise UnusableImageError("has no segment that names a vertebra such as 'L1'")
        volume = segmentation.get_volume(
            segment_numbers=sorted(numbering), combine_segments=True, relabel=False, skip_overlap_checks=True
        )
    except UnusableImageError:
        raise
    except Exception as error:  # highdicom raises many kinds for objects that are not as they should be
        raise UnusableImageError(f"cannot be used as DICOM SEG ({type(error).__name__})") from error
    return np.asarray(volume.array, dtype=np.int16), np.asarray(volume.affine, dtype=np.float64), numbering


def _levels(segmentation: Any) -> dict[int, str]:
    found: dict[int, str] = {}
    for segment in segmentation.SegmentSequence:
        for text in _names(segment):
            word = re.search(r"\b([CTL]\d{1,2})\b", text.upper().replace("TH", "T"))
            if word and word[1] in LEVELS:
                found[int(segment.SegmentNumber)] = word[1]
                break
    return found


def _names(segment: Any) -> list[str]:
    names = [str(segment.get("SegmentLabel", "")), str(segment.get("SegmentDescription", ""))]
    for keyword in ("SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence"):
        names += [str(code.get("CodeMeaning", "")) for code in segment.get(keyword, [])]
    return [name.replace("_", " ") for name in names]
