"""What is unusual about whole spines is drawn, changes the shapes it names, and is no fracture by itself."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from inference.findings import Grade
from inference.levels import LEVELS
from inference.volume import Grid
from training.phantom import Scene, SceneKind, SceneOptions, body_mask, draw_scene, grid_over, render
from training.phantom.congenital import BLOCKED_STEP, draw_congenital
from training.phantom.paint import UNNAMED
from training.phantom.ribs import rib

NAMES = {"Cupid's bow", "block", "butterfly", "bridging", "sacralised"}


@cache
def normal_scenes() -> tuple[Scene, ...]:
    """Spines without a collapse and with many look-alikes."""
    options = SceneOptions(fracture_share=0.0, look_alike_share=1.0)
    return tuple(draw_scene(options, np.random.default_rng((12, seed))) for seed in range(50))


def test_each_is_drawn_about_as_often_as_it_should_be() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_congenital(0.3, rng) for _ in range(2000)]
    found = Counter(name for one in drawn for name in {variant.name for variant in one.variants.values()})
    assert found["Cupid's bow"] / 2000 == pytest.approx(0.15, abs=0.03)
    assert found["block"] / 2000 == pytest.approx(0.04, abs=0.015)
    assert found["butterfly"] / 2000 == pytest.approx(0.03, abs=0.015)
    assert sum(one.is_sacralised for one in drawn) / 2000 == pytest.approx(0.05, abs=0.02)
    assert sum(one.bridged is not None for one in drawn) / 2000 == pytest.approx(0.08, abs=0.02)
    assert not any(draw_congenital(0.0, rng).variants for _ in range(100))


def test_the_truths_name_what_was_drawn_and_do_not_call_it_a_fracture() -> None:
    truths = [truth for scene in normal_scenes() for truth in scene.truths if set(truth.look_alikes) & NAMES]
    assert {name for truth in truths for name in truth.look_alikes} >= NAMES
    for name in NAMES:
        grades = [truth.grade for truth in truths if name in truth.look_alikes]
        assert np.mean([grade == Grade.NORMAL for grade in grades]) > 0.85, name
        assert max(grades) <= Grade.MILD, name


def test_fused_vertebrae_lie_closer_and_their_disc_is_a_remnant() -> None:
    fused, parted = [], []
    for scene in normal_scenes():
        centres = np.array([truth.centre_lps_mm for truth in scene.truths])
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        for number, disc in enumerate(scene.discs):
            if disc.bulge == -0.14:
                fused.append(steps[number] / steps[[number - 2, number - 3]].mean())
                assert not disc.vacuum
            elif number > 8:
                parted.append(steps[number] / steps[[number - 2, number - 3]].mean())
    assert len(fused) > 5
    assert np.mean(fused) < (BLOCKED_STEP + 0.07) * np.mean(parted)


def test_a_cleft_parts_the_body_in_the_midline_and_leaves_its_sides() -> None:
    scene = next(s for s in normal_scenes() if any("butterfly" in t.look_alikes for t in s.truths))
    truth = next(t for t in scene.truths if "butterfly" in t.look_alikes)
    size = 81
    affine = np.eye(4)
    affine[:3, :3] = truth.axes[[1, 2, 0]].T * 0.5
    affine[:3, 3] = truth.centre_lps_mm - affine[:3, 1:].sum(1) * (size - 1) / 2
    coronal = render(scene, Grid((1, size, size), affine))[0].astype(float)
    middle = size // 2
    rows = slice(middle - 12, middle + 13)
    cleft, sides = coronal[rows, middle].mean(), coronal[rows, [middle - 16, middle + 16]].mean()
    assert cleft + 50 < sides
    assert scene.vertebrae[LEVELS.index(truth.level)].body is not None


def test_a_sixth_lumbar_vertebra_lies_above_the_sacrum_and_has_no_name_to_learn() -> None:
    usual = draw_scene(SceneOptions(), np.random.default_rng(4))
    options = SceneOptions(SceneKind.TORSO, ("T10", "S1"), sixth_lumbar_share=1.0)
    scene = draw_scene(options, np.random.default_rng(4))
    assert [t.level for t in scene.truths] == [*LEVELS[:-1], "L6", "S1"]
    assert [t.raw_loss for t in scene.truths[:24]] == [t.raw_loss for t in usual.truths[:24]]
    centres = np.array([t.centre_lps_mm for t in scene.truths])
    assert (np.linalg.norm(np.diff(centres[-4:], axis=0), axis=1) > 25).all()
    grid = grid_over(scene.bounds_lps_mm, (4.0, 4.0, 4.0))
    assert UNNAMED in body_mask(scene, grid)


def test_a_thirteenth_thoracic_vertebra_has_ribs_and_no_name_to_learn() -> None:
    options = SceneOptions(SceneKind.TORSO, ("T10", "L2"), thirteenth_thoracic_share=1.0)
    scene = draw_scene(options, np.random.default_rng(4))
    assert [t.level for t in scene.truths] == [*LEVELS[:19], "T13", *LEVELS[19:]]
    centres = np.array([t.centre_lps_mm for t in scene.truths])
    assert (np.linalg.norm(np.diff(centres[17:22], axis=0), axis=1) > 20).all()
    last, thirteenth = (rib(scene.trunk, number, 1, scene.vertebrae[6 + number]) for number in (12, 13))
    assert len(thirteenth.points) > 2
    assert abs(thirteenth.points[0, 2] - centres[19, 2]) < abs(last.points[0, 2] - centres[19, 2])
    assert (body_mask(scene, grid_over(scene.bounds_lps_mm, (4.0, 4.0, 4.0))) == UNNAMED).any()
