"""The stack is judged by patients that neither it nor its members saw, and decides only what it can hold."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.lab.dxa.cases import Case, folds_of
from spondyl.lab.dxa.measure import values_at
from spondyl.lab.dxa.nested import splits
from spondyl.lab.dxa.stack import decide_settings, fit_reader, judge, recalibrated
from spondyl.metrics.intervals import wilson_interval
from spondyl.metrics.logistic import sigmoid
from spondyl.tasks.dxa_osteoporosis.votes import MEMBERS, classes, decided, stacked


def case_of(patient: str, label: int, number: int = 0) -> Case:
    name = f"{patient}-{number}"
    return Case(name, patient, label, np.zeros((4, 4), np.uint16), name, "train", None, None, None, None, (), None, None)


def votes_of(rng: np.random.Generator, labels: np.ndarray, strength: float) -> dict[str, np.ndarray]:
    """Cumulative log odds that know something of the labels."""
    first = strength * (labels >= 1) + rng.normal(size=len(labels))
    return {name: np.stack([first + rng.normal(0, 0.5, len(labels)), strength * (labels == 2) - 1 + rng.normal(size=len(labels))], axis=1)
            for name in MEMBERS}


def test_folds_share_out_every_class_and_keep_patients_together():
    cases = [case_of(f"p{k}", k % 3, number) for k in range(90) for number in range(1 + k % 2)]
    folds = folds_of(cases, 4, 0.2, seed=3)
    by_patient = {}
    for case, fold in zip(cases, folds, strict=True):
        assert by_patient.setdefault(case.patient, fold) == fold
    for label in range(3):
        counts = Counter(fold for patient, fold in by_patient.items() if int(patient[1:]) % 3 == label)
        assert counts[4] == 6
        assert {counts[k] for k in range(4)} == {6}
    assert (folds_of(list(reversed(cases)), 4, 0.2, seed=3)[::-1] == folds).all()


def test_every_fold_and_every_pair_of_folds_is_left_out_once():
    assert Counter(map(len, splits(4))) == {0: 1, 1: 4, 2: 6}
    assert set(splits(4)) == {(), *((k,) for k in range(4)), *combinations(range(4), 2)}


def test_what_is_said_of_an_outer_fold_does_not_depend_on_its_labels():
    rng = np.random.default_rng(0)
    labels, folds = rng.integers(0, 3, 240), np.arange(240) % 3
    patients = np.arange(240).astype(str)
    odds = votes_of(rng, labels, 2.0)
    outer = {k: odds for k in range(3)}
    before = judge(outer, outer, labels, folds, patients, seed=0)
    changed = np.where(folds == 1, 2 - labels, labels)
    after = judge(outer, outer, changed, folds, patients, seed=0)
    same = folds == 1
    for name, table in before.readers.items():
        assert np.array_equal(table[same], after.readers[name][same])
        assert not np.allclose(table[~same], after.readers[name][~same])


def test_the_stack_is_worth_more_than_its_best_member_where_members_err_apart_and_says_so_with_a_paired_interval():
    rng = np.random.default_rng(1)
    labels, folds = rng.integers(0, 3, 600), np.arange(600) % 3
    odds = votes_of(rng, labels, 1.5)
    found = judge({k: odds for k in range(3)}, {k: odds for k in range(3)}, labels, folds, np.arange(600).astype(str), seed=0)
    assert found.gain.low <= found.gain.estimate <= found.gain.high
    assert found.not_worse == (found.gain.estimate <= 0)
    assert found.gain.estimate < 0


@pytest.mark.parametrize("members", [MEMBERS, ("trees",)])
def test_a_reader_that_is_calibrated_on_new_patients_has_slope_one_on_them(members: tuple[str, ...]):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 800)
    odds = votes_of(rng, labels, 2.0)
    reader = fit_reader(odds, labels, members)
    fresh = rng.integers(0, 3, 800)
    seen = votes_of(rng, fresh, 1.0)  # weaker than those that it learnt from
    own = recalibrated(reader, seen, fresh)
    again = recalibrated(own | {"slopes": [1.0, 1.0], "shifts": [0.0, 0.0]}, seen, fresh)
    assert again["slopes"] == pytest.approx(own["slopes"])
    p = classes(stacked(seen, own))
    assert p.sum(axis=1) == pytest.approx(1)
    assert p[:, 2].mean() == pytest.approx((fresh == 2).mean(), abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 4.0), st.floats(0.05, 0.6))
def test_thresholds_hold_what_they_promise_on_those_they_were_chosen_on_and_never_cross(seed: int, strength: float, share: float):
    rng = np.random.default_rng(seed)
    sick = rng.random(600) < share
    said = sigmoid(strength * (2.0 * sick - 1) + rng.normal(size=600))
    rule = decide_settings(said, sick, 0.95, 0.95)
    called = decided(said, rule)
    for value, right in ((1, sick), (0, ~sick)):
        own = called == value
        if own.any():
            assert right[own].mean() >= 0.95 or own.sum() < 20
            assert wilson_interval(float(right[own].mean()), float(own.sum()), 0.6).low >= 0.90
    assert (called[said >= 0.5] != 0).all()
    assert (called[said < 0.5] != 1).all()


def test_thresholds_hold_on_new_patients_most_of_the_time():
    rng = np.random.default_rng(5)
    values = []
    for _ in range(60):
        def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
            p = rng.beta(0.3, 0.6, count)
            return p, rng.random(count) < p

        rule = decide_settings(*draw(2000), 0.95, 0.95)
        p, sick = draw(20_000)
        called = decided(p, rule)
        values.append(sick[called == 1].mean())
    assert np.mean(values) > 0.95
    assert np.mean(np.array(values) >= 0.945) > 0.75


def test_without_signal_nothing_is_decided_positive():
    rng = np.random.default_rng(4)
    rule = decide_settings(rng.random(1000), rng.random(1000) < 0.25, 0.95, 0.95)
    assert rule["positive_from"] is None


def test_predictive_values_at_the_cohort_s_own_prevalence_are_those_that_were_seen():
    rng = np.random.default_rng(6)
    sick = rng.random(500) < 0.3
    plus = (rng.random(500) < np.where(sick, 0.5, 0.05))
    minus = ~plus & (rng.random(500) < np.where(sick, 0.1, 0.7))
    values = values_at(sick, plus, minus, float(sick.mean()))
    assert values["ppv"] == pytest.approx(sick[plus].mean())
    assert values["npv"] == pytest.approx((~sick)[minus].mean())
    rarer = values_at(sick, plus, minus, 0.05)
    assert rarer["ppv"] < values["ppv"]
    assert rarer["npv"] > values["npv"]
    assert values_at(sick, np.zeros(500, bool), minus, 0.1)["ppv"] is None
