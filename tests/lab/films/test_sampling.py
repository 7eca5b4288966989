"""How often films are seen, by the formulas of their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.core import InputError
from spondyl.lab.films.sampling import SAMPLINGS, class_weights, order_of_epoch, repeat_factors, sampling_weights

TARGETS = [0] * 6 + [1] * 2
PRESENT = [frozenset[int]()] * 6 + [frozenset({0}), frozenset({0, 1})]


def test_repeat_factors_are_those_of_the_paper():
    share = {0: 2 / 8, 1: 1 / 8}
    slow = [max([max(1.0, math.sqrt(0.5 / share[label])) for label in classes], default=1.0) for classes in PRESENT]
    assert repeat_factors(PRESENT, 0.5).tolist() == pytest.approx(slow)
    assert repeat_factors(PRESENT, 0.5)[-1] == pytest.approx(2.0)


def test_balanced_sampling_sees_every_target_equally_often():
    weights = sampling_weights("balanced", TARGETS, PRESENT)
    assert weights[:6].sum() == pytest.approx(weights[6:].sum())
    seen = np.concatenate([order_of_epoch(weights, np.random.default_rng(seed)) for seed in range(200)])
    assert (seen >= 6).mean() == pytest.approx(0.5, abs=0.03)


def test_plain_sampling_is_a_shuffle():
    order = order_of_epoch(sampling_weights("plain", TARGETS, PRESENT), np.random.default_rng(0))
    assert sorted(order) == list(range(8))
    assert not np.array_equal(order, np.arange(8))


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=40), st.integers(0, 2**31))
def test_an_epoch_has_as_many_films_as_there_are_and_each_about_as_often_as_it_weighs(raw: list[float], seed: int):
    weights = np.array(raw) / np.mean(raw)
    order = order_of_epoch(weights, np.random.default_rng(seed))
    assert len(order) == len(weights)
    assert np.array_equal(order, order_of_epoch(weights, np.random.default_rng(seed)))
    assert bool((np.bincount(order, minlength=len(weights)) >= np.floor(weights - 1e-9)).all())


@pytest.mark.parametrize("name", SAMPLINGS)
def test_every_sampling_has_mean_one(name: str):
    assert sampling_weights(name, TARGETS, PRESENT).mean() == pytest.approx(1.0)


def test_class_weights_are_those_of_the_papers_and_mean_one_over_films():
    counts = [900, 90, 10]
    inverse, effective = class_weights("inverse", counts), class_weights("effective", counts, beta=0.99)
    assert inverse[2] / inverse[0] == pytest.approx(90)
    assert effective[2] / effective[0] == pytest.approx((1 - 0.99**900) / (1 - 0.99**10))
    for weights in (inverse, effective, class_weights("none", counts)):
        assert np.dot(weights, counts) / 1000 == pytest.approx(1.0)
    assert class_weights("inverse", [5, 0])[1] == 0


def test_unknown_names_offer_the_nearest_one():
    with pytest.raises(InputError, match="Did you mean 'repeat'") as sampling:
        sampling_weights("repeated", TARGETS, PRESENT)
    assert sampling.value.code == "sampling-unknown"
    with pytest.raises(InputError, match="Did you mean 'inverse'") as weights:
        class_weights("inverted", [1, 2])
    assert weights.value.code == "class-weights-unknown"
