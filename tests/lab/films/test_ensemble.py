"""Members into one answer: what holds for every ensemble that is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.inference.conformal import ordinal_sets
from spondyl.lab.films import ensemble
from spondyl.metrics import log_loss
from spondyl.metrics.logistic import logit, sigmoid
from spondyl.tasks.films.votes import calibrated, grades_of, together

SEEDS = st.integers(0, 10_000)


def _members(seed: int, count: int = 300) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A good member, a worse one and one that knows nothing."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < 0.4).astype(np.int64)
    good, worse, useless = (gain * (truth - 0.5) + rng.normal(0, 1, count) for gain in (3.0, 1.5, 0.0))
    return {"good": good[:, None], "worse": 2 * worse[:, None] + 1, "useless": useless[:, None]}, truth


def _grades(seed: int, count: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, count)
    steps = np.arange(1, 5) - 0.5
    clear, vague = (gain * (truth[:, None] + rng.normal(0, 0.7, (count, 1)) - steps) for gain in (2.0, 0.8))
    return {"clear": clear, "vague": vague + rng.normal(0, 1, vague.shape)}, truth


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_weights_lie_on_the_simplex_and_a_useless_member_gets_almost_none(seed):
    logits, truth = _members(seed)
    votes = ensemble.fit_votes(logits, truth)
    weights = {name: row["weight"] for name, row in votes["members"].items()}
    assert sum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0.0
    assert weights["useless"] < 0.08
    assert weights["good"] > weights["worse"]


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_the_ensemble_is_never_worse_on_validation_than_its_best_member(seed):
    for logits, truth in (_members(seed), _grades(seed)):
        votes = ensemble.fit_votes(logits, truth)
        alone = [grades_of(calibrated(values, votes["members"][name])) for name, values in logits.items()]
        joint = grades_of(together(logits, votes))
        assert joint.sum(axis=1) == pytest.approx(1.0)
        assert log_loss(truth, joint) <= min(log_loss(truth, one) for one in alone) + 1e-9


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_no_other_weights_are_likelier_than_those_found(seed):
    rng = np.random.default_rng(seed)
    chances = rng.uniform(0.05, 1.0, (80, 3))
    found = np.log(chances @ ensemble.simplex_weights(chances)).mean()
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 21) for b in np.linspace(0, 1 - a, 21)]
    assert found >= max(np.log(chances @ np.array(weights)).mean() for weights in grid) - 1e-6


def test_given_weights_are_kept_and_scaled():
    logits, truth = _members(1)
    votes = ensemble.fit_votes(logits, truth, (0.84, 0.52, 0.64))
    assert [row["weight"] for row in votes["members"].values()] == pytest.approx([0.42, 0.26, 0.32])


def test_calibration_finds_the_scale_that_the_logits_were_spoilt_by():
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, 20_000)
    truth = (rng.random(20_000) < sigmoid(honest)).astype(np.int64)
    found = ensemble.fit_calibration((3 * honest + 1)[:, None], truth)
    assert found["slope"] == pytest.approx(1 / 3, abs=0.02)
    assert found["offsets"][0] == pytest.approx(-1 / 3, abs=0.05)


def test_ordinal_calibration_finds_one_slope_and_an_offset_for_each_grade():
    rng = np.random.default_rng(0)
    severity, cuts = rng.normal(0, 3, 20_000), np.array([-3.0, -1.0, 1.0, 3.0])
    noise = logit(rng.random(20_000))
    truth = (severity[:, None] + noise[:, None] > cuts).sum(axis=1)
    spoilt = 2 * np.repeat(severity[:, None], 4, axis=1)
    found = ensemble.fit_calibration(spoilt, truth)
    assert found["slope"] == pytest.approx(0.5, abs=0.02)
    assert found["offsets"] == pytest.approx(-cuts, abs=0.15)


def test_a_member_that_says_the_opposite_is_not_followed():
    logits, truth = _members(3)
    votes = ensemble.fit_votes({"good": logits["good"], "opposite": -logits["good"]}, truth)
    assert votes["members"]["opposite"]["slope"] == 0.0
    said = calibrated(-logits["good"], votes["members"]["opposite"])
    assert np.ptp(said) == 0.0
    assert said[0, 0] == pytest.approx(truth.mean(), abs=0.01)


@pytest.mark.parametrize("truth", [np.zeros(12, np.int64), np.ones(12, np.int64), np.array([0, 1])])
def test_few_cases_or_one_class_still_give_finite_numbers(truth):
    logits = {"a": np.linspace(-2, 2, len(truth))[:, None]}
    votes = ensemble.fit_votes(logits, truth)
    assert np.isfinite(together(logits, votes)).all()
    assert 0 < ensemble.fit_threshold(together(logits, votes)[:, 0], truth) < 1


def test_the_view_that_knows_more_weighs_more():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 5, 200)
    steps = np.arange(1, 5) - 0.5
    sharp, blurred = (sigmoid(2 * (truth[:, None] + rng.normal(0, width, (200, 1)) - steps)) for width in (0.4, 2.0))
    both = [("lateral", "frontal")] * 200
    assert ensemble.fit_views(list(np.stack([sharp, blurred], axis=1)), both, truth)["lateral"] > 0.6
    assert ensemble.fit_views(list(np.stack([blurred, sharp], axis=1)), both, truth)["lateral"] < 0.4
    assert ensemble.fit_views(list(sharp[:, None]), [("frontal",)] * 200, truth) == {"frontal": 0.5, "lateral": 0.5}


def test_prediction_sets_cover_what_they_promise_on_others():
    logits, truth = _grades(5, 3000)
    half = 1500
    votes = ensemble.fit_votes({name: values[:half] for name, values in logits.items()}, truth[:half])
    chances = grades_of(together(logits, votes))
    quantile = ensemble.fit_quantile(chances[:half], truth[:half], [str(i) for i in range(half)])
    inside = ordinal_sets(chances[half:], quantile)[np.arange(half), truth[half:]]
    assert inside.mean() > 0.87
