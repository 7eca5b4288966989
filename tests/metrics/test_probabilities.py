"""Calibration figures, against scikit-learn, slow definitions and models whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.metrics import brier, ece, ece_floor, log_loss, recalibration
from spondyl.metrics.logistic import fit_logistic, sigmoid

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is part of the laboratory")


def perfect_model(count, seed=0, classes=4):
    """Probabilities, and labels drawn from exactly these."""
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(classes), count)
    return table, np.array([rng.choice(classes, p=row) for row in table])


def slow_ece(confidence, happened, bins=10):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        members = [i for i, c in enumerate(confidence) if low <= c < high or (b == bins - 1 and c == 1.0)]
        if members:
            total += abs(np.mean(confidence[members]) - np.mean(happened[members])) * len(members) / len(confidence)
    return total


def test_ece_is_its_definition_for_yes_and_no_and_for_many_classes():
    table, labels = perfect_model(300)
    assert ece(labels, table) == pytest.approx(slow_ece(table.max(1), table.argmax(1) == labels))
    yes = (labels == 0).astype(int)
    assert ece(yes, table[:, 0]) == pytest.approx(slow_ece(table[:, 0], yes))


def test_brier_and_log_loss_are_those_of_scikit_learn():
    table, labels = perfect_model(200)
    assert log_loss(labels, table) == pytest.approx(sklearn.log_loss(labels, table))
    yes = (labels == 0).astype(int)
    assert brier(yes, table[:, 0]) == pytest.approx(sklearn.brier_score_loss(yes, table[:, 0]))
    assert brier(yes, np.stack([1 - table[:, 0], table[:, 0]], axis=1)) == pytest.approx(2 * brier(yes, table[:, 0]))


def test_being_sure_and_wrong_costs_much_but_not_infinity():
    assert 30 < log_loss([1], [0.0]) < 40


def test_the_floor_is_the_ece_of_a_perfect_model():
    rng = np.random.default_rng(1)
    table, _ = perfect_model(200)
    floor = ece_floor(table, rng, draws=2000)
    seen = []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        labels = (draw.random((200, 1)) > table.cumsum(1)).sum(1).clip(0, 3)
        seen.append(ece(labels, table))
    assert np.mean(seen) == pytest.approx(floor.mean, abs=4 * np.std(seen) / np.sqrt(len(seen)))
    assert np.mean(np.array(seen) <= floor.p95) == pytest.approx(0.95, abs=0.04)


def test_the_floor_sinks_with_more_cases():
    few, many = (ece_floor(perfect_model(n)[0], np.random.default_rng(0), draws=200) for n in (50, 2000))
    assert many.mean < few.mean / 3
    assert few.mean < few.p95


def test_the_floor_is_repeatable():
    table, _ = perfect_model(100)
    assert ece_floor(table, np.random.default_rng(5)) == ece_floor(table, np.random.default_rng(5))


@pytest.mark.parametrize(("stretch", "shift"), [(1.0, 0.0), (2.0, 0.0), (0.5, 0.7), (1.0, -1.0)])
def test_slope_and_intercept_undo_a_known_distortion(stretch, shift):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, 40000)
    truth = (rng.random(40000) < sigmoid(logits)).astype(int)
    fit = recalibration(truth, sigmoid(stretch * logits + shift))
    assert fit.slope == pytest.approx(1 / stretch, rel=0.05)
    assert fit.intercept == pytest.approx(-shift / stretch, abs=0.05)
    assert np.sign(fit.in_the_large) == -np.sign(shift) or abs(fit.in_the_large) < 0.05


def test_logistic_regression_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    columns = np.stack([rng.normal(size=300), np.ones(300)], axis=1)
    truth = (rng.random(300) < sigmoid(1.3 * columns[:, 0] - 0.4)).astype(float)
    theirs = linear.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(columns, truth).coef_[0]
    assert fit_logistic(columns, truth) == pytest.approx(theirs, abs=1e-4)


def test_predictions_that_separate_the_classes_have_no_slope():
    fit = recalibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert np.isnan(fit.slope)
    assert np.isfinite(fit.in_the_large)


def test_one_class_only_or_one_prediction_only_has_no_slope():
    assert np.isnan(recalibration([1, 1], [0.4, 0.6]).in_the_large)
    same = recalibration([0, 1, 1], [0.5, 0.5, 0.5])
    assert np.isnan(same.slope)
    assert same.in_the_large == pytest.approx(np.log(2))


def test_nothing_gives_not_a_number():
    assert np.isnan(brier([], []))
    assert np.isnan(log_loss([], []))
    assert np.isnan(ece([], []))
    assert np.isnan(ece_floor(np.zeros((0, 3)), np.random.default_rng(0)).mean)


@pytest.mark.parametrize(("truth", "probabilities"), [([0, 1], [0.5, 1.2]), ([0, 2], [0.5, 0.5]), ([0], [0.5, 0.5]), ([3], [[0.5, 0.5]])])
def test_what_is_no_probability_is_refused(truth, probabilities):
    with pytest.raises(ValueError, match=r"truth|probabilities"):
        brier(truth, probabilities)
