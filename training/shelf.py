"""A folder with every bundle a site has had in use: which is current, and which was before.

``current`` and ``previous`` are links into ``bundles/``; the node's setting ``worker.bundle`` names
``SHELF/current``. A link is replaced by one rename, so there is always one current bundle; bundles are copied
in whole and never overwritten.
"""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from inference.card import CARD, WEIGHTS, Card, verify
from training.errors import NotPromotedError


def put(shelf: Path, bundle: Path) -> Path:
    """Copy a bundle onto the shelf, if it is not there yet; returns its place. Raises BundleError."""
    card = verify(bundle)
    target = shelf / "bundles" / _name(card)
    if target.exists():
        verify(target)
        return target
    working = target.with_name(target.name + ".part")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    for name in (WEIGHTS, CARD):
        shutil.copyfile(bundle / name, working / name)
    verify(working)
    working.rename(target)
    return target


def linked(shelf: Path, link: str) -> Path | None:
    """The bundle that ``current`` or ``previous`` names, if any."""
    path = shelf / link
    return path.resolve() if path.is_symlink() and path.exists() else None


def promote(shelf: Path, bundle: Path, fingerprint: str, figures: dict[str, Any]) -> Path:
    """Make ``bundle`` the current one and the current one the previous; notes when and on what grounds."""
    target = put(shelf, bundle)
    before = linked(shelf, "current")
    if before is not None and before != target.resolve():
        _link(shelf, "previous", before)
    _link(shelf, "current", target)
    _note(shelf, {"promoted": target.name, "validation": fingerprint, "figures": figures})
    return target


def take_back(shelf: Path) -> Path:
    """Make the previous bundle the current one again."""
    previous, current = linked(shelf, "previous"), linked(shelf, "current")
    if previous is None or current is None:
        raise NotPromotedError(f"{shelf} has no previous bundle to go back to")
    verify(previous)
    _link(shelf, "current", previous)
    _link(shelf, "previous", current)
    _note(shelf, {"taken back to": previous.name})
    return previous


def frozen_validation(shelf: Path) -> str | None:
    """Fingerprint of the validation set that the last promotion was judged on."""
    path = shelf / "history.jsonl"
    if not path.is_file():
        return None
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return next((str(entry["validation"]) for entry in reversed(entries) if "validation" in entry), None)


def _link(shelf: Path, name: str, target: Path) -> None:
    working = shelf / f".{name}.part"
    working.unlink(missing_ok=True)
    working.symlink_to(Path("bundles") / target.name)
    working.replace(shelf / name)


def _note(shelf: Path, entry: dict[str, Any]) -> None:
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    with (shelf / "history.jsonl").open("a", encoding="utf-8") as history:
        history.write(json.dumps({"at": at} | entry) + "\n")


def _name(card: Card) -> str:
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in f"{card.name}-{card.version}")
    return f"{safe}-{card.weights_sha256[:12]}"
