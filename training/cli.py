"""``faintline-train``: draw samples, fit the networks, measure them, export a bundle, write a phantom study.

Heavy imports sit inside the commands, so that ``--help`` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

RunFolder = Annotated[Path, typer.Option("--run", help="Folder of this run: samples, checkpoints, figures")]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="Recipe file (default: the shipped one)")]
Threads = Annotated[int, typer.Option(help="CPU threads, or processes where samples are drawn")]


@app.command()
def draw(run: RunFolder, recipe: RecipeFile = None, threads: Threads = 2) -> None:
    """Draw the synthetic samples of all purposes; what is there already is kept."""
    from training.run import draw_samples, recipe_of

    draw_samples(recipe_of(recipe), run, threads)


@app.command()
def fit(
    network: Annotated[str, typer.Argument(help="localiser or grader")],
    run: RunFolder,
    recipe: RecipeFile = None,
    threads: Threads = 2,
) -> None:
    """Train one network; goes on from the last checkpoint."""
    from training.run import fit_network, recipe_of

    if network not in {"localiser", "grader"}:
        raise typer.BadParameter("the network is 'localiser' or 'grader'")
    fit_network(network, recipe_of(recipe), run, threads)


@app.command()
def evaluate(run: RunFolder, recipe: RecipeFile = None, threads: Threads = 2) -> None:
    """Calibrate on validation samples, measure on test samples, print and keep the figures."""
    from training.run import evaluate_run, recipe_of

    typer.echo(evaluate_run(recipe_of(recipe), run, threads))


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option(help="Folder of the bundle")],
    version: Annotated[str, typer.Option(help="Version the card shall name")],
    name: Annotated[str, typer.Option(help="Name the card shall carry")] = "faintline-phantom",
    recipe: RecipeFile = None,
) -> None:
    """Write the bundle of an evaluated run."""
    from training.run import export_run, recipe_of

    export_run(recipe_of(recipe), run, to, name, version)
    typer.echo(f"wrote {to}")


@app.command()
def phantom(folder: Annotated[Path, typer.Argument(help="Folder for the DICOM files")]) -> None:
    """Write a synthetic CT study with known fractures, and FOLDER-truth.json beside it."""
    import json
    from dataclasses import asdict

    from training.phantom import demo_study

    truths = [asdict(truth) | {"axes": truth.axes.tolist()} for truth in demo_study(folder)]
    target = folder.with_name(folder.name + "-truth.json")
    target.write_text(json.dumps(truths, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"wrote {folder} and {target}")


def main() -> None:
    """Run the command line."""
    app()
