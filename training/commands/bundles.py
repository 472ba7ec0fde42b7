"""Commands on finished bundles: measure, compare, promote, screen beside the one in use."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from inference.bundle import load_bundle
from training import shelf as shelves
from training.commands.showing import Paths, bundle_named, console, show_figures
from training.comparison import Comparison, compare, measure_boxes
from training.comparison import measure_bundle as measure_crops
from training.errors import NotPromotedError, TrainingError
from training.metrics import worded
from training.samples import Purpose
from training.shadow import shadow_studies
from training.sources import open_sources
from training.wei2022.bundle import load_box_grader


def measure_bundle(name: str, data: Sequence[Path], part: str, to: Path | None) -> None:
    """Measure one bundle."""
    if part != "all" and part.upper() not in Purpose.__members__:
        raise TrainingError(f"there is no part {part!r}: name training, validation, test or all")
    purposes = tuple(Purpose) if part == "all" else (Purpose[part.upper()],)
    sources = open_sources(Path(), data)
    boxed = None if name == "default" else load_box_grader(Path(name))
    if boxed is not None:
        found = measure_boxes(boxed, sources, purposes)
    else:
        found = measure_crops(bundle_named(name), sources.sets, purposes)
    if not found:
        raise TrainingError(f"the sets hold nothing that {name} looks at for {part}")
    for one in found:
        show_figures(f"{one.data}: {one.vertebrae} vertebrae of {one.patients} patients", one.figures)
    if to is not None:
        cards = [
            {
                "data": one.data,
                "vertebrae": one.vertebrae,
                "patients": one.patients,
                "grader": worded(one.figures),
            }
            for one in found
        ]
        to.write_text(json.dumps(cards, indent=1) + "\n", encoding="utf-8")
        console.print(f"wrote {to}")


def compare_bundles(bundle: Path, against: str, data: Sequence[Path], part: str) -> None:
    """Compare a bundle with another."""
    if part not in {"validation", "test"}:
        raise TrainingError(f"there is no part {part!r}: name validation or test")
    sets = open_sources(Path(), data).sets
    found = compare(bundle_named(against), load_bundle(bundle), sets, Purpose[part.upper()])
    _show_comparison(found)
    for line in found.worse(0.0):
        console.print(f"worse: {line}", highlight=False)


def _show_comparison(found: Comparison) -> None:
    table = Table(title=f"{found.vertebrae} vertebrae of {found.studies} studies")
    for name in ("figure", "in use", "candidate", "difference (95 %)"):
        table.add_column(name)
    for row in found.rows:
        spread = "" if row.low is None or row.high is None else f"{row.low:+.3f} to {row.high:+.3f}"
        table.add_row(row.name, _number(row.current), _number(row.candidate), spread)
    console.print(table)
    if found.localiser is not None:
        console.print(
            f"localiser in use: {found.localiser[0]}\nlocaliser of the candidate: {found.localiser[1]}"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def promote(shelf: Path, bundle: Path | None, data: Paths, choices: tuple[float, bool, bool]) -> None:
    """Promote a bundle, or go back to the previous one."""
    tolerance, new_validation, back = choices
    if back:
        console.print(f"current is {shelves.take_back(shelf).name} again; restart the workers to load it")
        return
    if bundle is None or not data:
        raise NotPromotedError(
            "name the bundle to promote and, with --data, the validation set to judge it on"
        )
    sets = open_sources(shelf, data).sets
    fingerprint = " ".join(sorted(one.fingerprint for one in sets))
    frozen = shelves.frozen_validation(shelf)
    if frozen not in {None, fingerprint} and not new_validation:
        raise NotPromotedError(
            f"{', '.join(str(path) for path in data)}: not the validation set of the last promotion; "
            "name that one, or say --new-validation to judge on another from now on"
        )
    current = shelves.linked(shelf, "current")
    found = compare(load_bundle(current), load_bundle(bundle), sets)
    _show_comparison(found)
    worse = found.worse(tolerance)
    if worse:
        what = "\n".join(f"  {line}" for line in worse)
        raise NotPromotedError(
            f"{bundle} is not promoted: on the frozen validation set it is worse than the one in use:\n{what}"
        )
    figures = {row.name: row.candidate for row in found.rows}
    target = shelves.promote(shelf, bundle, fingerprint, figures)
    console.print(
        f"current is {target.name}; the one before is kept as {shelf / 'previous'}; restart the workers"
    )


def shadow(bundle: Path, against: str, studies: Path, to: Path) -> None:
    """Screen studies with two bundles."""
    current, other = bundle_named(against), load_bundle(bundle)
    differing: Counter[bool] = Counter()
    with to.open("w", encoding="utf-8") as file:
        for found in shadow_studies(studies, current, other):
            file.write(json.dumps(found) + "\n")
            differing[bool(found.get("differences"))] += 1
            for line in found.get("differences", ()):
                console.print(f"{found['study_instance_uid']}  {line}", highlight=False)
    console.print(
        f"{differing.total()} studies screened, {differing[True]} with differences: {to}; nothing was sent"
    )
