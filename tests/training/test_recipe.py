"""The shipped recipe is complete, and a wrong one is refused."""

from pathlib import Path

import pytest

from training.errors import RecipeError
from training.recipe import DEFAULT_RECIPE, read_recipe


def test_the_shipped_recipe_is_complete_and_consistent() -> None:
    recipe = read_recipe()
    assert sum(recipe.grader.grade_shares) == pytest.approx(1)
    assert len(recipe.localiser.view_mm) == 3
    assert 0 < recipe.grader.tested_share < 1


def test_an_unknown_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    changed = tmp_path / "recipe.toml"
    changed.write_text(DEFAULT_RECIPE.read_text().replace("temperature", "temprature"))
    with pytest.raises(RecipeError, match="temprature"):
        read_recipe(changed)
