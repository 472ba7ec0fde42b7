"""A guard over every test of a run: no patient of a made-up study is named in what the node writes.

Patients' names, IDs and birth dates of the tests are listed here. They are looked for in what every test
printed (our own log lines at every level among it), in the names of all files that the run wrote, and in the
logs, audit trails and databases of its nodes, whose log level is debug.
"""

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENTS = re.compile(
    rb"Sentinel.{1,3}Quincunx|Quincunx|SENTINEL-4711|SENTINEL.NAME|SENTINEL-ID|19400102", re.I
)
WRITTEN_BY_NODES = re.compile(r"node\.log|audit\.log|.*\.sqlite(-wal)?")
"""Logs of PACS and senders name patients, and so do results: that is their purpose."""
LIBRARIES = re.compile(r"^[A-Z]+ +(pydicom|pynetdicom)\b.*$", re.M)
"""Lines of libraries, which quote values. A test's sender logs them; nodes are judged by their own logs."""


def patients_in(content: bytes) -> list[str]:
    """Which patients are named there."""
    return sorted({found.decode() for found in PATIENTS.findall(content)})


def leaks_below(folder: Path) -> Iterator[str]:
    """Every file that names a patient and should not, with what it says."""
    for path in folder.rglob("*"):
        named = patients_in(str(path.relative_to(folder)).encode(errors="replace"))
        if not named and WRITTEN_BY_NODES.fullmatch(path.name) and path.is_file():
            named = patients_in(path.read_bytes())
        if named:
            yield f"{path}: {', '.join(named)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """A test that printed a patient fails."""
    report = yield
    printed = LIBRARIES.sub("", "\n".join(content for _, content in report.sections))
    if report.passed and (named := patients_in(printed.encode(errors="replace"))):
        report.outcome = "failed"
        report.longrepr = f"a patient was named in the output: {', '.join(named)}\n{printed[-2000:]}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that left a patient in a file that the node wrote fails."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is None:
        return
    leaks = list(leaks_below(factory.getbasetemp()))
    for leak in leaks:
        print(f"\na patient was named in {leak}")
    if leaks and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
