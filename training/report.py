"""An evaluated run in, ``report/index.html`` with its figures and pictures out."""

import json
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from training import plots
from training.metrics import FIGURES, Judged, interval_text
from training.recipe import Recipe
from training.run import tested
from training.samples import Crops
from training.sources import Sources

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
td, th { padding: .15rem .7rem; text-align: left; border-bottom: 1px solid #ddd }
img { max-width: 100%; margin: .3rem .5rem .3rem 0; vertical-align: top }
pre { background: #f4f4f4; padding: .7rem }
.notice { background: #fff3d6; padding: .5rem .8rem }
"""

NOTICE = (
    "FOR RESEARCH USE ONLY. The crops are cut at true places: finding and naming the vertebrae is measured "
    "apart, so these figures are not end-to-end."
)


def write_report(recipe: Recipe, sources: Sources) -> Path:
    """Draw every picture of an evaluated run and the page that shows them; returns the page."""
    run = sources.run
    figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))
    folder = run / "report"
    measured = {one["data"]: one for one in figures["tests"]}
    parts = [_training_part(run, folder)]
    for number, (data, judged, crops) in enumerate(tested(recipe, sources)):
        parts.append(_test_part(data, measured[data], judged, crops, folder, f"test{number}"))
    parts.append(_localiser_part(figures))
    parts.append(f"<h2>Recipe</h2><pre>{escape(json.dumps(asdict(recipe), indent=1))}</pre>")
    page = folder / "index.html"
    page.write_text(_page(run.name, "\n".join(parts)), encoding="utf-8")
    return page


def _page(title: str, body: str) -> str:
    name = escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{STYLE}</style></head><body><h1>Training run {name}</h1>"
        f'<p class="notice">{escape(NOTICE)}</p>{body}</body></html>\n'
    )


def _training_part(run: Path, folder: Path) -> str:
    shown = []
    for network in ("grader", "localiser"):
        picture = folder / f"curves-{network}.png"
        if plots.curves(run / network / "log.jsonl", picture):
            shown.append(f"<h3>{network}</h3>{_image(picture)}")
    return f"<h2>Training</h2>{''.join(shown)}"


def _test_part(
    data: str, measured: dict[str, Any], judged: Judged, crops: Crops | None, folder: Path, stem: str
) -> str:
    pictures = []
    for name, draw in (
        ("confusion", plots.confusion_matrix),
        ("roc", plots.roc),
        ("reliability", plots.reliability),
    ):
        target = folder / f"{stem}-{name}.png"
        if draw(judged, target):
            pictures.append(_image(target))
    worst = folder / f"{stem}-mistakes.png"
    if crops is not None and plots.mistakes(judged, crops, worst):
        pictures.append(f"<h3>Worst mistakes</h3>{_image(worst)}")
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{interval_text(measured['grader'][name])}</td></tr>"
        for name in FIGURES
    )
    return (
        f"<h2>{escape(data)}: {measured['vertebrae']} vertebrae</h2>"
        f"<table><tr><th>figure</th><th>value (95 % interval, by patient)</th></tr>{rows}</table>"
        f"{''.join(pictures)}"
    )


def _localiser_part(figures: dict[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(one['data'])}</td><td>{escape(name.replace('_', ' '))}</td><td>{value}</td></tr>"
        for one in figures.get("localiser_tests", [])
        for name, value in one["localiser"].items()
    ]
    if not rows:
        return ""
    return (
        f"<h2>Localiser</h2><table><tr><th>data</th><th>figure</th><th>value</th></tr>{''.join(rows)}</table>"
    )


def _image(path: Path) -> str:
    return f'<img src="{escape(path.name)}" alt="{escape(path.stem)}">'
