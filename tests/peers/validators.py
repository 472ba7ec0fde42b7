"""Independent readers of our result objects; each takes a file and returns the faults that it finds.

What counts as a fault: every error, and every warning of a kind not listed here as unavoidable.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from highdicom.sr import srread
from peers.programs import find_program, run_program

PIXELMED = Path("/usr/share/java/pixelmed.jar")

DCIODVFY_NOISE = (
    r"Unrecognized defined term = <99\w+>",  # a private coding scheme is private
    r"Unrecognized defined term = <2\.25\.",  # and so is its UID
    r"needed to build DICOMDIR",  # copied from the source study, empty there
    r"Retired Person Name form",  # copied from the source study, de-identified in its own way
)
IODS = (
    "Comprehensive3DSR", "ComprehensiveSR", "SCImage", "GrayscaleSoftcopyPresentationState", "Segmentation",
    "KeyObjectSelectionDocument", "EncapsulatedPDF",
)  # fmt: skip
"""The names under which dciodvfy knows our objects."""

PIXELMED_NOISE = (
    r"Content Item not in template",
)  # free CODE items and the Comment have no row in its tables
DCMTK_NOISE = (r"VR checker does not support this Specific Character Set: ISO_IR 192",)
DCMQI_NOISE = (r"^dcmqi repository URL", r"not known, and as such is qualitative")

Validator = Callable[[Path], list[str]]


def _lines(text: str, pattern: str, noise: tuple[str, ...] = ()) -> list[str]:
    return [
        line
        for line in text.splitlines()
        if re.search(pattern, line) and not any(re.search(kind, line) for kind in noise)
    ]


def dciodvfy(path: Path) -> list[str]:
    """David Clunie's IOD verifier, for SR and SC."""
    done = run_program([find_program("dciodvfy"), "-new", str(path)])
    said = done.stdout + done.stderr
    faults = _lines(said, r"^(Error|Warning|\*\*\*)", DCIODVFY_NOISE)
    if not _lines(said, rf"^({'|'.join(IODS)})$"):
        faults.append("dciodvfy did not recognise the IOD")
    return faults


def pixelmed(path: Path) -> list[str]:
    """PixelMed's validator of SR templates; SR only."""
    if not PIXELMED.is_file():
        pytest.skip("PixelMed (libpixelmed-java) is not installed")
    limits = [f"-Djdk.xml.xpath{name}=0" for name in ("TotalOpLimit", "ExprGrpLimit", "ExprOpLimit")]
    lean = ["-Djava.awt.headless=true", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    main = ["-cp", str(PIXELMED), "com.pixelmed.validate.DicomSRValidator", str(path)]
    done = run_program([find_program("java"), *lean, *limits, *main])
    said = done.stdout + done.stderr
    faults = _lines(said, r"Error|Warning|Exception", PIXELMED_NOISE)
    for line in (
        "Found Root Template TID_1500",
        "Root Template Validation Complete",
        "IOD validation complete",
    ):
        if line not in said:
            faults.append(f"PixelMed did not say: {line}")
    return faults


def dsrdump(path: Path) -> list[str]:
    """dcmtk's reader of reports."""
    done = run_program([find_program("dsrdump"), "+Pl", str(path)])
    faults = _lines(done.stderr, r"^[WEF]:", DCMTK_NOISE)
    if done.returncode:
        faults.append(f"dsrdump exited with {done.returncode}")
    return faults


def tid1500reader(path: Path) -> list[str]:
    """dcmqi's reader of TID 1500, from its Python package."""
    program = Path(sys.executable).with_name("tid1500reader")
    if not program.exists():
        pytest.skip("tid1500reader (the Python package dcmqi) is not installed")
    done = run_program(
        [str(program), "--inputDICOM", str(path), "--outputMetadata", str(path.with_suffix(".json"))]
    )
    faults = _lines(done.stdout + done.stderr, r"(?i)error|warning", DCMQI_NOISE)
    if done.returncode:
        faults.append(f"tid1500reader exited with {done.returncode}")
    return faults


def highdicom(path: Path) -> list[str]:
    """highdicom's reader: a measurement report with at least one group that has a region."""
    try:
        content: Any = srread(str(path)).content
        groups = content.get_planar_roi_measurement_groups()
        regions = [group.roi for group in groups]
    except Exception as error:
        return [f"highdicom cannot read it: {error!r}"]
    return [] if regions and None not in regions else ["a measurement group without a region"]


FOR_REPORTS: tuple[Validator, ...] = (dciodvfy, dsrdump, tid1500reader, highdicom, pixelmed)
FOR_PICTURES: tuple[Validator, ...] = (dciodvfy,)


def faults_of(path: Path) -> dict[str, list[str]]:
    """What each validator fit for the object finds; empty when all accept it."""
    modality = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).Modality
    chosen = FOR_REPORTS if modality == "SR" else FOR_PICTURES
    found = {validator.__name__: validator(path) for validator in chosen}
    return {name: faults for name, faults in found.items() if faults}
