"""What is fitted for a fold never saw its patients: changing their labels or logits changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from spondyl.inference.calibration import softmax
from spondyl.lab.mri_discs.calibrate import best_threshold, fit_offsets, fit_on_sacrum, nested
from spondyl.lab.mri_discs.predict import DiscRow
from spondyl.tasks.mri_discs.answers import OUTPUTS, VIEWS

FOLDS = 4


def rows(seed: int = 0, patients: int = 24, discs: int = 5) -> list[DiscRow]:
    """Every patient in every view, judged by the graders that never saw their fold; logits that know something of the labels."""
    rng = np.random.default_rng(seed)
    table = []
    for patient in range(patients):
        fold = patient % FOLDS
        names = [f"grader-{min(fold, j)}{max(fold, j)}" for j in range(FOLDS) if j != fold]
        for disc in range(1, discs + 1):
            labels = np.array([rng.integers(0, 5), *(rng.random(7) < 0.4)]).astype(np.int64)
            for view in VIEWS:
                signal = np.concatenate([2.0 * (np.arange(5) == labels[0]), 2.0 * labels[1:] - 1])
                logits = {name: signal + rng.normal(0, 1.0, OUTPUTS) for name in names}
                table.append(DiscRow(f"p{patient}", fold, view, "t2", disc, disc, labels, logits, np.ones(OUTPUTS)))
    return table


def with_wrong_labels(table: Sequence[DiscRow], fold: int) -> list[DiscRow]:
    return [replace(row, labels=np.array([4 - row.labels[0], *(1 - row.labels[1:])])) if row.fold == fold else row for row in table]


@pytest.mark.parametrize("fold", range(FOLDS))
def test_the_labels_of_a_fold_touch_the_settings_of_the_others_and_never_its_own(fold: int):
    before, after = nested(rows(), FOLDS), nested(with_wrong_labels(rows(), fold), FOLDS)
    assert after[str(fold)] == before[str(fold)]
    assert all(after[str(other)] != before[str(other)] for other in range(FOLDS) if other != fold)


def test_the_settings_of_a_fold_rest_on_graders_that_are_blind_to_it_too():
    """A patient of fold 1 is judged for outer fold 0 by grader-01 alone: what the others say of them does not matter."""
    table = rows()
    before = nested(table, FOLDS)["0"]
    seeing = [
        replace(row, logits={name: values if "0" in name else -5 * values for name, values in row.logits.items()}) for row in table
    ]
    assert nested(seeing, FOLDS)["0"] == before
    blind = [replace(row, logits={name: -5 * values if "0" in name else values for name, values in row.logits.items()}) for row in table]
    assert nested(blind, FOLDS)["0"] != before


def test_every_fold_has_settings_for_every_view():
    table = nested(rows(), FOLDS)
    assert set(table) == {str(fold) for fold in range(FOLDS)}
    assert all(set(views) == set(VIEWS) for views in table.values())
    assert table["0"]["dry"]["not_said"] == ["pfirrmann_grade"]
    assert table["0"]["wet"]["not_said"] == []


def test_offsets_make_grades_be_said_as_often_as_they_occur():
    rng = np.random.default_rng(0)
    truth = rng.choice(5, 600, p=[0.05, 0.35, 0.3, 0.2, 0.1])
    logits = 2.0 * np.eye(5)[truth] + rng.normal(0, 1, (600, 5)) + np.array([2.0, 0.0, -1.0, 0.0, 1.5])
    offsets = np.array(fit_offsets(logits, truth))
    wanted = np.bincount(truth, minlength=5) / 600
    assert np.abs(softmax(logits).mean(0) - wanted).max() > 0.1
    assert softmax(logits + offsets).mean(0) == pytest.approx(wanted, abs=0.04)
    assert offsets.mean() == pytest.approx(0, abs=1e-9)


def test_the_threshold_has_the_best_f1_between_its_bounds():
    rng = np.random.default_rng(1)
    truth = (rng.random(300) < 0.2).astype(np.int64)
    present = np.clip(0.3 * truth + rng.beta(2, 8, 300), 0, 1)

    def f1(cut: float) -> float:
        said = present >= cut
        return 2 * (said & (truth == 1)).sum() / (said.sum() + truth.sum())

    cut = best_threshold(present, truth)
    assert 0.15 <= cut <= 0.5
    assert f1(cut) == pytest.approx(max(f1(c) for c in np.linspace(0.15, 0.5, 36)))


def test_a_surer_locator_means_a_surer_sacrum():
    scores = [0.9, 0.8, 0.95, 0.7, 0.05, 0.1, 0.2, 0.02]
    own = fit_on_sacrum(scores, [True] * 4 + [False] * 4)
    assert own["slope"] > 0


def test_a_run_whose_locator_found_nothing_is_packed_with_scores_as_they_are():
    assert fit_on_sacrum([], []) == {"slope": 1.0, "offset": 0.0}


