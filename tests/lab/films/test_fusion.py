"""The detector beside the ensemble."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.lab.films import fusion
from spondyl.metrics import auroc, log_loss
from spondyl.metrics.logistic import sigmoid
from spondyl.tasks.films.votes import fused

NAMES = ("osteophytes", "surgical_implant")


def _films(seed: int, gain: float, count: int = 1200):
    """p of an honest ensemble and the best box score of a detector that adds `gain` of its own; three films a study."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-0.3, 1.5, count)
    extra = rng.normal(0, 1, count)
    truth = (rng.random(count) < sigmoid(logits + gain * extra)).astype(np.int64)
    spread = np.sqrt(1 + gain**2 * np.pi / 8)
    return sigmoid(logits / spread), sigmoid(extra - 1), truth, [f"study {i // 3}" for i in range(count)]


def test_a_detector_that_knows_more_is_listened_to():
    p, best, truth, groups = _films(0, 2.0)
    fitted = fusion.fit_fusion(p, best, truth, groups)
    joined = fused(p, best, fitted)
    assert fitted["detector"] > 0.5
    assert log_loss(truth, joined) < log_loss(truth, p)
    assert auroc(truth, joined) > auroc(truth, p) + 0.03


@pytest.mark.parametrize("seed", range(6))
def test_a_detector_that_adds_nothing_hardly_changes_what_is_said(seed):
    p, best, truth, groups = _films(seed, 0.0)
    fitted = fusion.fit_fusion(p, best, truth, groups)
    assert fitted["detector"] < 0.25
    assert log_loss(truth, fused(p, best, fitted)) <= log_loss(truth, p) + 1e-9


def test_plain_fusion_is_the_ensemble():
    p = np.linspace(0.001, 0.999, 50)
    assert fused(p, p[::-1], fusion.PLAIN) == pytest.approx(p)


@pytest.mark.parametrize("truth", [np.zeros(9, np.int64), np.array([1, 0, 0, 0, 0, 0, 0, 0, 0])])
def test_with_too_few_cases_the_ensemble_is_left_alone(truth):
    p = np.linspace(0.2, 0.8, 9)
    assert fusion.fit_fusion(p, p, truth, list("aaabbbccc")) == fusion.PLAIN


def test_where_the_detector_is_not_asked_almost_every_abnormal_decision_stays():
    p, best, truth, groups = _films(1, 2.0)
    joined = fused(p, best, fusion.fit_fusion(p, best, truth, groups))
    ask_from = fusion.fit_ask_from(p, joined, 0.45)
    served = np.where(p < ask_from, p, joined)
    called = joined >= 0.45
    assert (served[called] >= 0.45).mean() >= fusion.KEPT
    assert 0 < ask_from <= 0.45
    assert not (served[p < ask_from] >= 0.45).any()


def test_where_nothing_is_called_abnormal_the_detector_is_always_asked():
    assert fusion.fit_ask_from(np.array([0.1, 0.2]), np.array([0.1, 0.2]), 0.5) == 0.0


def test_a_box_score_is_calibrated_by_its_class_or_by_all_where_boxes_are_few():
    rng = np.random.default_rng(2)
    scores = rng.uniform(0.05, 0.95, 900)
    right = rng.random(900) < scores**2
    labels = np.r_[np.zeros(895, np.int64), np.ones(5, np.int64)]
    table = fusion.fit_box_classes(scores, labels, right, (*NAMES, "other_lesion"))
    assert table["osteophytes"] != table["surgical_implant"] == table["other_lesion"]
    said = sigmoid(table["osteophytes"]["slope"] * np.log(0.5 / 0.5) + table["osteophytes"]["offset"])
    assert said == pytest.approx(0.25, abs=0.06)
    assert fusion.fit_box_classes(scores[:0], labels[:0], right[:0], NAMES)["osteophytes"] == {"slope": 1.0, "offset": 0.0}
