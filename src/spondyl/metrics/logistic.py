"""Logistic regression of a few columns by Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 100
_LARGEST = 1e4
_TOLERANCE = 1e-10

Column = NDArray[np.float64]


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-logit)), without overflow.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)


def logit(probabilities: NDArray[np.float64], edge: float = 1e-6) -> NDArray[np.float64]:
    """log(p / (1 - p)), with p kept `edge` away from 0 and 1.

    Example:
        >>> logit(np.array([0.5, 1.0])).round(2).tolist()
        [0.0, 13.82]
    """
    inside = np.clip(probabilities, edge, 1 - edge)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def fit_logistic(columns: NDArray[np.float64], targets: Column, offset: Column | float = 0.0) -> Column:
    """Coefficients that make sigmoid(columns @ coefficients + offset) most likely; NaN where there is no finite answer.

    Args:
        columns: Shape (n, d). No intercept is added: give a column of ones.
        targets: Shape (n,), 0 .. 1; fractions are allowed.
        offset: Added to the logits as it is.

    Example:
        >>> fit_logistic(np.ones((4, 1)), np.array([0.0, 1.0, 1.0, 1.0])).round(4).tolist()   # log(3)
        [1.0986]
        >>> fit_logistic(np.ones((2, 1)), np.array([1.0, 1.0])).tolist()   # any number is too small
        [nan]
    """
    none = np.full(columns.shape[1], np.nan)
    coefficients = np.zeros(columns.shape[1])
    loss = _loss(columns, targets, coefficients, offset)
    for _ in range(_STEPS):
        mean = sigmoid(columns @ coefficients + offset)
        slope = columns.T @ (mean - targets)
        curvature = (columns * (mean * (1 - mean))[:, None]).T @ columns
        try:
            step = np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            return none
        length = 1.0
        while (reached := _loss(columns, targets, coefficients - length * step, offset)) > loss and length > 1e-6:
            length /= 2
        coefficients, loss = coefficients - length * step, min(reached, loss)
        if not np.abs(coefficients).max(initial=0.0) < _LARGEST:
            return none
        if length * np.abs(step).max(initial=0.0) < _TOLERANCE * (1 + np.abs(coefficients).max(initial=0.0)):
            return coefficients if _is_settled(curvature, columns) else none
    return none


def _loss(columns: NDArray[np.float64], targets: Column, coefficients: Column, offset: Column | float) -> float:
    logits = columns @ coefficients + offset
    return float(np.sum(np.logaddexp(0.0, logits) - targets * logits))


def _is_settled(curvature: NDArray[np.float64], columns: NDArray[np.float64]) -> bool:
    """Whether the optimum is a real one: on separable data the curvature dies away as the coefficients run off."""
    return bool(np.diagonal(curvature).min() > 1e-9 * len(columns))
