"""Agreement, against scikit-learn and by its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import accuracy, balanced_accuracy, confusion_matrix, kappa, mean_absolute_error, recall_by_class, within

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is part of the laboratory")
READINGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40).filter(lambda rows: len(set(rows)) > 2)


@settings(max_examples=40, deadline=None)
@given(READINGS)
def test_kappa_is_that_of_scikit_learn(rows):
    truth, guess = np.array(rows).T
    for weights, theirs in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
        expected = sklearn.cohen_kappa_score(truth, guess, labels=range(5), weights=theirs)
        assert kappa(truth, guess, 5, weights) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(READINGS)
def test_counts_and_recalls_are_those_of_scikit_learn(rows):
    truth, guess = np.array(rows).T
    assert np.array_equal(confusion_matrix(truth, guess, 5), sklearn.confusion_matrix(truth, guess, labels=range(5)))
    present = np.unique(truth)
    expected = sklearn.recall_score(truth, guess, labels=present, average=None, zero_division=0.0)
    assert recall_by_class(truth, guess, 5)[present] == pytest.approx(expected)
    assert balanced_accuracy(truth, guess, 5) == pytest.approx(expected.mean())
    assert accuracy(truth, guess) == pytest.approx(sklearn.accuracy_score(truth, guess))
    assert mean_absolute_error(truth, guess) == pytest.approx(sklearn.mean_absolute_error(truth, guess))


def test_within_counts_neighbours():
    assert within([0, 1, 2, 3, 4], [0, 2, 4, 0, 3]) == pytest.approx(3 / 5)
    assert within([0, 1, 2, 3, 4], [0, 2, 4, 0, 3], 2) == pytest.approx(4 / 5)


def test_kappa_of_a_scale_where_only_one_class_was_seen_is_not_a_number():
    assert np.isnan(kappa([2, 2], [2, 2], 5))
    assert kappa([2, 2], [2, 3], 5) == pytest.approx(0.0)


def test_nothing_gives_not_a_number():
    assert np.isnan(kappa([], [], 5))
    assert np.isnan(accuracy([], []))
    assert np.isnan(balanced_accuracy([], [], 5))


@pytest.mark.parametrize(("truth", "guess"), [([0, 5], [0, 0]), ([0, -1], [0, 0]), ([0, 0.5], [0, 0]), ([0], [0, 0])])
def test_values_off_the_scale_are_refused(truth, guess):
    with pytest.raises(ValueError, match=r"classes|length"):
        kappa(truth, guess, 5)


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="cubic"):
        kappa([0, 1], [0, 1], 2, "cubic")
