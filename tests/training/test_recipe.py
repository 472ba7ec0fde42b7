"""The shipped recipe is complete, and a wrong one is refused."""

from pathlib import Path

import pytest

from training.errors import RecipeError
from training.recipe import DEFAULT_RECIPE, read_recipe, recipe_path, save_recipe


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


def test_a_recipe_like_another_changes_what_it_states_alone(tmp_path: Path) -> None:
    changed = tmp_path / "mine.toml"
    changed.write_text('like = "faintline"\n[grader]\ntemperature = 0.5\n[grader.schedule]\nsteps = 7\n')
    recipe, shipped = read_recipe(changed), read_recipe()
    assert (recipe.grader.temperature, recipe.grader.schedule.steps) == (0.5, 7)
    assert recipe.localiser == shipped.localiser
    assert recipe.grader.schedule.batch == shipped.grader.schedule.batch


def test_a_saved_recipe_is_read_back_whole(tmp_path: Path) -> None:
    recipe = read_recipe(recipe_path("wei2022"))
    save_recipe(recipe, tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('like = "nobody"', "faintline, "),
        ('like = "faintline"\n[grader]\ncontrast = "loud"', "'loud' is not one of"),
        ('like = "faintline"\n[grader]\ngrade_shares = [1.0, 1.0, 0.0, 0.0]', "do not add up"),
        ('like = "faintline"\n[grader.schedule]\nsteps = 0', "at least 1"),
        ("seed = ", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        read_recipe(path)
