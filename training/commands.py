"""The steps behind the commands: values from the command line in, words for a person out."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from inference.bundle import Bundle, load_bundle
from inference.card import CARD
from training import run as runs
from training import shelf as shelves
from training.ablation import ablate, as_markdown
from training.casesets import CaseSet, faults_of, read_set
from training.comparison import Comparison, compare
from training.comparison import measure_bundle as measure_crops
from training.errors import NotPromotedError, TrainingError
from training.importers import LAYOUTS, Source
from training.importing import ImportOptions, import_cases
from training.phantom import demo_study, phantom_study
from training.recipe import Recipe, read_recipe, recipe_path
from training.report import write_report
from training.samples import Purpose
from training.shadow import shadow_studies
from training.sources import FaultySetsError, open_sources
from training.watching import counted, watched

Paths = Sequence[Path] | None
console = Console(soft_wrap=True)


def import_set(
    layout: str,
    places: tuple[Path, Path | None, Path | None],
    to: Path,
    options: tuple[str, int, bool],
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


def fit(network: str, run: Path, recipe: str | None, origin: tuple[Paths, str | None], threads: int) -> None:
    """Train one network."""
    data, start = origin
    runs.check_threads(threads)
    sources = open_sources(run, runs.folders(data))
    chosen = runs.recipe_of(recipe, run)
    schedule = chosen.grader.schedule if network == "grader" else chosen.localiser.schedule
    bundle = bundle_named(start) if start else None
    _note_start(run, bundle)
    with watched(run / network, schedule.steps) as watch:
        runs.fit_network(network, chosen, sources, bundle, watch)
    console.print(f"{network} trained: {run / network}")


def _note_start(run: Path, bundle: Bundle | None) -> None:
    if bundle is not None:
        text = json.dumps(
            {
                "name": bundle.card.name,
                "version": bundle.card.version,
                "weights_sha256": bundle.card.weights_sha256,
            }
        )
        (run / "start.json").write_text(text + "\n", encoding="utf-8")


def evaluate(run: Path, recipe: str | None, data: Paths, threads: int) -> None:
    """Measure a run and write its report."""
    runs.check_threads(threads)
    sources = open_sources(run, runs.folders(data))
    chosen = runs.recipe_of(recipe, run)
    with console.status("calibrating on validation, measuring on test"):
        figures = runs.evaluate_run(chosen, sources)
        page = write_report(chosen, sources)
    for one in figures["tests"]:
        _show_figures(f"{one['data']}: {one['vertebrae']} vertebrae", one["grader"])
    for one in figures.get("localiser_tests", []):
        console.print(f"{one['data']}: {json.dumps(one['localiser'])}")
    console.print(f"figures: {run / 'figures.json'}, report: {page}")


def bundle_named(name: str) -> Bundle:
    """The shipped bundle for ``default``, else the one in the folder of that name."""
    return load_bundle(None if name == "default" else Path(name))


def measure_bundle(name: str, data: Sequence[Path], part: str, to: Path | None) -> None:
    """Measure one bundle."""
    if part != "all" and part.upper() not in Purpose.__members__:
        raise TrainingError(f"there is no part {part!r}: name training, validation, test or all")
    purposes = tuple(Purpose) if part == "all" else (Purpose[part.upper()],)
    found = measure_crops(bundle_named(name), open_sources(Path(), data).sets, purposes)
    if not found:
        raise TrainingError(f"the sets hold no crops for {part}")
    for one in found:
        _show_figures(f"{one.data}: {one.vertebrae} vertebrae of {one.patients} patients", one.figures)
    if to is not None:
        cards = [
            {
                "data": one.data,
                "vertebrae": one.vertebrae,
                "patients": one.patients,
                "grader": runs.worded(one.figures),
            }
            for one in found
        ]
        to.write_text(json.dumps(cards, indent=1) + "\n", encoding="utf-8")
        console.print(f"wrote {to}")


def _show_figures(title: str, figures: dict[str, dict[str, Any]]) -> None:
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value (95 % interval by patient)")
    for name, figure in figures.items():
        table.add_row(name, runs.interval_text(figure))
    console.print(table)


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


def export(
    run: Path, target: tuple[Path, str, str, bool], recipe: str | None, origin: tuple[Paths, str | None]
) -> None:
    """Write a bundle."""
    data, start = origin
    to, name, version, may_replace = target
    bundle = bundle_named(start) if start else None
    sources = open_sources(run, runs.folders(data))
    runs.export_run(runs.recipe_of(recipe, run), sources, to, (name, version, may_replace), bundle)
    console.print(f"wrote {to}")


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


def ablation(run: Path, plan: tuple[str, int, int | None], data: Paths, threads: int) -> None:
    """Fit several recipes with several seeds and write the table."""
    names, seeds, steps = plan
    runs.check_threads(threads)
    sources = open_sources(run, runs.folders(data))
    recipes = {
        Path(name).stem: _with_steps(read_recipe(recipe_path(name)), steps) for name in names.split(",")
    }
    folder = run / "ablation"
    folder.mkdir(parents=True, exist_ok=True)
    with Progress(console=console) as progress:
        task = progress.add_task("ablation", total=None)
        fits = ablate(
            recipes, range(1, seeds + 1), sources, folder,
            lambda title, step, total: progress.update(task, description=title, completed=step, total=total),
        )  # fmt: skip
    text = as_markdown(fits)
    (folder / "table.md").write_text(text, encoding="utf-8")
    console.print(text, markup=False, highlight=False)


def _with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    if steps is None:
        return recipe
    schedule = replace(recipe.grader.schedule, steps=steps)
    return replace(recipe, grader=replace(recipe.grader, schedule=schedule))


def table(
    layout: str,
    places: tuple[Path, Path | None, Path | None],
    run: Path,
    plan: tuple[str, int, int | None],
    threads: int,
) -> None:
    """Import a graded set and run the ablation on it alone."""
    folder = run / "set"
    if not folder.is_dir():
        run.mkdir(parents=True, exist_ok=True)
        import_set(layout, places, folder, ("", 0, False), False)
    ablation(run, plan, [folder], threads)
