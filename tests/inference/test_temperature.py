"""Calibration undoes a known distortion, and agrees with general optimisers."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.inference.calibration import COLDEST, HOTTEST, Platt, fit_platt, fit_temperature, softmax
from spondyl.metrics import ece, log_loss

optimize = pytest.importorskip("scipy.optimize", reason="scipy is part of the laboratory")


def cases(count=4000, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes))
    labels = (rng.random((count, 1)) > softmax(logits).cumsum(1)).sum(1).clip(0, classes - 1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_known_temperature_is_found(temperature):
    logits, labels = cases()
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.06)


def test_the_temperature_is_the_one_a_general_optimiser_finds():
    logits, labels = cases(300)
    best = optimize.minimize_scalar(lambda t: log_loss(labels, softmax(logits * 3, np.exp(t))), bounds=(-3, 3), method="bounded")
    assert fit_temperature(logits * 3, labels) == pytest.approx(np.exp(best.x), rel=1e-3)


def test_calibrating_helps_cases_that_were_not_fitted_on():
    logits, labels = cases()
    over_sure = logits * 4
    temperature = fit_temperature(over_sure[:2000], labels[:2000])
    before, after = (ece(labels[2000:], softmax(over_sure[2000:], t)) for t in (1.0, temperature))
    assert after < 0.03 < 0.15 < before


def test_the_temperature_stays_in_its_bounds():
    assert fit_temperature(np.array([[9.0, 0.0], [0.0, 9.0]]), np.array([0, 1])) == pytest.approx(COLDEST, rel=1e-3)
    assert fit_temperature(np.array([[9.0, 0.0], [0.0, 9.0]]), np.array([1, 0])) == pytest.approx(HOTTEST, rel=1e-3)


def test_large_logits_neither_overflow_nor_warn():
    assert np.isfinite(fit_temperature(np.array([[1e4, -1e4], [1e4, -1e4]]), np.array([0, 1])))
    assert softmax(np.array([1e4, -1e4])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, -1.0), (2.0, 0.5)])
def test_a_known_slope_and_offset_are_found(slope, offset):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    labels = (rng.random(20000) < Platt(slope, offset).probabilities(logits)).astype(int)
    fit = fit_platt(logits, labels)
    assert (fit.slope, fit.offset) == pytest.approx((slope, offset), abs=0.06)


def test_separable_cases_give_a_finite_answer():
    fit = fit_platt(np.array([-3.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 0 < fit.slope < 20
    assert fit.probabilities(np.array([2.0]))[0] < 0.95


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_only_gives_a_finite_answer(labels):
    probabilities = fit_platt(np.array([-1.0, 0.5, 2.0]), np.array(labels)).probabilities(np.array([-1.0, 0.5, 2.0]))
    assert np.isfinite(probabilities).all()
    assert np.abs(probabilities - (4 / 5 if labels[0] else 1 / 5)).max() < 0.01


def test_logits_that_are_all_the_same_get_the_smoothed_share():
    fit = fit_platt(np.full(4, 0.7), np.array([0, 1, 1, 1]))
    assert fit.slope == 1.0
    assert fit.probabilities(np.array([0.7]))[0] == pytest.approx((3 * 0.8 + 1 / 3) / 4)


@pytest.mark.parametrize(("logits", "labels"), [(np.zeros((0, 2)), []), (np.zeros((2, 2)), [0]), (np.zeros(2), [0, 1])])
def test_cases_that_do_not_fit_together_are_refused(logits, labels):
    with pytest.raises(ValueError, match="logits"):
        fit_temperature(logits, np.array(labels, int))
    with pytest.raises(ValueError, match="logits"):
        fit_platt(np.zeros((1, 2)), np.array([0]))
