"""Whether a predicted probability means what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spondyl.metrics.discrimination import binary_pair
from spondyl.metrics.logistic import fit_logistic, logit

BINS = 10
_EDGE = 1e-15


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Logistic recalibration of predicted probabilities.

    Attributes:
        slope: 1 is right; below 1 the predictions are too extreme. NaN where there is no finite slope.
        intercept: Fitted together with the slope; 0 is right.
        in_the_large: Intercept with the slope held at 1: above 0 the predictions are too low on average.
    """

    slope: float
    intercept: float
    in_the_large: float


@dataclass(frozen=True, slots=True)
class EceFloor:
    """Calibration error that a perfect model would show on as many cases: sampling noise, not a fault."""

    mean: float
    p95: float


def brier(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared error of the probabilities; NaN of nothing.

    Args:
        truth: Class 0 .. k-1 (or 0 and 1), shape (n,).
        probabilities: Of each class, shape (n, k): summed over classes; or of "yes", shape (n,).

    Source: Brier 1950; the form for (n,) is half of that for (n, 2).

    Example:
        >>> brier([1, 0], [0.8, 0.4])
        0.1
        >>> brier([1, 0], [[0.2, 0.8], [0.6, 0.4]])
        0.2
    """
    true, values = _truth_and_probabilities(truth, probabilities)
    if not true.size:
        return float("nan")
    if values.ndim == 1:
        return float(np.mean((values - true) ** 2))
    return float(np.mean(np.sum((values - np.eye(values.shape[1])[true]) ** 2, axis=1)))


def log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of -log(probability given to what was true), nats; probabilities kept 1e-15 above 0. NaN of nothing.

    Shapes as `brier`.

    Example:
        >>> round(log_loss([1, 0], [0.5, 0.5]), 4)
        0.6931
    """
    true, values = _truth_and_probabilities(truth, probabilities)
    if not true.size:
        return float("nan")
    table = np.stack([1 - values, values], axis=1) if values.ndim == 1 else values
    return float(-np.mean(np.log(np.clip(table[np.arange(true.size), true], _EDGE, 1.0))))


def ece(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal width; NaN of nothing. Compare it with `ece_floor`.

    Of shape (n,): predicted against observed share of "yes". Of shape (n, k): the highest probability against the share that
    was right (Guo et al. 2017).

    Example:
        >>> round(ece([1, 1, 0, 0], [0.9, 0.9, 0.1, 0.1]), 4)
        0.1
    """
    true, values = _truth_and_probabilities(truth, probabilities)
    if not true.size:
        return float("nan")
    happened = true if values.ndim == 1 else values.argmax(1) == true
    return float(_gap(happened[None].astype(np.float64), _confidence(values), bins)[0])


def ece_floor(probabilities: ArrayLike, rng: np.random.Generator, draws: int = 500, bins: int = BINS) -> EceFloor:
    """What `ece` would be if these probabilities were exactly right: truths are drawn from them, many times.

    Example:
        >>> floor = ece_floor(np.full(400, 0.5), np.random.default_rng(0))
        >>> 0.01 < floor.mean < 0.03 < floor.p95
        True
    """
    confidence = _confidence(np.asarray(probabilities, np.float64))
    if not confidence.size:
        return EceFloor(float("nan"), float("nan"))
    happened = rng.random((draws, confidence.size)) < confidence
    gaps = _gap(happened.astype(np.float64), confidence, bins)
    return EceFloor(float(gaps.mean()), float(np.quantile(gaps, 0.95)))


def recalibration(truth: ArrayLike, probabilities: ArrayLike) -> Recalibration:
    """Calibration slope and intercepts of yes/no probabilities, shape (n,).

    NaN unless both answers occur; the slope is also NaN where the predictions separate them, or are all the same.

    Source: Cox 1958; Van Calster et al. 2019 ("weak calibration").

    Example:
        >>> truth = np.repeat([0, 1, 0, 1], [8, 2, 3, 7])
        >>> fit = recalibration(truth, np.repeat([0.2, 0.7], [10, 10]))
        >>> abs(fit.slope - 1) < 1e-9, abs(fit.in_the_large) < 1e-9
        (True, True)
    """
    positive, values = binary_pair(truth, probabilities)
    if positive.all() or not positive.any():
        return Recalibration(float("nan"), float("nan"), float("nan"))
    logits, ones, target = logit(values), np.ones(values.size), positive.astype(np.float64)
    shift = float(fit_logistic(ones[:, None], target, logits)[0])
    if np.ptp(logits) < 1e-9:
        return Recalibration(float("nan"), float("nan"), shift)
    slope, intercept = fit_logistic(np.stack([logits, ones], axis=1), target)
    return Recalibration(float(slope), float(intercept), shift)


def _confidence(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values if values.ndim == 1 else values.max(axis=1, initial=0.0)


def _gap(happened: NDArray[np.float64], confidence: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """ECE of each row of `happened` (draws, n): sum over bins of |what happened - what was said| / n."""
    place = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    member = (place[:, None] == np.arange(bins)).astype(np.float64)
    return np.asarray(np.abs((happened - confidence) @ member).sum(axis=1) / confidence.size)


def _truth_and_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    true, values = np.asarray(truth), np.asarray(probabilities, np.float64)
    classes = values.shape[1] if values.ndim == 2 else 2
    if true.ndim != 1 or values.ndim not in (1, 2) or len(true) != len(values):
        raise ValueError(f"truth is (n,) and probabilities (n,) or (n, k), got {true.shape} and {values.shape}")
    if values.size and not (values.min() >= 0 and values.max() <= 1 + 1e-6):
        raise ValueError("probabilities are 0 to 1")
    if true.size and not np.isin(true, np.arange(classes)).all():
        raise ValueError(f"the truth is 0 to {classes - 1}, got {sorted(set(true.tolist()))}")
    return true.astype(np.int64), values
