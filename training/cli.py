"""Import annotated cases, check them, train, measure, compare, export and promote a model bundle.

The usual way: import a data set, check it, draw phantom spines, fit from the shipped bundle, evaluate,
export, compare with the bundle in use, promote.
"""

# Heavy imports sit inside the commands, so that --help is quick.

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)

RunFolder = Annotated[
    Path, typer.Option("--run", help="Folder of this run: samples, checkpoints, figures, report")
]
RecipeName = Annotated[
    str | None,
    typer.Option("--recipe", help="Recipe: faintline, fine_tune, wei2022, cross_entropy ... or a file"),
]
Threads = Annotated[int, typer.Option(help="CPU threads, or processes where samples are drawn")]
Sets = Annotated[list[Path] | None, typer.Option("--data", help="Case set to use too; may be repeated")]
Start = Annotated[
    str | None,
    typer.Option("--start", help="Bundle to start from: a folder, or 'default' for the shipped one"),
]


ABLATED = "cross_entropy,wei2022,detached,faintline,ordinal_contrast"


@app.command("import")
def import_(
    layout: Annotated[
        str, typer.Argument(help="dicom, verdicts, reports, verse, wei2022, ctspine1k, totalsegmentator")
    ],
    source: Annotated[Path, typer.Argument(help="The data set: a folder, or the file of verdicts")],
    to: Annotated[Path, typer.Option(help="Case set to write; must not exist yet")],
    grades: Annotated[Path | None, typer.Option(help="List of grades, where it lies apart")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the DICOM images, where they lie apart")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence that the card of a bundle shall name")] = "",
    virtual: Annotated[int, typer.Option(help="Copies of each measured spine with drawn fractures")] = 0,
    leave_out_faulty: Annotated[bool, typer.Option(help="Import the sound studies of a faulty set")] = False,
    boxes: Annotated[
        bool, typer.Option(help="Keep masked vertebrae for recipe wei2022_se_resnet50 too (6 MB each)")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Check everything, write nothing")] = False,
) -> None:
    """Check an annotated data set whole and make a case set of it; nothing is half imported."""
    from training.commands import datasets

    datasets.import_set(
        layout, (source, grades, images), to, (licence, virtual, leave_out_faulty, boxes), dry_run
    )


@app.command()
def check(sets: Annotated[list[Path], typer.Argument(help="Case sets, or bundles")]) -> None:
    """Check case sets (files, grades, patients in two splits, also between sets) and bundles."""
    from training.commands import datasets

    datasets.check(sets)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="Folder for the DICOM files")],
    seed: Annotated[int | None, typer.Option(help="Draw another torso; without it always the demo's")] = None,
) -> None:
    """Write a synthetic CT study with known fractures, and FOLDER-truth.json beside it."""
    from training.commands import datasets

    datasets.phantom(folder, seed)


@app.command()
def draw(run: RunFolder, recipe: RecipeName = None, threads: Threads = 2) -> None:
    """Draw the synthetic samples of all purposes; what is there already is kept."""
    from training.commands import datasets

    datasets.draw(run, recipe, threads)


@app.command()
def fit(
    network: Annotated[str, typer.Argument(help="localiser or grader")],
    run: RunFolder,
    recipe: RecipeName = None,
    data: Sets = None,
    start: Start = None,
    threads: Threads = 2,
) -> None:
    """Train one network; goes on from the last checkpoint, also after kill -9."""
    from training.commands import training_runs

    if network not in {"localiser", "grader"}:
        raise typer.BadParameter("the network is 'localiser' or 'grader'")
    training_runs.fit(network, run, recipe, (data, start), threads)


@app.command()
def evaluate(run: RunFolder, recipe: RecipeName = None, data: Sets = None, threads: Threads = 2) -> None:
    """Calibrate on validation, measure on test, write figures.json and report/index.html."""
    from training.commands import training_runs

    training_runs.evaluate(run, recipe, data, threads)


@app.command()
def measure(
    bundle: Annotated[str, typer.Argument(help="Bundle, or 'default' for the shipped one")],
    data: Annotated[list[Path], typer.Option("--data", help="Case set; may be repeated")],
    part: Annotated[str, typer.Option(help="training, validation, test or all")] = "test",
    to: Annotated[
        Path | None, typer.Option(help="File for the figures as JSON, as a card holds them")
    ] = None,
) -> None:
    """Measure a bundle on case sets it was not trained on: real and virtual fractures apart."""
    from training.commands import bundles

    bundles.measure_bundle(bundle, data, part, to)


