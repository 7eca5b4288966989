"""Prediction sets that hold the truth as often as they promise: contiguous for ordered classes, never empty, no chance in them.

The set grows from the most probable class to its more probable neighbour, and stops once it holds more than the quantile q. So a
class has the score "probability already in the set when its turn comes" (0 for the mode), the set is every class with a score of at
most q, and q is the conformal quantile of the scores of the true classes. The score does not depend on q: sets are nested in alpha,
and their coverage is exact for exchangeable cases whatever the probabilities are worth.

Sources: Vovk, Gammerman, Shafer 2005 (split conformal); Romano, Sesia, Candes 2020 (cumulative mass); Lu, Angelopoulos, Pomerantz 2022
(contiguous sets for ordinal grades in MRI); Lee, Barber, Willett 2023 (cases grouped by patient).

Where the classifier is right more often than 1 - alpha, sets are single classes and cover more than they promise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

EVERYTHING = 1.0
"""The quantile that no score exceeds: with too few cases the set is every class."""
MIN_POSITIVES, MIN_GROUPS = 100, 50
"""A class has its own quantile only with this many cases from this many patients (DESIGN, section 6)."""

Floats = NDArray[np.float64]


def ordinal_scores(probabilities: ArrayLike) -> Floats:
    """Probability already in the growing set when each class's turn comes, shape (n, k), 0 .. 1.

    Args:
        probabilities: Shape (n, k), in the order of the scale. Of equal neighbours the higher class comes first; of equal modes
            the lower.

    Example:
        >>> ordinal_scores([[0.1, 0.6, 0.3]]).round(4).tolist()
        [[0.9, 0.0, 0.6]]
    """
    table = np.asarray(probabilities, np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"probabilities are (n, k) with k >= 1, got {table.shape}")
    rows, classes = np.arange(len(table)), table.shape[1]
    walled = np.pad(table, ((0, 0), (1, 1)), constant_values=-1.0)
    low = high = table.argmax(axis=1)
    mass, scores = table[rows, low], np.zeros_like(table)
    for _ in range(classes - 1):
        up = walled[rows, high + 2] >= walled[rows, low]
        low, high = np.where(up, low, low - 1), np.where(up, high + 1, high)
        joined = np.where(up, high, low)
        scores[rows, joined] = np.minimum(mass, EVERYTHING)
        mass = mass + table[rows, joined]
    return scores


def calibrate(
    probabilities: ArrayLike,
    labels: ArrayLike,
    alpha: float = 0.1,
    groups: ArrayLike | None = None,
    class_conditional: bool = False,
) -> tuple[float, ...]:
    """The quantile of each class, for `ordinal_set`: promises that a new case's set holds the truth with probability 1 - alpha.

    Args:
        probabilities: Of cases the classifier has not seen, shape (n, k).
        labels: True classes 0 .. k-1, shape (n,).
        alpha: Promised share of misses.
        groups: Patient of each case, shape (n,). The promise is then for a random case of a new patient, each patient weighing
            the same. Left out, each case is its own patient.
        class_conditional: Promise it for each true class by itself, where the class has MIN_POSITIVES cases from MIN_GROUPS
            patients; other classes keep the quantile of all.

    Returns:
        k numbers in 0 .. 1, equal unless class-conditional; EVERYTHING where there are too few patients to promise anything.

    Raises:
        ValueError: If alpha is not between 0 and 1, or the shapes disagree.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is between 0 and 1, got {alpha}")
    scores, truth = ordinal_scores(probabilities), np.asarray(labels, np.int64)
    patients = np.arange(len(truth)) if groups is None else np.asarray(groups)
    if not len(truth) == len(scores) == len(patients):
        raise ValueError(f"got {len(scores)} probabilities, {len(truth)} labels and {len(patients)} groups")
    own = scores[np.arange(len(truth)), truth]
    marginal = _quantile(own, patients, alpha)
    quantiles = [marginal] * scores.shape[1]
    for k in range(scores.shape[1]) if class_conditional else ():
        members = truth == k
        if members.sum() >= MIN_POSITIVES and len(np.unique(patients[members])) >= MIN_GROUPS:
            quantiles[k] = _quantile(own[members], patients[members], alpha)
    return tuple(quantiles)


def ordinal_set(probabilities: ArrayLike, quantile: float | Sequence[float]) -> tuple[int, ...]:
    """The classes of one case's prediction set, contiguous and in order; the most probable class is always in it.

    Args:
        probabilities: Shape (k,). Yes/no: (1 - p, p).
        quantile: From `calibrate`: one number for all classes, or one for each.

    Example:
        >>> ordinal_set([0.02, 0.2, 0.7, 0.08], 0.8)
        (1, 2)
        >>> ordinal_set([0.02, 0.2, 0.7, 0.08], 0.0)
        (2,)
    """
    inside = ordinal_sets(np.asarray(probabilities, np.float64)[None], quantile)[0]
    return tuple(int(k) for k in np.flatnonzero(inside))


def ordinal_sets(probabilities: ArrayLike, quantile: float | Sequence[float]) -> NDArray[np.bool_]:
    """Whether each class is in the set of each case, shape (n, k): `ordinal_set` for many.

    With a quantile for each class, gaps are filled, so that the set stays contiguous; it then covers no less.
    """
    inside = ordinal_scores(probabilities) <= np.asarray(quantile, np.float64)
    inside[np.arange(len(inside)), np.asarray(probabilities, np.float64).argmax(axis=1)] = True
    from_below = np.logical_or.accumulate(inside, axis=1)
    from_above = np.logical_or.accumulate(inside[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(from_below & from_above)


def _quantile(scores: Floats, groups: NDArray[np.generic], alpha: float) -> float:
    """Smallest score that reaches weight 1 - alpha, each of G groups weighing 1 / (G + 1) and the rest lying at infinity."""
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    weights = 1.0 / ((len(sizes) + 1) * sizes[place]) if len(sizes) else np.zeros(0)
    reached = np.cumsum(weights[order]) >= 1 - alpha - 1e-12
    return float(scores[order][np.argmax(reached)]) if reached.any() else EVERYTHING
