"""An index of a study -> which stack of slices to screen, and what became of every series and why."""

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from inference.findings import SeriesVerdict, Verdict
from inference.geometry import affine_of
from inference.header import text
from inference.index import Series, StudyIndex
from inference.stacks import Stack, stacks_of

MAX_DEGREES_FROM_AXIAL = 25.0
MIN_SLICES = 20
MIN_COVERAGE_MM = 80.0
"""About two lumbar vertebrae: less holds none with a neighbour to compare it with."""
MAX_SPACING_MM = 5.0
MAX_THICKNESS_MM = 6.0
MAX_SHEAR_DEGREES = 45.0
MAX_SLICES = 10_000
MAX_VOXELS = 1_000_000_000
"""2 GB of memory: 3,800 slices of 512 × 512."""

GOOD_SPACING_MM = 1.5
FULL_COVERAGE_MM = 500.0

NO_SPINE = frozenset(
    (
        *("HEAD", "BRAIN", "SKULL", "SINUS", "ORBIT", "IAC", "EAR", "FACE", "JAW", "MAXILLA", "MANDIBLE"),
        *("TEMPORALBONE", "ELBOW", "FOREARM", "WRIST", "HAND", "FINGER"),
        *("FEMUR", "LEG", "KNEE", "CALF", "TIBIA", "ANKLE", "FOOT", "TOE"),
    )
)
"""Body parts (0018,0015) in which a graded vertebra cannot lie."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesChoice:
    """What became of every series, and the stacks that can be screened, best first."""

    verdicts: tuple[SeriesVerdict, ...]
    candidates: tuple[Stack, ...]

    @property
    def reason_for_none(self) -> str:
        """Why there is nothing to screen, in plain words; "" where there is."""
        if self.candidates:
            return ""
        if not self.verdicts:
            return "the study holds no images"
        reasons = Counter(verdict.reason for verdict in self.verdicts)
        listed = "; ".join(f"{n} × {reason}" if n > 1 else reason for reason, n in reasons.most_common(5))
        return f"no series can be screened: {listed}"

    def without_first(self, reason: str) -> "SeriesChoice":
        """Choose again after the first candidate could not be read; its series' verdict says so."""
        failed, *rest = self.candidates
        uid = failed.series_instance_uid
        others = [stack for stack in rest if stack.series_instance_uid == uid]
        verdict = Verdict.USABLE if others else Verdict.REJECTED
        why = f"{describe(others[0])}; a better stack failed: {reason}" if others else reason
        verdicts = [
            replace(one, verdict=verdict, reason=why) if one.series_instance_uid == uid else one
            for one in self.verdicts
        ]
        return SeriesChoice(_with_chosen(verdicts, rest), tuple(rest))


def choose_series(index: StudyIndex) -> SeriesChoice:
    """Judge every series of one study of one patient.

    Raises
    ------
    SeveralStudiesError, PatientMismatchError : where the files are not one study of one patient
    """
    if index.series:
        index.check_one_patient()
    verdicts: list[SeriesVerdict] = []
    candidates: list[Stack] = []
    for series in index.series:
        usable, reason = _judge(series)
        candidates += usable
        verdicts.append(_verdict(series, Verdict.USABLE if usable else Verdict.REJECTED, reason))
    candidates.sort(key=_rank)
    return SeriesChoice(_with_chosen(verdicts, candidates), tuple(candidates))


def _judge(series: Series) -> tuple[list[Stack], str]:
    """Return the usable stacks of a series, and what it is or why it has none."""
    refusals = Counter(instance.refusal for instance in series.instances if instance.refusal)
    slices = sum(len(instance.frames) for instance in series.instances)
    if slices > MAX_SLICES:
        return [], f"{slices} slices are too many for a CT series"
    stacks = stacks_of(series)
    if not stacks:
        return [], next(iter(refusals)) if len(refusals) == 1 else _listed(refusals)
    faults = [fault_of(stack) for stack in stacks]
    usable = [stack for stack, fault in zip(stacks, faults, strict=True) if not fault]
    left_out = f"; left out: {_listed(refusals)}" if refusals else ""
    if not usable:
        return [], faults[0] + left_out
    best = min(usable, key=_rank)
    several = f"; one of {len(stacks)} stacks in the series" if len(stacks) > 1 else ""
    return usable, "; ".join((describe(best), *best.notes)) + several + left_out