@app.command()
def compare(
    bundle: Annotated[Path, typer.Argument(help="Bundle to judge")],
    data: Annotated[list[Path], typer.Option("--data", help="Case set; may be repeated")],
    against: Annotated[str, typer.Option("--with", help="Bundle to compare with, or 'default'")] = "default",
    part: Annotated[str, typer.Option(help="validation or test")] = "validation",
) -> None:
    """Measure two bundles on the same vertebrae, figure by figure, with paired intervals by patient."""
    from training.commands import bundles

    bundles.compare_bundles(bundle, against, data, part)


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option(help="Folder of the bundle")],
    version: Annotated[str, typer.Option(help="Version the card shall name")],
    name: Annotated[str, typer.Option(help="Name the card shall carry")] = "faintline-phantom",
    recipe: RecipeName = None,
    data: Sets = None,
    start: Start = None,
    replace: Annotated[bool, typer.Option(help="Replace the bundle that is there")] = False,
) -> None:
    """Write the bundle of an evaluated run; its card names every data set with its licence."""
    from training.commands import training_runs

    training_runs.export(run, (to, name, version, replace), recipe, (data, start))


@app.command()
def promote(
    shelf: Annotated[
        Path, typer.Argument(help="Folder of the bundles; the node's worker.bundle is SHELF/current")
    ],
    bundle: Annotated[Path | None, typer.Argument(help="Bundle to promote")] = None,
    data: Sets = None,
    tolerance: Annotated[float, typer.Option(help="How much of a figure may be lost")] = 0.0,
    new_validation: Annotated[
        bool, typer.Option(help="Judge on another validation set than last time")
    ] = False,
    back: Annotated[bool, typer.Option(help="Make the previous bundle current again")] = False,
) -> None:
    """Make a bundle the current one, unless it is worse on the frozen validation set; the old one is kept."""
    from training.commands import bundles

    bundles.promote(shelf, bundle, data, (tolerance, new_validation, back))


@app.command()
def shadow(
    bundle: Annotated[Path, typer.Argument(help="Bundle to try")],
    studies: Annotated[Path, typer.Option(help="Folder of DICOM studies")],
    to: Annotated[Path, typer.Option(help="File for the findings, one JSON object a study")],
    against: Annotated[str, typer.Option("--with", help="Bundle in use, or 'default'")] = "default",
) -> None:
    """Screen studies with a bundle beside the one in use; writes where they differ, sends nothing."""
    from training.commands import bundles

    bundles.shadow(bundle, against, studies, to)


@app.command()
def ablation(
    run: RunFolder,
    recipes: Annotated[
        str, typer.Option(help="Recipes, separated by commas")
    ] = "cross_entropy,wei2022,detached,faintline,ordinal_contrast",
    seeds: Annotated[int, typer.Option(help="Seeds of each recipe")] = 5,
    steps: Annotated[int | None, typer.Option(help="Steps of every fit (default: the recipe's)")] = None,
    data: Sets = None,
    threads: Threads = 2,
) -> None:
    """Fit every recipe with every seed on the same samples and steps; writes RUN/ablation/table.md."""
    from training.commands import training_runs

    training_runs.ablation(run, (recipes, seeds, steps), data, threads)


@app.command()
def table(
    layout: Annotated[str, typer.Argument(help="verse or wei2022")],
    source: Annotated[Path, typer.Argument(help="Folder of the data set")],
    run: RunFolder,
    grades: Annotated[
        Path | None, typer.Option(help="List of grades with the split, where it lies apart")
    ] = None,
    recipes: Annotated[
        str, typer.Option(help="Recipes, separated by commas")
    ] = "wei2022,cross_entropy,faintline",
    seeds: Annotated[int, typer.Option(help="Seeds of each recipe")] = 3,
    steps: Annotated[int | None, typer.Option(help="Steps of every fit (default: the recipe's)")] = None,
    leave_out_faulty: Annotated[bool, typer.Option(help="Go on without scans that lack a file")] = False,
    threads: Threads = 2,
) -> None:
    """Repeat the paper's table on VerSe'19 or the paper's set: import, fit, measure, in one command."""
    from training.commands import training_runs

    plan = recipes, seeds, steps
    training_runs.table(layout, (source, grades, None), run, plan, threads, leave_out_faulty)


def main() -> None:
    """Run the command line; what a person can put right is said in plain words."""
    import sys

    from inference.errors import InferenceError
    from training.errors import ImportProblems, TrainingError

    try:
        app()
    except ImportProblems as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        sys.exit(f"{error}")
    except (TrainingError, InferenceError) as error:
        for problem in getattr(error, "problems", ()):
            typer.echo(str(problem), err=True)
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        sys.exit(f"the package {error.name} is missing: `pip install '.[training]'` in Faintline's folder")
    except OSError as error:
        sys.exit(
            f"{error.filename or 'the disk'}: {error.strerror or error}; nothing that was whole has been "
            "overwritten: make room or mend the path and run the same command again"
        )
