"""Commands on a run: fit, evaluate, export, and the tables of several fits."""

import json
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress

from inference.bundle import Bundle
from training import run as runs
from training.ablation import ablate, as_markdown
from training.casesets import CaseSet, read_set
from training.commands.datasets import import_set
from training.commands.showing import Paths, bundle_named, console, show_figures
from training.crew import enlist
from training.errors import CaseSetError
from training.export import Target
from training.exporting import export_run
from training.recipe import Recipe, read_recipe, recipe_path
from training.report import write_report
from training.samples import Purpose
from training.sources import open_sources
from training.watching import watched


def fit(network: str, run: Path, recipe: str | None, origin: tuple[Paths, str | None], threads: int) -> None:
    """Train one network."""
    data, start = origin
    runs.check_threads(threads)
    bundle = bundle_named(start) if start else None
    with enlist() as crew:
        sources = open_sources(run, runs.folders(data))
        if crew.is_first:
            runs.recipe_of(recipe, run)
            _note_start(run, bundle)
        crew.wait()
        chosen = runs.recipe_of(None, run)
        schedule = chosen.grader.schedule if network == "grader" else chosen.localiser.schedule
        if not crew.is_first:
            runs.fit_network(network, chosen, sources, bundle, crew=crew)
            return
        with watched(run / network, schedule.steps) as watch:
            runs.fit_network(network, chosen, sources, bundle, watch, crew)
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
        show_figures(f"{one['data']}: {one['vertebrae']} vertebrae", one["grader"])
    for one in figures.get("localiser_tests", []):
        console.print(f"{one['data']}: {json.dumps(one['localiser'])}")
    console.print(f"figures: {run / 'figures.json'}, report: {page}")


def export(
    run: Path, target: tuple[Path, str, str, bool], recipe: str | None, origin: tuple[Paths, str | None]
) -> None:
    """Write a bundle."""
    data, start = origin
    to, name, version, may_replace = target
    bundle = bundle_named(start) if start else None
    sources = open_sources(run, runs.folders(data))
    export_run(runs.recipe_of(recipe, run), sources, Target(to, name, version), may_replace, bundle)
    console.print(f"wrote {to}")


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
    leave_out_faulty: bool,
) -> None:
    """Import a graded set and run the ablation on it alone."""
    folder = run / "set"
    names, _, _ = plan
    boxes = [read_recipe(recipe_path(name)).grader.sees_boxes for name in names.split(",")]
    if not folder.is_dir():
        run.mkdir(parents=True, exist_ok=True)
        import_set(layout, places, folder, ("", 0, leave_out_faulty, any(boxes)), False)
    lacking = _lacking(read_set(folder), boxes)
    if lacking:
        raise CaseSetError(
            f"{folder} does not hold what the table needs: {'; '.join(lacking)}. Complete the data set, "
            "remove that folder and run again"
        )
    ablation(run, plan, [folder], threads)


def _lacking(found: CaseSet, sees_boxes: list[bool]) -> list[str]:
    """What a set lacks to train on one part, calibrate on another and measure on a third."""
    lacking = []
    kinds = {Path(name).parts[0] for study in found.studies for name in study.files}
    if "crops" not in kinds and not all(sees_boxes):
        lacking.append("processed crops serve --recipes wei2022_se_resnet50 alone")
    for purpose in Purpose:
        grades = set(range(4)) - set(found.counts(purpose))
        part = f"the {purpose.name.lower()} part ({len(found.of(purpose))} scans)"
        if grades == set(range(4)):
            lacking.append(f"{part} has no graded vertebra")
        elif grades and purpose is Purpose.TRAINING:
            lacking.append(f"{part} has none of grade {', '.join(map(str, sorted(grades)))}")
    return lacking
