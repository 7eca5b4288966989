"""Agreement of two readings of the same things on one scale of classes 0 .. k-1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts, shape (classes, classes): row is the truth, column the prediction.

    Raises:
        ValueError: If the lengths differ or a value is not 0 .. classes-1.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 1, 0], 2).tolist()
        [[1, 0], [1, 1]]
    """
    true, guess = _pair(truth, predicted, classes)
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


def kappa(truth: ArrayLike, predicted: ArrayLike, classes: int, weights: str = "quadratic") -> float:
    """Cohen's kappa; 1 is agreement, 0 is chance. NaN when both readings know one class only, the same: chance is then perfect.

    Source: Cohen 1960 ("none"), Cohen 1968 ("linear", "quadratic": a miss by two counts twice or four times a miss by one).

    Example:
        >>> round(kappa([0, 1, 2, 3], [0, 1, 2, 2], 4), 4)
        0.875
    """
    rows, columns = np.indices((classes, classes))
    costs = {"none": (rows != columns).astype(float), "linear": np.abs(rows - columns), "quadratic": (rows - columns) ** 2}
    if weights not in costs:
        raise ValueError(f"weights are one of {sorted(costs)}, got {weights!r}")
    counts = confusion_matrix(truth, predicted, classes).astype(np.float64)
    total = counts.sum()
    by_chance = np.outer(counts.sum(1), counts.sum(0)) / total if total else counts
    expected = float((costs[weights] * by_chance).sum())
    return 1.0 - float((costs[weights] * counts).sum()) / expected if expected > 0 else float("nan")


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share that agrees exactly; NaN of nothing.

    Example:
        >>> accuracy([0, 1, 2, 3], [0, 1, 2, 2])
        0.75
    """
    return within(truth, predicted, 0)


def within(truth: ArrayLike, predicted: ArrayLike, distance: int = 1) -> float:
    """Share that agrees to within `distance` grades; NaN of nothing.

    Example:
        >>> within([0, 1, 4], [1, 1, 2])
        0.6666666666666666
    """
    near = np.abs(np.asarray(truth, np.int64) - np.asarray(predicted, np.int64)) <= distance
    return float(near.mean()) if near.size else float("nan")


def mean_absolute_error(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean distance in grades; NaN of nothing. The prediction may lie between grades.

    Example:
        >>> mean_absolute_error([0, 1, 4], [1, 1, 2.5])
        0.8333333333333334
    """
    gaps = np.abs(np.asarray(truth, np.float64) - np.asarray(predicted, np.float64))
    return float(gaps.mean()) if gaps.size else float("nan")


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike, classes: int) -> float:
    """Mean recall of the classes that occur in the truth; NaN of nothing.

    Example:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0], 2)
        0.5
    """
    recalls = recall_by_class(truth, predicted, classes)
    present = ~np.isnan(recalls)
    return float(recalls[present].mean()) if present.any() else float("nan")


def recall_by_class(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.float64]:
    """Share of each true class that was called so, shape (classes,); NaN for a class that does not occur.

    Example:
        >>> recall_by_class([0, 0, 1], [0, 1, 1], 3).tolist()
        [0.5, 1.0, nan]
    """
    counts = confusion_matrix(truth, predicted, classes)
    totals = counts.sum(1)
    recalls = np.full(classes, np.nan)
    return np.asarray(np.divide(np.diagonal(counts), totals, out=recalls, where=totals > 0))


def _pair(truth: ArrayLike, predicted: ArrayLike, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    true, guess = np.asarray(truth), np.asarray(predicted)
    if true.shape != guess.shape or true.ndim != 1:
        raise ValueError(f"truth and prediction must be two lists of one length, got {true.shape} and {guess.shape}")
    for values in (true, guess):
        if values.size and not (values.min() >= 0 and values.max() < classes and np.all(values == np.floor(values))):
            raise ValueError(f"classes are 0 to {classes - 1}, got {sorted(set(values.tolist()))}")
    return true.astype(np.int64), guess.astype(np.int64)
