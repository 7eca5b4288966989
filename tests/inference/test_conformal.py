"""Prediction sets are contiguous, nested, never empty, and hold the truth as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.inference.conformal import EVERYTHING, calibrate, ordinal_scores, ordinal_set, ordinal_sets

ROWS = st.lists(st.integers(0, 20), min_size=2, max_size=7).filter(lambda row: sum(row) > 0).map(lambda row: np.array(row) / sum(row))


def slow_set(row, quantile):
    """The definition, one class at a time."""
    low = high = int(np.argmax(row))
    while True:
        mass = sum(row[low : high + 1])
        if mass > quantile + 1e-9 or (low == 0 and high == len(row) - 1):
            return tuple(range(low, high + 1))
        below = row[low - 1] if low > 0 else -1.0
        above = row[high + 1] if high < len(row) - 1 else -1.0
        low, high = (low, high + 1) if above >= below else (low - 1, high)


def exchangeable(rng, count, classes=5, doubt=1.0):
    """Cases with a hidden severity; the probabilities are deliberately over-sure."""
    severity = rng.uniform(0, classes - 1, count)
    labels = np.clip(np.round(severity + rng.normal(0, 0.6, count)), 0, classes - 1).astype(int)
    logits = -((severity[:, None] + rng.normal(0, 0.5, (count, 1)) - np.arange(classes)) ** 2) * doubt
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True), labels


@settings(max_examples=80, deadline=None)
@given(ROWS, st.integers(0, 20))
def test_a_set_is_its_definition(row, twentieths):
    quantile = twentieths / 20 + 0.003
    assert ordinal_set(row, quantile) == slow_set(row, quantile)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_sets_are_contiguous_and_hold_the_mode_whatever_the_quantiles(row, quantiles):
    for quantile in (quantiles[0], quantiles[: len(row)]):
        members = ordinal_set(row, quantile)
        assert members == tuple(range(members[0], members[-1] + 1))
        assert int(np.argmax(row)) in members


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999))
def test_a_smaller_alpha_never_takes_a_class_away(seed):
    rng = np.random.default_rng(seed)
    probabilities, labels = exchangeable(rng, 250)
    groups = rng.integers(0, 80, 250)
    for options in ({}, {"groups": groups}, {"groups": groups, "class_conditional": True}):
        loose, tight = (ordinal_sets(probabilities, calibrate(probabilities, labels, alpha, **options)) for alpha in (0.3, 0.1))
        assert not (loose & ~tight).any()


@pytest.mark.parametrize("alpha", [0.1, 0.25])
def test_a_new_case_is_covered_as_promised_and_not_much_more(alpha):
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(1500):
        probabilities, labels = exchangeable(rng, 60, doubt=3.0)
        quantile = calibrate(probabilities[:59], labels[:59], alpha)
        hits.append(labels[59] in ordinal_set(probabilities[59], quantile))
    noise = np.sqrt(alpha * (1 - alpha) / len(hits))
    assert 1 - alpha - 3 * noise < np.mean(hits) < 1 - alpha + 2 / 60 + 3 * noise


def test_yes_or_no_sets_are_covered_as_promised():
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(1500):
        p = rng.beta(0.7, 0.7, 60)
        labels = (rng.random(60) < 0.25 + 0.5 * p).astype(int)
        table = np.stack([1 - p, p], axis=1)
        hits.append(labels[59] in ordinal_set(table[59], calibrate(table[:59], labels[:59], 0.1)))
    assert 0.9 - 0.025 < np.mean(hits) < 0.9 + 0.06


def test_cases_of_a_new_patient_are_covered_when_patients_are_alike_inside():
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(1500):
        sizes = rng.integers(1, 9, 40)
        patients = np.repeat(np.arange(40), sizes)
        hard = (rng.random(40) < 0.3)[patients]
        p = np.where(hard, 0.45, 0.97)
        labels = (rng.random(len(p)) < np.where(hard, 0.45, 0.97)).astype(int)
        table, known = np.stack([1 - p, p], axis=1), patients < 39
        quantile = calibrate(table[known], labels[known], 0.1, groups=patients[known])
        last = rng.choice(np.flatnonzero(~known))
        hits.append(labels[last] in ordinal_set(table[last], quantile))
    assert np.mean(hits) > 0.9 - 3 * np.sqrt(0.09 / len(hits))


def test_each_class_is_covered_where_each_class_has_its_own_quantile():
    rng = np.random.default_rng(3)
    probabilities, labels = exchangeable(rng, 80000, classes=3, doubt=2.0)
    probabilities = probabilities * np.array([1.0, 0.2, 1.0])
    probabilities /= probabilities.sum(1, keepdims=True)
    half = len(labels) // 2

    def coverage(**options):
        sets = ordinal_sets(probabilities[half:], calibrate(probabilities[:half], labels[:half], 0.1, **options))
        inside = sets[np.arange(half), labels[half:]]
        return np.array([inside[labels[half:] == k].mean() for k in range(3)])

    assert coverage().min() < 0.87, "the middle class is missed by a quantile for all"
    assert coverage(class_conditional=True).min() > 0.885


def test_a_rare_class_keeps_the_quantile_of_all():
    rng = np.random.default_rng(4)
    probabilities, labels = exchangeable(rng, 1000)
    labels[labels == 4] = 3
    labels[:60] = 4
    shared, own = (calibrate(probabilities, labels, class_conditional=flag) for flag in (False, True))
    assert own[4] == shared[4]
    assert own[1] != shared[1]
    few_patients = calibrate(probabilities, labels, groups=np.arange(1000) % 40, class_conditional=True)
    assert len(set(few_patients)) == 1


def test_too_few_cases_promise_nothing_and_keep_every_class():
    probabilities, labels = exchangeable(np.random.default_rng(0), 8)
    quantile = calibrate(probabilities, labels, 0.1)
    assert quantile == (EVERYTHING,) * 5
    assert ordinal_sets(probabilities, quantile).all()
    assert calibrate(np.zeros((0, 3)), []) == (EVERYTHING,) * 3


def test_one_case_each_is_the_textbook_quantile():
    probabilities, labels = exchangeable(np.random.default_rng(5), 99)
    scores = np.sort(ordinal_scores(probabilities)[np.arange(99), labels])
    assert calibrate(probabilities, labels, 0.1)[0] == scores[int(np.ceil(100 * 0.9)) - 1]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_an_impossible_promise_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        calibrate([[0.5, 0.5]], [0], alpha)
