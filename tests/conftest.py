"""Fixtures for every test: where the real data lies."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["privacy"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real CT data, or a skip that says why."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FAINTLINE_TEST_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip("no real data: set FAINTLINE_TEST_DATA")
    return folder
