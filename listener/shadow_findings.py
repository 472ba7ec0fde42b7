"""The folder of results in; how the shadow bundle's findings compare with those that were sent, out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.differences import differences
from listener.study import FINDINGS


@dataclass(frozen=True, slots=True)
class Compared:
    """One version of a study's results: where the shadow differs, or why it has no findings."""

    study_instance_uid: str
    shadow: str
    differences: tuple[str, ...]
    not_screened: str | None


def shadow_file(folder: Path, weights_sha256: str) -> Path:
    """Where a shadow's findings lie, beside those that were sent."""
    return folder / f"shadow-{weights_sha256[:12]}.json"


def compared(results: Path) -> Iterator[Compared]:
    """Every study that a shadow has seen, by study and shadow."""
    for path in sorted(results.glob("*/*/shadow-*.json")):
        shadow, sent = _read(path), _read(path.with_name(FINDINGS))
        failed = shadow.get("not_screened")
        yield Compared(
            path.parent.parent.name,
            path.stem.removeprefix("shadow-"),
            () if failed else tuple(_all_differences(sent, shadow)),
            failed,
        )


def _all_differences(sent: dict[str, Any], shadow: dict[str, Any]) -> Iterator[str]:
    if bool(sent["not_analysed"]) != bool(shadow["not_analysed"]):
        yield f"{sent['not_analysed'] or 'analysed'}, shadow {shadow['not_analysed'] or 'analysed'}"
    yield from differences(sent, shadow)


def listing(results: Path) -> Iterator[str]:
    """Lay the comparison out for a terminal: what differs, then the count."""
    found = list(compared(results))
    for one in found:
        if one.not_screened is not None:
            yield f"{one.study_instance_uid}  not screened by the shadow: {one.not_screened}"
        for words in one.differences:
            yield f"{one.study_instance_uid}  {words}"
    differing = sum(bool(one.differences) for one in found)
    failed = sum(one.not_screened is not None for one in found)
    yield f"{len(found)} results seen by a shadow: {differing} differ, {failed} could not be screened by it"


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
