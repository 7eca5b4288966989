"""The detector beside the ensemble: whether its strongest box adds to p(abnormal), when it need not be asked, what a score means.

Fitted on the validation split; served by `tasks.films.votes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import fit_platt
from spondyl.metrics.calibration import log_loss
from spondyl.metrics.logistic import fit_logistic, logit
from spondyl.tasks.films.votes import SCORE_EDGE, fused

PLAIN = {"ensemble": 1.0, "detector": 0.0, "offset": 0.0}
"""The fusion that leaves the ensemble's probability as it is."""
FOLDS = 5
KEPT = 0.995
"""Share of validation films called abnormal that must still be when the detector is not asked of sure normals."""
FEWEST = 10
"""A class with fewer boxes found right, or wrong, is calibrated as all classes together."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fit_fusion(ensemble: Floats, best_score: Floats, truth: Ints, groups: Sequence[str]) -> dict[str, float]:
    """A logistic of the two logits, if it makes films of other groups likelier than the ensemble alone does; else PLAIN.

    Groups are dealt into FOLDS parts in their sorted order; each part is judged by what the others taught.
    """
    names = sorted(set(groups))
    place = {name: number % FOLDS for number, name in enumerate(names)}
    fold = np.array([place[name] for name in groups])
    held_out = ensemble.astype(np.float64)
    for part in range(FOLDS):
        rest = fold != part
        if len(set(truth[rest].tolist())) < 2:
            return dict(PLAIN)
        held_out[~rest] = fused(ensemble[~rest], best_score[~rest], _logistic(ensemble[rest], best_score[rest], truth[rest]))
    fitted = _logistic(ensemble, best_score, truth)
    return fitted if log_loss(truth, held_out) < log_loss(truth, ensemble) else dict(PLAIN)


def fit_ask_from(ensemble: Floats, joined: Floats, threshold: float) -> float:
    """The ensemble's probability under which the detector is not asked.

    The largest that leaves KEPT of the films called abnormal with the detector at or above it, and not above the threshold, so that
    a film whose detector is not asked is a normal one.
    """
    called = np.sort(ensemble[joined >= threshold])
    if not called.size:
        return 0.0
    return float(min(called[int(np.floor((1 - KEPT) * called.size + 1e-9))], threshold))


def fit_box_classes(scores: Floats, labels: Ints, right: NDArray[np.bool_], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """`slope` and `offset` of each class: from the logit of a box's score to the probability that it lies on such a lesion (IoU >= 0.5).

    Args:
        scores: Of the boxes found on validation, shape (n,).
        labels: Their classes, indices into `names`.
        right: Whether each was given a true box.
    """
    together = _platt(scores, right)
    table = {}
    for number, name in enumerate(names):
        own = labels == number
        enough = min(int(right[own].sum()), int((~right[own]).sum())) >= FEWEST
        table[name] = _platt(scores[own], right[own]) if enough else together
    return table


def _logistic(ensemble: Floats, best_score: Floats, truth: Ints) -> dict[str, float]:
    """Coefficients that are finite and not negative; PLAIN where there are none."""
    columns = np.column_stack([logit(ensemble, SCORE_EDGE), logit(best_score, SCORE_EDGE), np.ones(len(truth))])
    first, second, offset = (float(value) for value in fit_logistic(columns, truth.astype(np.float64)))
    usable = bool(np.isfinite([first, second, offset]).all()) and first > 0 and second > 0
    return {"ensemble": first, "detector": second, "offset": offset} if usable else dict(PLAIN)


def _platt(scores: Floats, right: NDArray[np.bool_]) -> dict[str, Any]:
    if not scores.size:
        return {"slope": 1.0, "offset": 0.0}
    fitted = fit_platt(logit(scores, SCORE_EDGE), right.astype(np.int64))
    return {"slope": fitted.slope, "offset": fitted.offset} if fitted.slope > 0 else {"slope": 1.0, "offset": 0.0}