def fault_of(stack: Stack) -> str:
    """Say why a stack cannot be screened, with numbers; "" where it can."""
    part = text(stack.lead.header, "BodyPartExamined").upper().replace(" ", "")
    count, covered, spacing = len(stack.slices), stack.coverage_mm, stack.spacing_mm
    axial = stack.first.degrees_from_axial
    few = f"{count} slice{'s cover' if count > 1 else ' covers'} {covered:.0f} mm"
    rules = (
        (axial > MAX_DEGREES_FROM_AXIAL, f"not axial: slices are turned by {axial:.0f}° (a reformat)"),
        (part in NO_SPINE, f"the header names {part} as the body part"),
        (
            count < MIN_SLICES or covered < MIN_COVERAGE_MM,
            f"{few}, at least {MIN_COVERAGE_MM:.0f} mm and {MIN_SLICES} slices are needed",
        ),
        (spacing > MAX_SPACING_MM + 0.05, f"slice spacing {spacing:.3g} mm exceeds {MAX_SPACING_MM:g} mm"),
        (
            stack.thickness_mm > MAX_THICKNESS_MM,
            f"slice thickness {stack.thickness_mm:.3g} mm exceeds {MAX_THICKNESS_MM:g} mm",
        ),
        (shear_degrees(stack) > MAX_SHEAR_DEGREES, "slices are not stacked along their normal"),
        (
            stack.lattice.worst_mm > max(0.3 * spacing, 0.5),
            f"slices lie up to {stack.lattice.worst_mm:.1f} mm beside an even spacing",
        ),
        (stack.voxels > MAX_VOXELS, f"{stack.voxels / 1e9:.1f} billion voxels are too many to read"),
    )
    faults = [reason for broken, reason in rules if broken]
    return "; ".join((*faults, *stack.notes)) if faults else ""


def shear_degrees(stack: Stack) -> float:
    """Return the angle between the stacking direction and the slices' normal: the gantry tilt."""
    step = affine_of(stack.lattice, stack.first)[:3, 0]
    length = float(np.linalg.norm(step))
    if length == 0:
        return 0.0
    return float(np.degrees(np.arccos(np.clip(step @ stack.first.normal / length, -1, 1))))


def describe(stack: Stack) -> str:
    """Say what a stack is: its spacing, extent, kernel and contrast."""
    lead = stack.lead
    tilt = shear_degrees(stack)
    parts = [
        f"{len(stack.slices)} axial slices every {stack.spacing_mm:.3g} mm cover {stack.coverage_mm:.0f} mm",
        f"kernel {lead.kernel}" if lead.kernel else "",
        "with contrast agent" if lead.contrast else "",
        f"gantry tilt {tilt:.1f}°" if tilt > 0.5 else "",
        "" if _original(stack) else "derived, not original",
    ]
    return ", ".join(part for part in parts if part)


def score(stack: Stack) -> float:
    """Weigh a stack: what it covers of the spine against how coarse, sharp or derived it is.

    A unit is about 1 mm of slice spacing, or 125 mm of coverage. Starting points, not yet validated on a
    hospital's mix of series.
    """
    coarse = max(stack.spacing_mm, stack.thickness_mm, GOOD_SPACING_MM) - GOOD_SPACING_MM
    covered = 4.0 * min(stack.coverage_mm, FULL_COVERAGE_MM) / FULL_COVERAGE_MM
    penalties = (
        (0.5, _sharp(stack.lead.kernel)),
        (0.2, stack.lead.contrast),
        (0.5, _metal_reduced(stack)),
        (3.0, not _original(stack)),
    )
    return covered - coarse - sum(weight for weight, holds in penalties if holds)


def _rank(stack: Stack) -> tuple[float, int, float, str]:
    number = stack.lead.series_number
    return (
        -score(stack),
        -len(stack.slices),
        float("inf") if number is None else number,
        stack.series_instance_uid,
    )


def _original(stack: Stack) -> bool:
    return not {"DERIVED", "SECONDARY"} & set(stack.lead.image_type[:2])


def _sharp(kernel: str) -> bool:
    """Whether a kernel enhances edges, by the names of GE, Philips, Canon (FC5x) and Siemens (B60f, Br64)."""
    name = kernel.upper()
    if name.startswith(("BONE", "LUNG", "EDGE", "DETAIL", "FC5")) or name in (
        "D",
        "E",
        "L",
        "YC",
        "YD",
        "YE",
    ):
        return True
    siemens = re.match(r"[BHIQ][A-Z]?(\d\d)", name)
    return siemens is not None and int(siemens[1]) >= 60


def _metal_reduced(stack: Stack) -> bool:
    name = text(stack.lead.header, "SeriesDescription").upper()
    return any(word in name for word in ("MAR", "SEMAR", "O-MAR", "IMAR")) or "MAR" in stack.lead.image_type


def _listed(refusals: Counter[str]) -> str:
    return ", ".join(f"{count} × {reason}" for reason, count in refusals.most_common(4))


def _verdict(series: Series, verdict: Verdict, reason: str) -> SeriesVerdict:
    return SeriesVerdict(
        series.series_instance_uid, series.number, series.modality, len(series.instances), verdict, reason
    )


def _with_chosen(verdicts: list[SeriesVerdict], candidates: list[Stack]) -> tuple[SeriesVerdict, ...]:
    chosen = candidates[0].series_instance_uid if candidates else None
    return tuple(
        replace(verdict, verdict=Verdict.CHOSEN) if verdict.series_instance_uid == chosen else verdict
        for verdict in verdicts
    )
