"""How well scores tell yes from no, whatever the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auroc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a positive scores above a negative, ties counting half. NaN unless both occur.

    Source: Mann and Whitney 1947; the area under the ROC curve by trapezia is the same number.

    Example:
        >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
        0.875
    """
    positive, values = binary_pair(truth, scores)
    count = int(positive.sum())
    if count in (0, positive.size):
        return float("nan")
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(ties) - (ties - 1) / 2
    rank_sum = float(mean_rank[place][positive].sum())
    return (rank_sum - count * (count + 1) / 2) / (count * (positive.size - count))


def average_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """Precision averaged over the recall steps, from the highest score down; ties step together. NaN without positives.

    The sum of (recall step) x precision, not interpolated.

    Example:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
        0.8333
    """
    positive, values = binary_pair(truth, scores)
    if not positive.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    found = np.cumsum(positive[order])
    ends = np.append(np.flatnonzero(np.diff(values[order])), values.size - 1)
    precision, recall = found[ends] / (ends + 1), found[ends] / found[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def binary_pair(truth: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Truth as booleans and scores as numbers, once they are checked.

    Raises:
        ValueError: If the lengths differ, the truth is not 0 or 1, or a score is not finite.
    """
    true, values = np.asarray(truth), np.asarray(scores, np.float64)
    if true.shape != values.shape or true.ndim != 1:
        raise ValueError(f"truth and scores must be two lists of one length, got {true.shape} and {values.shape}")
    if not np.isin(true, (0, 1)).all() or not np.isfinite(values).all():
        raise ValueError("the truth is 0 or 1, and scores are finite numbers")
    return true.astype(bool), values
