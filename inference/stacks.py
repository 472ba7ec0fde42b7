"""The slices of one series -> stacks of parallel, evenly spaced slices of one phase, in order."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.geometry import DUPLICATE_MM, Lattice, Plane, even_runs, fit_lattice
from inference.index import Series
from inference.instance import TIMING, Frame, Instance
from inference.pixels import MAYBE_LOSSY

COARSE_MM = 3.05


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One slice: a frame and the instance that holds it."""

    instance: Instance
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Evenly spaced slices of one series, in order along their normal: what becomes a volume.

    ``notes`` say in plain words what was left out and why, for the report.
    """

    slices: tuple[Slice, ...]
    lattice: Lattice
    notes: tuple[str, ...]

    @property
    def first(self) -> Plane:
        """The plane of the first slice."""
        return self.slices[0].frame.plane

    @property
    def lead(self) -> Instance:
        """The instance of the first slice, which speaks for what they all share."""
        return self.slices[0].instance

    @property
    def series_instance_uid(self) -> str:
        """The series it is part of."""
        return self.lead.series_instance_uid

    @property
    def study_instance_uid(self) -> str:
        """The study it is part of."""
        return self.lead.study_instance_uid

    @property
    def spacing_mm(self) -> float:
        """The distance from slice to slice, along their normal."""
        return abs(float(np.dot(self.lattice.step_mm, self.first.normal)))

    @property
    def coverage_mm(self) -> float:
        """How much of the patient the slices cover, along their stacking."""
        return self.lattice.length_mm

    @property
    def thickness_mm(self) -> float:
        """The nominal slice thickness, or the spacing where the header is silent."""
        return self.slices[0].frame.thickness_mm or self.spacing_mm

    @property
    def voxels(self) -> int:
        """How many voxels the volume would have."""
        return self.first.rows * self.first.columns * len(self.slices)

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """The headers (no pixels) of its instances, each once, in slice order."""
        instances = {one.instance.sop_instance_uid: one.instance for one in self.slices}
        return tuple(instance.header for instance in instances.values())


def stacks_of(series: Series) -> tuple[Stack, ...]:
    """Sort the slices of a series into stacks, the one that covers most first."""
    slices = [Slice(instance, frame) for instance in series.instances for frame in instance.frames]
    stacks = [stack for group in _parallel(slices) for stack in _phases(group)]
    return tuple(sorted(stacks, key=lambda stack: -stack.coverage_mm))


def _parallel(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Group slices of the same phase, size, spacing and orientation."""
    groups: list[list[Slice]] = []
    for one in slices:
        for group in groups:
            known = group[0].frame
            if known.phase == one.frame.phase and known.plane.parallel_to(one.frame.plane):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def _phases(group: list[Slice], first: int = 0) -> list[Stack]:
    """Split parallel slices by their timing where that, and not their union, makes the volumes.

    A differing number alone decides nothing: step-and-shoot scanners count one acquisition a slice. But where
    slices overlap, two phases must not be mixed into one volume. ``first`` is the first timing to split by.
    """
    whole = _stack(group)
    overlapping = len(_distinct(group)) < len(group)
    enough = whole.coverage_mm * (0.8 if overlapping else 1.001)
    for which in range(first, len(TIMING)):
        parts: dict[str, list[Slice]] = defaultdict(list)
        for one in group:
            parts[one.frame.timing[which]].append(one)
        if 1 < len(parts) < len(group):
            stacks = [stack for part in parts.values() for stack in _phases(part, which + 1)]
            if max(stack.coverage_mm for stack in stacks) > enough:
                return stacks
    return [whole]


def _stack(group: Sequence[Slice]) -> Stack:
    """Build the longest even run of parallel slices."""
    distinct = _distinct(group)
    positions = _positions(distinct)
    runs = even_runs(positions, group[0].frame.plane.normal)
    longest = max(runs, key=lambda run: fit_lattice(positions[run]).length_mm)
    kept, lattice = distinct[longest], fit_lattice(positions[longest])
    notes = (
        *_duplicates_note(len(group) - len(distinct)),
        *_gaps_note(distinct, len(kept)),
        *_lossy_note(kept),
        *_coarse_note(kept[0].frame.thickness_mm or 0.0, lattice.length_mm / lattice.slices),
    )
    return Stack(tuple(kept), lattice, notes)


def _distinct(group: Sequence[Slice]) -> list[Slice]:
    """Sort along the normal and keep one slice at each position: the one with the lowest instance number."""
    along = _positions(group) @ group[0].frame.plane.normal
    order = np.argsort(along, kind="stable")
    places: list[list[int]] = []
    for i in order.tolist():
        if places and along[i] - along[places[-1][0]] <= DUPLICATE_MM:
            places[-1].append(i)
        else:
            places.append([i])
    return [min((group[i] for i in place), key=_sequence) for place in places]


def _sequence(one: Slice) -> tuple[int, int, str]:
    return one.instance.instance_number, one.frame.number or 0, one.instance.sop_instance_uid


def _positions(slices: Sequence[Slice]) -> NDArray[np.float64]:
    return np.array([one.frame.plane.position_mm for one in slices], dtype=np.float64)


def _duplicates_note(dropped: int) -> list[str]:
    if not dropped:
        return []
    return [
        f"{_count(dropped, 'slice lies', 'slices lie')} where another one does; "
        "the one with the lower instance number was used"
    ]


def _gaps_note(distinct: Sequence[Slice], kept: int) -> list[str]:
    left = len(distinct) - kept
    if not left:
        return []
    steps = [round(float(np.linalg.norm(b - a)), 2) for a, b in pairwise(_positions(distinct))]
    return [
        f"slices are not evenly spaced ({min(steps):g} to {max(steps):g} mm, slices may be missing): "
        f"only the longest even run of {kept} was used, {_count(left, 'slice was', 'slices were')} left out"
    ]


def _lossy_note(kept: Sequence[Slice]) -> list[str]:
    syntaxes = {one.instance.pixels.transfer_syntax_uid for one in kept if one.instance.pixels}
    return ["the slices may be lossily compressed"] if syntaxes & MAYBE_LOSSY else []


def _coarse_note(thickness_mm: float, step_mm: float) -> list[str]:
    coarse = max(thickness_mm, step_mm)
    return (
        [f"slices are coarse ({coarse:.3g} mm): mild loss of height may not show"]
        if coarse > COARSE_MM
        else []
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
