"""Settings in; what works and what is wrong out, in plain words."""

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.card import DEFAULT_BUNDLE, read_card, verify
from inference.errors import InferenceError
from listener.calling import Caller
from listener.delivery import echo
from listener.errors import SettingsError
from listener.results.language import read_language
from listener.retention import disk_percent
from listener.settings import Destination, Settings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was checked: ``fault`` is None where it works."""

    subject: str
    remark: str
    fault: str | None


def run_checks(settings: Settings) -> Iterator[CheckResult]:
    """Check everything the node needs, one by one; each is reported before the next begins."""
    yield _folder(settings)
    yield _free_space(settings)
    yield _retention(settings)
    yield _bundle("model bundle", settings.worker.bundle or DEFAULT_BUNDLE)
    if settings.worker.shadow is not None:
        yield _bundle("shadow bundle", settings.worker.shadow)
    yield _language(settings)
    yield _port(settings)
    yield _callers(settings)
    if not settings.destinations:
        yield CheckResult("destinations", "none: results stay in the folder", None)
    for destination in settings.destinations:
        yield _destination(settings, destination)


def _folder(settings: Settings) -> CheckResult:
    subject = f"folder {settings.folder}"
    nearest = _nearest(settings.folder)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return CheckResult(subject, "", f"{nearest} cannot be written by this user")
    return CheckResult(subject, "can be written", None)


def _free_space(settings: Settings) -> CheckResult:
    free_mb = shutil.disk_usage(_nearest(settings.folder)).free >> 20
    least_mb = settings.receiver.free_space_mb
    fault = None
    if free_mb < least_mb:
        fault = f"{free_mb} MB left; instances are refused below free_space_mb = {least_mb}"
    return CheckResult("free space", f"{free_mb} MB", fault)


def _retention(settings: Settings) -> CheckResult:
    """What will be removed, before it is."""
    limits, rules = settings.retention, []
    if limits.days:
        rules.append(f"{limits.days:g} days after their last image")
    if limits.disk_percent and settings.peers:
        full = disk_percent(_nearest(settings.folder))
        rules.append(f"above {limits.disk_percent:g} % of the disk (now {full:.0f} %), the oldest first")
    removed = f"studies that are done are removed {', and '.join(rules)}" if rules else "nothing is removed"
    return CheckResult("retention", removed, None)


def _nearest(folder: Path) -> Path:
    """The folder, or where it will be made."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _bundle(subject: str, folder: Path) -> CheckResult:
    try:
        verify(folder)
        identity = read_card(folder).identity
    except InferenceError as error:
        return CheckResult(subject, "", str(error))
    return CheckResult(subject, f"{identity.name} {identity.version}, checksums agree", None)


def _language(settings: Settings) -> CheckResult:
    report = settings.report
    try:
        language = read_language(report)
    except SettingsError as error:
        return CheckResult("wording", "", str(error))
    named = f"{language.words.text('language.meaning')}, {report.font or 'built-in font'}"
    return CheckResult("wording", named, None)


def _port(settings: Settings) -> CheckResult:
    receiver = settings.receiver
    subject = f"port {receiver.host}:{receiver.port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((receiver.host, receiver.port))
        except OSError as error:
            return CheckResult(subject, "", f"{error.strerror} (is Faintline running already?)")
    return CheckResult(subject, "free", None)


def _callers(settings: Settings) -> CheckResult:
    callers = settings.receiver.callers
    if callers == "any":
        return CheckResult("callers", "anybody may send: fit for first trials only", None)
    if not callers:
        return CheckResult("callers", "", "nobody may send: list your PACS under receiver.callers")
    return CheckResult("callers", ", ".join(caller.ae_title for caller in callers), None)


def _destination(settings: Settings, destination: Destination) -> CheckResult:
    subject = (
        f"destination {destination.name} ({destination.ae_title} at {destination.host}:{destination.port})"
    )
    fault = echo(Caller.of(settings), destination)
    return CheckResult(subject, "answers C-ECHO", fault)
