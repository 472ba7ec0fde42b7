"""Figures against values worked out by hand, and intervals that are about patients."""

import numpy as np
import pytest

from training.metrics import Judged, by_study, macro_f1, measure, quadratic_kappa, sensitivity_at


def judged(
    true: list[int], found: list[int], score: list[float] | None = None, study: list[int] | None = None
) -> Judged:
    count = len(true)
    p = np.array(score if score is not None else found, dtype=float)
    return Judged(
        np.array(true), np.array(found), np.stack([p, p, p], 1), np.full(count, 0.1), np.full(count, 0.12),
        np.array(study or range(count)), np.array([f"p{n}" for n in (study or range(count))]),
    )  # fmt: skip


def test_macro_f1_is_the_mean_over_the_grades_that_occur() -> None:
    # grade 0: 2 true, 3 found, 2 right: 4/5; grade 2: 2 true, 1 found, 1 right: 2/3
    assert macro_f1(judged([0, 0, 2, 2], [0, 0, 0, 2])) == pytest.approx((0.8 + 2 / 3) / 2)


def test_quadratic_kappa_weighs_far_mistakes_more() -> None:
    assert quadratic_kappa(judged([0, 1, 2, 3], [0, 1, 2, 3])) == pytest.approx(1)
    near, far = judged([0, 1, 2, 3], [1, 1, 2, 3]), judged([0, 1, 2, 3], [3, 1, 2, 3])
    assert (quadratic_kappa(near) or 0) > (quadratic_kappa(far) or 0)


def test_sensitivity_at_99_percent_is_read_at_the_negatives_threshold() -> None:
    score = [n / 100 for n in range(100)] + [0.985, 0.995, 0.5]
    found = sensitivity_at(judged([0] * 100 + [2, 2, 2], [0] * 103, score), 2)
    assert found == pytest.approx(1 / 3)


def test_a_study_is_as_bad_as_its_worst_vertebra() -> None:
    rows = by_study(judged([0, 2, 0], [0, 0, 3], study=[0, 0, 1]))
    assert rows.true.tolist() == [2, 0]
    assert rows.found.tolist() == [0, 3]


def test_what_cannot_be_measured_is_none() -> None:
    found = measure(judged([0, 0], [0, 0]), replicates=20)
    assert found["AUROC, grade 1 or more"]["value"] is None
    assert found["recall, grade 3"]["value"] is None
    assert found["specificity, grade 2 or more"]["value"] == 1


def test_intervals_are_drawn_over_patients_not_vertebrae() -> None:
    # ten patients, all twenty vertebrae of each alike: the interval is that of 10, not of 200
    right = [n % 2 for n in range(10) for _ in range(20)]
    study = [n for n in range(10) for _ in range(20)]
    found = measure(judged([2] * 200, [2 * r for r in right], study=study), replicates=300)
    figure = found["sensitivity, grade 2 or more"]
    assert figure["value"] == pytest.approx(0.5)
    assert figure["high"] - figure["low"] > 0.4
