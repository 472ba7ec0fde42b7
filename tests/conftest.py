"""Fixtures for every test: where the real data lies; the shipped model."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from inference.bundle import Bundle

pytest_plugins = ["privacy"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real CT data, or a skip that says why."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FAINTLINE_TEST_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip("no real data: set FAINTLINE_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def bundle() -> "Bundle":
    """The shipped bundle, loaded by the first test that asks for it, computing in one thread.

    Two that wait for each other take three times the processor time of one where the machine is busy.
    """
    import torch

    from inference.bundle import load_bundle

    torch.set_num_threads(1)
    return load_bundle()
