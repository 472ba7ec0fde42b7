"""The demo from top to bottom: make a phantom, start the node, send, wait, compare."""

import json
import shutil
import socket
import time
from pathlib import Path

from PIL import Image
from pydicom import dcmread
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from inference.levels import GRADED_LEVELS
from listener import process
from listener.demo import pacs
from listener.demo.comparison import Truth, compare, missed, said_in
from listener.errors import ListenerError
from listener.serve import running
from listener.settings import Settings, load_settings
from listener.status import overview
from training.phantom import demo_study

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_START_SECONDS = 60
_RESULT_SECONDS = 180

_SETTINGS = """\
folder = "node"

[receiver]
ae_title = "FAINTLINE"
port = {port}
quiet_seconds = 1
callers = [{{ ae_title = "{pacs}", host = "127.0.0.1" }}]

[[destinations]]
name = "test-pacs"
ae_title = "{pacs}"
host = "127.0.0.1"
port = {pacs_port}

[log]
level = "warning"
"""


def run_demo(folder: Path) -> int:
    """Run the demo in ``folder`` (emptied first); return the exit code: 0 only if it all worked."""
    console = Console()
    folder = folder.absolute()
    if folder.exists() and not (folder / "faintline.toml").exists():
        raise ListenerError(
            f"{folder} exists and is no folder of an earlier demo: name another with --folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port, pacs_port = _free_ports()
    settings_file = folder / "faintline.toml"
    settings_file.write_text(_SETTINGS.format(port=port, pacs=pacs.AE_TITLE, pacs_port=pacs_port))
    settings = load_settings(settings_file)
    process.prepare(settings.log)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console) as progress,
        pacs.listening(pacs_port, folder / "received") as archive,
        running(settings, settings_file),
    ):
        truths = _make_phantom(progress, folder / "phantom")
        files = sorted((folder / "phantom").rglob("*.dcm"))
        _wait_until_open(progress, port)
        _send(progress, files, port)
        _wait_for_results(progress, settings)
    return _tell(console, folder, archive, truths)


def _make_phantom(progress: Progress, folder: Path) -> list[Truth]:
    step = progress.add_task("making a phantom CT with known fractures", total=None)
    truths = [
        Truth(truth.level, truth.grade, truth.raw_loss * 100)
        for truth in demo_study(folder)
        if truth.level in GRADED_LEVELS
    ]
    progress.update(step, total=1, completed=1)
    return truths


def _wait_until_open(progress: Progress, port: int) -> None:
    step = progress.add_task("starting Faintline", total=None)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise ListenerError("Faintline did not open its port") from None
            time.sleep(0.1)
    progress.update(step, total=1, completed=1)


def _send(progress: Progress, files: list[Path], port: int) -> None:
    step = progress.add_task(f"sending {len(files)} slices by C-STORE", total=len(files))
    for count in pacs.send(files, "FAINTLINE", port):
        progress.update(step, completed=count)


def _wait_for_results(progress: Progress, settings: Settings) -> None:
    step = progress.add_task("screening; waiting for SR and SC to come back", total=None)
    deadline = time.monotonic() + _RESULT_SECONDS
    while not any(row.state == "done" for row in overview(settings)):
        if time.monotonic() > deadline:
            raise ListenerError(f"no SR and SC came back within {_RESULT_SECONDS} s")
        time.sleep(0.1)
    progress.update(step, total=1, completed=1)


def _tell(console: Console, folder: Path, archive: pacs.Archive, truths: list[Truth]) -> int:
    (report,), captures = archive.files(COMPREHENSIVE_3D_SR), archive.files(SECONDARY_CAPTURE)
    pictures = [
        folder / ("overview.png" if n == 1 else f"picture-{n}.png") for n in range(1, len(captures) + 1)
    ]
    for capture, picture in zip(captures, pictures, strict=True):
        Image.fromarray(dcmread(capture).pixel_array).save(picture)
    findings = json.loads(next((folder / "node" / "results").rglob("findings.json")).read_text())["findings"]
    said = said_in(report)
    console.print(compare(truths, findings, said))
    console.print(
        "\n".join((f"report   {report}", *(f"picture  {path}" for path in pictures))), soft_wrap=True
    )
    lost = missed(truths, said)
    if lost:
        console.print(f"[red]severe fractures not flagged: {', '.join(lost)}")
    return 1 if lost else 0


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
