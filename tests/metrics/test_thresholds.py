"""Thresholds and curves, against scikit-learn and against trying every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import (
    auroc,
    average_precision,
    best_f1_threshold,
    f1_score,
    precision_recall_curve,
    roc_curve,
    sensitivity,
    specificity,
    youden_threshold,
)

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is part of the laboratory")
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=2, max_size=40)
CASES = ROWS.filter(lambda rows: len({truth for truth, _ in rows}) == 2)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_decisions_are_scored_as_scikit_learn_does(rows):
    truth, said = np.array([(t, s >= 5) for t, s in rows]).T
    assert sensitivity(truth, said) == pytest.approx(sklearn.recall_score(truth, said))
    assert specificity(truth, said) == pytest.approx(sklearn.recall_score(truth, said, pos_label=0))
    assert f1_score(truth, said) == pytest.approx(sklearn.f1_score(truth, said, zero_division=0.0))


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_curves_have_the_areas_of_the_scores_they_belong_to(rows):
    truth, scores = np.array(rows).T
    roc, pr = roc_curve(truth, scores), precision_recall_curve(truth, scores)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(auroc(truth, scores))
    assert np.sum(np.diff(pr.x, prepend=0.0) * pr.y) == pytest.approx(average_precision(truth, scores))
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0.0, 0.0, 1.0, 1.0)
    for x, y, cut in zip(roc.x, roc.y, roc.thresholds, strict=True):
        assert (1 - specificity(truth, scores >= cut), sensitivity(truth, scores >= cut)) == pytest.approx((x, y))


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_no_threshold_beats_the_best_one(rows):
    truth, scores = np.array(rows).T
    every = [*(np.unique(scores) - 0.5), 10.0]
    best_f1 = max(f1_score(truth, scores >= cut) for cut in every)
    assert f1_score(truth, scores >= best_f1_threshold(truth, scores)) == pytest.approx(best_f1)

    def youden(cut: float) -> float:
        return sensitivity(truth, scores >= cut) + specificity(truth, scores >= cut)

    best = max(youden(cut) for cut in every)
    assert youden(youden_threshold(truth, scores)) == pytest.approx(best)


def test_without_both_answers_there_is_no_threshold():
    assert np.isnan(best_f1_threshold([0, 0], [0.1, 0.2]))
    assert np.isnan(youden_threshold([1, 1], [0.1, 0.2]))
    assert np.isnan(youden_threshold([], []))
    assert np.isnan(sensitivity([0], [0]))
    assert np.isnan(specificity([1], [0]))
    assert np.isnan(f1_score([0], [0]))
