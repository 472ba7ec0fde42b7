"""CTSpine1K in; cases without grades, for the localiser only, out. Licence CC BY-NC-SA: not for sale.

``NAME.nii.gz`` with ``NAME_seg.nii.gz`` anywhere in the folder (VerSe numbering), and ``data_split.txt`` with
the header lines ``trainset:``, ``test_public:`` and ``test_private:``.
"""

from pathlib import Path
from typing import Final

from training.cases import Case, Gathered
from training.errors import Problem
from training.importers.source import Source
from training.samples import Purpose

PARTS: Final = {
    "trainset": Purpose.TRAINING,
    "test_public": Purpose.VALIDATION,
    "test_private": Purpose.TEST,
}


def read(source: Source) -> Gathered:
    """Read a CTSpine1K folder."""
    problems: list[Problem] = []
    images = {_stem(path): path for path in sorted(source.folder.rglob("*.nii*"))}
    masks = {stem.removesuffix("_seg"): images.pop(stem) for stem in sorted(images) if stem.endswith("_seg")}
    split = _split(source.folder, problems)
    cases = []
    for name, image in images.items():
        if name not in masks:
            problems.append(Problem(str(image), f"a CT without its mask ({name}_seg.nii.gz)"))
        else:
            cases.append(Case(name, name, (image,), mask=masks[name], purpose=split.get(name)))
    problems += [
        Problem(str(masks[name]), "a mask without its CT") for name in sorted(set(masks) - set(images))
    ]
    if not images:
        problems.append(Problem(str(source.folder), "holds no NIfTI files"))
    return Gathered("CTSpine1K", "CC BY-NC-SA 4.0 (non-commercial)", tuple(cases), tuple(problems))


def _split(folder: Path, problems: list[Problem]) -> dict[str, Purpose]:
    path = next(iter(folder.rglob("data_split.txt")), None)
    if path is None:
        return {}
    split: dict[str, Purpose] = {}
    part = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if text.endswith(":"):
            part = PARTS.get(text[:-1])
            if part is None:
                problems.append(Problem(f"{path}:{number}", f"unknown part {text[:-1]!r}"))
        elif text and part is not None:
            name = _stem(Path(text)).removesuffix("_seg")
            if split.setdefault(name, part) != part:
                problems.append(Problem(f"{path}:{number}", f"{name} is in two parts"))
    return split


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
