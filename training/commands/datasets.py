"""Commands on data: import and check annotated sets, write phantom studies, draw phantom samples."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from inference.bundle import load_bundle
from inference.card import CARD
from training import run as runs
from training.casesets import CaseSet, faults_of, read_set
from training.commands.showing import console
from training.errors import TrainingError
from training.importers import LAYOUTS, Source
from training.importing import ImportOptions, import_cases
from training.phantom import demo_study, phantom_study
from training.recipe import read_recipe
from training.samples import Purpose
from training.sources import FaultySetsError
from training.watching import counted


def import_set(
    layout: str,
    places: tuple[Path, Path | None, Path | None],
    to: Path,
    options: tuple[str, int, bool, bool],
    dry_run: bool,
) -> None:
    """Import one data set."""
    if layout not in LAYOUTS:
        known = "\n".join(f"  {name}: {one.summary}" for name, one in LAYOUTS.items())
        raise TrainingError(f"there is no layout {layout!r}; known are:\n{known}")
    source = Source(*places)
    if not source.folder.exists():
        raise TrainingError(f"{source.folder} does not exist")
    gathered = LAYOUTS[layout].read(source)
    target = to.with_name(to.name + ".dry-run") if dry_run else to
    imported = import_cases(
        gathered, target, ImportOptions(*options), read_recipe().grader, load_bundle(),
        lambda cases, count: counted(cases, count, "check and cut"),
    )  # fmt: skip
    for note in imported.notes:
        console.print(f"note: {note}", highlight=False)
    for problem in imported.left_out:
        console.print(f"left out: {problem}", highlight=False)
    _show_set(imported.case_set)
    if dry_run:
        shutil.rmtree(target)
        console.print("nothing wrong was found; nothing was written (--dry-run)")


def check(paths: Sequence[Path]) -> None:
    """Check case sets and bundles."""
    bundles = [path for path in paths if (path / CARD).is_file()]
    for path in bundles:
        bundle = load_bundle(path)
        console.print(f"{path}: bundle {bundle.card.name} {bundle.card.version}, weights as its card says")
    sets = [read_set(path) for path in paths if path not in bundles]
    problems = faults_of(sets)
    if problems:
        raise FaultySetsError(problems)
    for one in sets:
        _show_set(one)


def _show_set(one: CaseSet) -> None:
    table = Table(title=f"{one.folder}: {one.data} ({one.licence})")
    for name in ("", "patients", "studies", "grade 0", "1", "2", "3", "ungraded only"):
        table.add_column(name, justify="right" if name else "left")
    for purpose in Purpose:
        studies, counts = one.of(purpose), one.counts(purpose)
        plain = sum(not study.grades for study in studies)
        cells = [
            len({study.patient for study in studies}),
            len(studies),
            *(counts[g] for g in range(4)),
            plain,
        ]
        table.add_row(purpose.name.lower(), *map(str, cells))
    console.print(table)
    console.print(f"fingerprint {one.fingerprint[:16]}")
    for purpose in (Purpose.VALIDATION, Purpose.TEST):
        if one.studies and not one.of(purpose):
            console.print(f"note: no {purpose.name.lower()} study: too few patients to set some apart")


def phantom(folder: Path, seed: int | None) -> None:
    """Write a phantom study."""
    drawn = demo_study(folder) if seed is None else phantom_study(folder, seed)
    truths = [asdict(truth) | {"axes": truth.axes.tolist()} for truth in drawn]
    target = folder.with_name(folder.name + "-truth.json")
    target.write_text(json.dumps(truths, indent=1) + "\n", encoding="utf-8")
    console.print(f"wrote {folder} and {target}")


def draw(run: Path, recipe: str | None, processes: int) -> None:
    """Draw phantom samples."""
    chosen = runs.recipe_of(recipe, run)
    with console.status("drawing phantom samples; what is there already is kept"):
        runs.draw_samples(chosen, run, processes)
