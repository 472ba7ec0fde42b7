"""An environment that was installed for the tests in; constraints.txt and the lock files with hashes out.

    python deploy/lock.py PYTHON [REPORT]

The hashes are those of the files that pip chooses for CPython 3.11 on x86-64 Linux. torch has its own locks:
requirements-cpu.lock names its wheel for machines without a GPU, as this environment has it, and
requirements-cuda.lock PyPI's with what that needs. To know those, pip downloads some GB; REPORT is what it
said of them another time (``pip install --dry-run --ignore-installed --report REPORT torch==VERSION``).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ("hatchling", "editables", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")
"""What building the project itself takes."""
RUNTIME = """
import re, sys
from importlib.metadata import PackageNotFoundError, requires
from packaging.requirements import Requirement
seen, left = set(), [("faintline", ())]
while left:
    name, extras = left.pop()
    if (name, extras) in seen: continue
    seen.add((name, extras))
    try: needed = requires(name) or []
    except PackageNotFoundError: continue
    for line in needed:
        wanted = Requirement(line)
        if not wanted.marker or any(wanted.marker.evaluate({"extra": one}) for one in ("", *extras)):
            left.append((re.sub("[-_.]+", "-", wanted.name).lower(), tuple(sorted(wanted.extras))))
print(*{name for name, _ in seen})
"""


def main() -> None:
    """Write all of them."""
    python = sys.argv[1]
    pins = frozen(python)
    write("constraints.txt", "at the version they were tested with", sorted(pins, key=str.lower))
    wanted = [*pins, *(name for name in BUILD if not any(key(pin) == name for pin in pins))]
    files = chosen(python, wanted)
    cuda = read(Path(sys.argv[2])) if len(sys.argv) > 2 else chosen(python, torch_of(pins), from_pypi=True)
    lock("requirements-cpu.lock", {"torch": files.pop("torch")})
    runtime = set(run(python, "-c", RUNTIME).split()) | set(BUILD)
    lock("requirements.lock", {name: files[name] for name in files if name in runtime})
    lock("requirements-test.lock", {name: files[name] for name in files if name not in runtime})
    mine = {name: cuda[name] for name in cuda if name not in files}
    lock("requirements-cuda.lock", mine)


def frozen(python: str) -> list[str]:
    """Every package of the environment, as NAME==VERSION; torch without its build."""
    listed = run(python, "-m", "pip", "list", "--format=json", "--exclude", "faintline", "--exclude", "pip")
    return [f"{one['name']}=={one['version'].partition('+')[0]}" for one in json.loads(listed)]


def torch_of(pins: list[str]) -> list[str]:
    """torch alone: what it needs follows."""
    return [pin for pin in pins if key(pin) == "torch"]


def chosen(python: str, wanted: list[str], from_pypi: bool = False) -> dict[str, tuple[str, list[str]]]:
    """The version and hash of what pip would install, by name; all that it needs too, from PyPI."""
    environment = dict(os.environ)
    if from_pypi:
        environment |= {"PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        alone = [] if from_pypi else ["--no-deps"]
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", *alone,
             "--report", str(report), *wanted],
            check=True, env=environment,
        )  # fmt: skip
        return read(report)


def read(report: Path) -> dict[str, tuple[str, list[str]]]:
    """What pip reported: name, version, SHA-256."""
    found = {}
    for one in json.loads(report.read_text())["install"]:
        metadata, archive = one["metadata"], one["download_info"]["archive_info"]
        found[key(metadata["name"])] = (f"{metadata['name']}=={metadata['version']}", [archive["hash"]])
    return found


def lock(name: str, files: dict[str, tuple[str, list[str]]]) -> None:
    """Write one lock file."""
    lines = []
    for pin, hashes in sorted(files.values(), key=lambda one: one[0].lower()):
        lines.append(
            " ".join([pin, *(f"--hash={each.replace('=', ':', 1)}" for each in sorted(set(hashes)))])
        )
    write(name, "with the hashes of their files for CPython 3.11 on x86-64 Linux", lines)


def write(name: str, how: str, lines: list[str]) -> None:
    """Write one file."""
    head = f"# Packages that Faintline installs, {how}. Made by `make lock`.\n"
    (ROOT / name).write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def key(requirement: str) -> str:
    """The name of a requirement as indexes compare it."""
    return requirement.partition("==")[0].replace("_", "-").replace(".", "-").lower()


def run(*command: str) -> str:
    """What a program prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
