"""From logits to probabilities that mean what they say; fitted with numpy alone, stored in a bundle as two numbers.

Fit on cases whose logits come from networks that did not see them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.logistic import fit_logistic, sigmoid

COLDEST, HOTTEST = 0.02, 50.0
"""Temperatures are looked for between these."""
_GOLDEN = (np.sqrt(5.0) - 1) / 2
_STEPS = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Platt:
    """Yes/no calibration: probability = sigmoid(slope x logit + offset). The temperature is 1 / slope."""

    slope: float = 1.0
    offset: float = 0.0

    def probabilities(self, logits: NDArray[np.floating]) -> Floats:
        """Calibrated probability of yes, any shape.

        Example:
            >>> Platt(slope=0.5, offset=0.0).probabilities(np.array([0.0])).tolist()
            [0.5]
        """
        return sigmoid(self.slope * np.asarray(logits, np.float64) + self.offset)


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> Floats:
    """Probabilities along the last axis of logits / temperature.

    Example:
        >>> softmax(np.array([[0.0, np.log(3.0)]])).round(4).tolist()
        [[0.25, 0.75]]
    """
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature that makes the labels most likely, in [COLDEST, HOTTEST].

    The loss is convex in 1 / temperature, so a golden-section search over its logarithm finds the one minimum. Where every
    case is right with any margin the answer is COLDEST: too few cases to calibrate on.

    Args:
        logits: Shape (n, k), n >= 1.
        labels: 0 .. k-1, shape (n,).

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".

    Raises:
        ValueError: If there are no cases or the shapes disagree.

    Example:
        >>> round(fit_temperature(np.array([[2.0, 0.0]] * 4), np.array([0, 0, 0, 1])), 3)   # 2 / log(3)
        1.82
    """
    scores, truth = np.asarray(logits, np.float64), np.asarray(labels, np.int64)
    if scores.ndim != 2 or truth.shape != scores.shape[:1] or not truth.size:
        raise ValueError(f"logits are (n, k) and labels (n,) with n >= 1, got {scores.shape} and {truth.shape}")
    low, high = np.log(COLDEST), np.log(HOTTEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = (_loss(scores, truth, point) for point in (left, right))
    for _ in range(_STEPS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = _loss(scores, truth, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = _loss(scores, truth, right)
    return float(np.exp((low + high) / 2))


def fit_platt(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Platt:
    """Slope and offset for yes/no logits.

    The targets are Platt's, (positives + 1) / (positives + 2) and 1 / (negatives + 2), so that separable cases give a finite
    answer. With fewer than two different logits only the offset is fitted.

    Args:
        logits: Shape (n,), n >= 1.
        labels: 0 or 1, shape (n,).

    Source: Platt 1999, with the corrections of Lin, Lin and Weng 2007 (Newton with step halving).

    Raises:
        ValueError: If there are no cases, the shapes disagree, or a label is neither 0 nor 1.
    """
    scores, truth = np.asarray(logits, np.float64), np.asarray(labels)
    if scores.ndim != 1 or truth.shape != scores.shape or not truth.size or not np.isin(truth, (0, 1)).all():
        raise ValueError(f"logits and labels (0 or 1) are (n,) with n >= 1, got {scores.shape} and {truth.shape}")
    positives = int(truth.sum())
    targets = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (truth.size - positives + 2))
    ones = np.ones(truth.size)
    if np.ptp(scores) < 1e-9:
        return Platt(1.0, float(fit_logistic(ones[:, None], targets, scores)[0]))
    slope, offset = fit_logistic(np.stack([scores, ones], axis=1), targets)
    return Platt(float(slope), float(offset))


def _loss(logits: Floats, labels: NDArray[np.int64], log_temperature: float) -> float:
    scaled = logits * np.exp(-log_temperature)
    top = scaled.max(axis=1)
    total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float(np.mean(total - scaled[np.arange(len(labels)), labels]))
