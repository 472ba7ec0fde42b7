"""CTs with TotalSegmentator's multi-label masks in; cases without grades out.

``NAME_ct.nii.gz`` with ``NAME_seg.nii.gz``, or ``NAME/ct.nii.gz`` with ``NAME/seg.nii.gz``; vertebrae are
numbered S1 = 26, L5 = 27 ... C1 = 50. They serve the localiser, and with --virtual the grader: a vertebra
that measures normal can be broken. Its public data stand under CC BY 4.0.
"""

from pathlib import Path

from training.cases import TOTALSEGMENTATOR_LABELS, Case, Gathered
from training.errors import Problem
from training.importers.source import Source


def read(source: Source) -> Gathered:
    """Read every pair of CT and mask in a folder."""
    files = sorted(source.folder.rglob("*.nii*"))
    images = {_name(path, "ct"): path for path in files if _stem(path).endswith("ct")}
    masks = {_name(path, "seg"): path for path in files if _stem(path).endswith("seg")}
    problems = [
        *(Problem(str(images[name]), "a CT without its mask") for name in sorted(set(images) - set(masks))),
        *(Problem(str(masks[name]), "a mask without its CT") for name in sorted(set(masks) - set(images))),
    ]
    if not images and not masks:
        problems.append(Problem(str(source.folder), "holds no …_ct.nii.gz with …_seg.nii.gz"))
    cases = tuple(
        Case(name, name, (images[name],), mask=masks[name], numbering=TOTALSEGMENTATOR_LABELS)
        for name in sorted(set(images) & set(masks))
    )
    return Gathered("CT with TotalSegmentator masks", "as the source says", cases, tuple(problems))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _name(path: Path, end: str) -> str:
    return _stem(path).removesuffix(end).removesuffix("_") or path.parent.name
