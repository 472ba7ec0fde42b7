"""The `faintline` command. Every command is a few lines; what it needs is imported when it is called."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference.errors import InferenceError
from listener.errors import ListenerError

if TYPE_CHECKING:
    from listener.audit import Kind
    from listener.settings import Settings

app = typer.Typer(
    name="faintline",
    help="Screens CT studies for vertebral compression fractures, as a DICOM node. For research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SettingsFile = Annotated[
    Path, typer.Option("--settings", "-s", help="The settings file.", envvar="FAINTLINE_SETTINGS")
]
_DEFAULT_SETTINGS = Path("faintline.toml")


@app.command()
def serve(settings: SettingsFile = _DEFAULT_SETTINGS) -> None:
    """Run the node in the foreground: receive, screen, deliver."""
    from listener import process
    from listener.banner import show
    from listener.serve import serve as run
    from listener.settings import load_settings

    loaded = load_settings(settings)
    process.prepare(loaded.log)
    show(loaded)
    run(loaded, settings.absolute())


@app.command()
def check(settings: SettingsFile = _DEFAULT_SETTINGS) -> None:
    """Say in plain words what is wrong: settings, folder, model, port, destinations."""
    from listener.check import run_checks
    from listener.settings import load_settings

    faults = 0
    for result in run_checks(load_settings(settings)):
        mark, words = ("ok   ", result.remark) if result.fault is None else ("WRONG", result.fault)
        typer.echo(f"{mark} {result.subject}: {words}")
        faults += result.fault is not None
    if faults:
        raise typer.Exit(1)


@app.command()
def status(
    settings: SettingsFile = _DEFAULT_SETTINGS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Show every study, where it stands and why."""
    from listener.settings import load_settings
    from listener.status import listing, overview

    rows = overview(load_settings(settings))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for line in listing(rows):
        typer.echo(line)


@app.command()
def retry(
    study: Annotated[str, typer.Argument(help="The Study Instance UID.")],
    settings: SettingsFile = _DEFAULT_SETTINGS,
) -> None:
    """Give a parked study, or results that could not be delivered, another turn now."""
    from datetime import UTC, datetime

    from listener.audit import CHANGED
    from listener.registry import Registry
    from listener.settings import load_settings

    loaded, now = load_settings(settings), datetime.now(UTC)
    registry = Registry(loaded.registry_url)
    unparked, resent = registry.studies.unpark(study, now), registry.deliveries.retry(study, now)
    if not unparked and not resent:
        raise ListenerError(f"nothing to retry: {study} is not parked and has nothing left to deliver")
    _record(loaded, CHANGED, "another turn was asked for", study)
    typer.echo(f"{study}: another turn is due now")


@app.command()
def verdicts(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else the terminal.")
    ] = None,
    settings: SettingsFile = _DEFAULT_SETTINGS,
) -> None:
    """Export what radiologists answered, one JSON object a line, for training."""
    from listener.audit import EXPORTED
    from listener.registry import Registry
    from listener.settings import load_settings

    loaded = load_settings(settings)
    content = "".join(f"{line}\n" for line in Registry(loaded.registry_url).answers.lines())
    _record(loaded, EXPORTED, "radiologists' verdicts exported")
    if output is None:
        typer.echo(content, nl=False)
    else:
        output.write_text(content, encoding="utf-8")


@app.command()
def shadow(settings: SettingsFile = _DEFAULT_SETTINGS) -> None:
    """Show where the shadow bundle (`worker.shadow`) found something else than what was sent."""
    from listener.settings import load_settings
    from listener.shadow_findings import listing

    for line in listing(load_settings(settings).results):
        typer.echo(line)


@app.command()
def audit(settings: SettingsFile = _DEFAULT_SETTINGS) -> None:
    """Check that the audit trail is whole: no message changed, removed or inserted."""
    from listener.audit import TRAIL_USED, verify
    from listener.settings import load_settings

    loaded = load_settings(settings)
    typer.echo(f"{verify(loaded.audit_folder)} messages, the chain is whole")
    _record(loaded, TRAIL_USED, "the audit trail was checked")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    settings: SettingsFile = _DEFAULT_SETTINGS,
) -> None:
    """Copy everything that must survive, while the node runs or not."""
    from listener.audit import EXPORTED
    from listener.backup import back_up
    from listener.settings import load_settings

    loaded = load_settings(settings)
    typer.echo(f"{to}: {back_up(loaded, to)} files")
    _record(loaded, EXPORTED, "backup taken")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="The folder of a backup.", exists=True)],
    settings: SettingsFile = _DEFAULT_SETTINGS,
) -> None:
    """Put a backup into an empty folder of a node that does not run, and check it."""
    from listener.audit import IMPORTED
    from listener.backup import put_back
    from listener.settings import load_settings

    loaded = load_settings(settings)
    typer.echo(f"{put_back(loaded, source)} files put back; start the node")
    _record(loaded, IMPORTED, "backup put back")


@app.command()
def screen(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM files of one study.", exists=True)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the results.")] = Path(),
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="The settings file, if any.")
    ] = None,
) -> None:
    """Screen a folder of DICOM files offline: writes the SR and the SC beside a PNG, sends nothing."""
    from listener import process
    from listener.offline import screen_folder
    from listener.settings import Settings, load_settings

    loaded = load_settings(settings) if settings else Settings()
    process.prepare(loaded.log)
    outcome = screen_folder(folder, output, loaded)
    typer.echo(outcome.summary)
    for path in outcome.paths:
        typer.echo(str(path))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", "-f", help="Where the demo writes.")] = Path("demo"),
) -> None:
    """Show the whole way: a phantom CT with known fractures goes in over DICOM, SR and SC come back."""
    from listener.demo.run import run_demo

    raise typer.Exit(run_demo(folder))


def _record(settings: "Settings", kind: "Kind", what: str, *studies: str) -> None:
    """Note in the audit trail what a user did."""
    from getpass import getuser

    from listener.audit import SUCCESS, Audit, AuditEvent

    if settings.folder.exists():
        event = AuditEvent(kind, SUCCESS, getuser(), "", what, studies)
        Audit(settings.audit_folder, settings.audit).record(event)


def main() -> None:
    """Run the command; an error we know of is one line, not a traceback."""
    try:
        app()
    except (ListenerError, InferenceError) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
