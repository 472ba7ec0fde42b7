"""Images that are taken away from a study in; what the study lacks when more of it comes later out.

Each time a study is cleared, the names of its images stay beside its findings, and which results were made of
them. A study that is sent again whole lacks nothing then, and a few late images are not taken for all of it.
"""

import gzip
import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listener.durable_file import place_once
from listener.study import FINDINGS


@dataclass(frozen=True, slots=True)
class Lack:
    """How many images were screened before and are gone, and the keys of the results that saw them."""

    images: int
    results: frozenset[str]


def note_removal(folder: Path, images: Collection[str]) -> None:
    """Keep the names of images that are about to go; ``folder`` has all results of their study."""
    noted = {key for record in _records(folder) for key in record["results"]}
    results = {path.parent.name for path in folder.glob(f"*/{FINDINGS}")} - noted
    content = json.dumps({"results": sorted(results), "images": sorted(images)}).encode()
    name = f"removed-{hashlib.sha256(content).hexdigest()[:16]}.json.gz"
    place_once(folder / name, gzip.compress(content, mtime=0))


def lack_of(folder: Path, images: Collection[str]) -> Lack:
    """Compare with the images that are there now; ``folder`` as above, and it may not exist."""
    gone: set[str] = set()
    results: set[str] = set()
    for record in _records(folder):
        if missing := set(record["images"]).difference(images):
            gone |= missing
            results |= set(record["results"])
    return Lack(len(gone), frozenset(results))


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.glob("removed-*.json.gz"):
        yield json.loads(gzip.decompress(path.read_bytes()))
