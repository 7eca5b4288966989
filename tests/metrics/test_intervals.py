"""Intervals hold the truth as often as they say, also when rows of one patient are alike."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.metrics import auroc, bootstrap_interval, coverage_by_class, share_interval, wilson_interval

stats = pytest.importorskip("scipy.stats", reason="scipy is part of the laboratory")


def alike_rows(rng, patients=60, per_patient=7, share=0.8):
    """Yes/no rows whose chance differs from patient to patient around `share`."""
    chances = rng.beta(share * 3, (1 - share) * 3, patients)
    return (rng.random((patients, per_patient)) < chances[:, None]).ravel(), np.repeat(np.arange(patients), per_patient)


def test_wilson_is_that_of_scipy():
    for successes, count in ((0, 10), (3, 10), (9, 10), (10, 10), (57, 60)):
        theirs = stats.binomtest(successes, count).proportion_ci(method="wilson")
        ours = wilson_interval(successes / count, count)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_interval_of_a_share_holds_the_truth_when_rows_are_alike():
    rng = np.random.default_rng(0)
    held = [share_interval(*alike_rows(rng)).contains(0.8) for _ in range(400)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)


def test_rows_that_only_repeat_each_other_count_once():
    rng = np.random.default_rng(0)
    once = rng.random(50) < 0.7
    single = share_interval(once, np.arange(50))
    repeated = share_interval(np.repeat(once, 6), np.repeat(np.arange(50), 6))
    assert repeated.low == pytest.approx(single.low, abs=0.01)
    assert repeated.high == pytest.approx(single.high, abs=0.01)


def test_rows_that_all_say_yes_are_as_sure_as_there_are_patients():
    seen = share_interval(np.ones(70), np.repeat(np.arange(10), 7))
    assert seen.low == pytest.approx(stats.binomtest(10, 10).proportion_ci(method="wilson").low)
    assert seen.high == 1.0


def test_the_bootstrap_holds_the_truth_when_rows_are_alike():
    rng = np.random.default_rng(1)
    held = []
    for _ in range(150):
        rows, patients = alike_rows(rng)
        held.append(bootstrap_interval(np.mean, patients, rows, rng=rng, draws=200).contains(0.8))
    assert np.mean(held) == pytest.approx(0.94, abs=0.06)


def test_the_bootstrap_draws_patients_and_not_rows():
    rng = np.random.default_rng(0)
    values, patients = np.repeat(rng.normal(size=40), 10), np.repeat(np.arange(40), 10)
    by_patient = bootstrap_interval(np.mean, patients, values, rng=rng)
    by_row = bootstrap_interval(np.mean, np.arange(400), values, rng=rng)
    ratio = (by_patient.high - by_patient.low) / (by_row.high - by_row.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_bootstrap_keeps_rows_of_all_arrays_together():
    rng = np.random.default_rng(0)
    values = rng.normal(size=100)
    seen = bootstrap_interval(lambda a, b: float(np.abs(a - b).max()), np.arange(100) % 20, values, values.copy(), rng=rng, draws=50)
    assert (seen.estimate, seen.low, seen.high) == (0.0, 0.0, 0.0)


def test_the_bootstrap_is_repeatable_and_takes_names_for_units():
    truth, scores, units = np.array([0, 1, 0, 1, 1, 0]), np.array([0.1, 0.9, 0.4, 0.3, 0.7, 0.2]), np.array(list("aabbcc"))
    one, other = (bootstrap_interval(auroc, units, truth, scores, rng=np.random.default_rng(2)) for _ in range(2))
    assert one == other
    assert one.low <= one.estimate <= one.high


def test_a_figure_that_mostly_cannot_be_said_has_no_interval():
    seen = bootstrap_interval(auroc, [1, 2], np.array([1, 1]), np.array([0.2, 0.4]), rng=np.random.default_rng(0), draws=20)
    assert np.isnan([seen.estimate, seen.low, seen.high]).all()


def test_arrays_of_another_length_are_refused():
    with pytest.raises(ValueError, match="length"):
        bootstrap_interval(np.mean, [1, 2, 3], np.ones(2), rng=np.random.default_rng(0))


def test_coverage_is_counted_for_all_and_for_each_true_class():
    sets = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], bool)
    overall, *classes = coverage_by_class(sets, [0, 1, 1, 1], ["a", "b", "c", "d"])
    assert overall.estimate == pytest.approx(2 / 4)
    assert [row.estimate for row in classes[:2]] == pytest.approx([1.0, 1 / 3])
    assert np.isnan([classes[2].estimate, classes[2].low, classes[2].high]).all()
    assert not classes[2].contains(0.9)
