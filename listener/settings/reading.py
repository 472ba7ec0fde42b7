"""One TOML file (and environment overrides) in; frozen, checked settings out."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from listener.errors import SettingsError
from listener.settings.whole import Settings

_OTHER_VARIABLES = ("settings", "test_data")
"""FAINTLINE_SETTINGS names the settings file, FAINTLINE_TEST_DATA the tests' data."""


def load_settings(path: Path) -> Settings:
    """Read and check ``path``; raise `SettingsError` with one line for each wrong key."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    _demand_known_environment()
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(path, fault) for fault in error.errors())) from None
    return _anchored(settings, path.absolute().parent)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Take relative paths from the folder of the settings file, not from wherever the command runs."""
    bundles = {"bundle": settings.worker.bundle, "shadow": settings.worker.shadow}
    found = {name: (folder / path).resolve() for name, path in bundles.items() if path is not None}
    files = {name: (folder / file).resolve() for name, file in settings.tls if file is not None}
    texts = {name: (folder / file).resolve() for name, file in settings.report if isinstance(file, Path)}
    destinations = tuple(
        destination
        if destination.authority is None
        else destination.model_copy(update={"authority": (folder / destination.authority).resolve()})
        for destination in settings.destinations
    )
    audit = settings.audit
    if audit.syslog_authority is not None:
        audit = audit.model_copy(update={"syslog_authority": (folder / audit.syslog_authority).resolve()})
    anchored = {
        "audit": audit,
        "folder": (folder / settings.folder).resolve(),
        "worker": settings.worker.model_copy(update=found),
        "tls": settings.tls.model_copy(update=files),
        "report": settings.report.model_copy(update=texts),
        "destinations": destinations,
    }
    return settings.model_copy(update=anchored)


def _demand_known_environment() -> None:
    """A misspelt override must not be ignored in silence; deeper misspellings fail with the file's keys."""
    for name in os.environ:
        section = name.removeprefix("FAINTLINE_").split("__")[0].lower()
        if name.startswith("FAINTLINE_") and section not in (*Settings.model_fields, *_OTHER_VARIABLES):
            raise SettingsError(f"environment variable {name}: unknown key {section}")


def _explain(path: Path, fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{path}: unknown key {key}"
    return f"{path}: {key}: {fault['msg'].removeprefix('Value error, ')}"
