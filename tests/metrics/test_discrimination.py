"""Discrimination, against scikit-learn and the definition by pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import auroc, average_precision

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is part of the laboratory")
CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=40).filter(lambda rows: len(dict(rows)) == 2)


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_with_many_ties_both_are_those_of_scikit_learn(rows):
    truth, scores = np.array(rows).T
    assert auroc(truth, scores / 7) == pytest.approx(sklearn.roc_auc_score(truth, scores / 7), abs=1e-12)
    assert average_precision(truth, scores / 7) == pytest.approx(sklearn.average_precision_score(truth, scores / 7), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(CASES)
def test_auroc_counts_pairs(rows):
    truth, scores = np.array(rows).T
    pairs = [(p > n) + (p == n) / 2 for p in scores[truth == 1] for n in scores[truth == 0]]
    assert auroc(truth, scores) == pytest.approx(np.mean(pairs))


def test_one_class_only_has_no_auroc():
    assert np.isnan(auroc([1, 1], [0.2, 0.3]))
    assert np.isnan(auroc([0, 0], [0.2, 0.3]))
    assert np.isnan(auroc([], []))
    assert np.isnan(average_precision([0, 0], [0.2, 0.3]))


@pytest.mark.parametrize(("truth", "scores"), [([0, 2], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 1], [0.1])])
def test_what_is_not_yes_or_no_with_a_score_is_refused(truth, scores):
    with pytest.raises(ValueError, match="truth"):
        auroc(truth, scores)
