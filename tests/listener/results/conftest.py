"""A study of every kind in turn."""

import pytest
from spine_cases import KINDS, Study, study_of


@pytest.fixture(params=KINDS)
def any_study(request: pytest.FixtureRequest) -> Study:
    """A study of every kind in turn."""
    return study_of(str(request.param))
