"""Figures with their intervals as metrics.json holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics import Interval, bootstrap_interval, ece, ece_floor, precision_recall_curve, roc_curve, share_interval

DRAWS = 1000
POINTS = 201
"""Most points of a curve that are kept."""
BAND_DRAWS = 200
BINS = 10

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Figure = dict[str, float | None]


def figure(interval: Interval) -> Figure:
    """{estimate, low, high}; None where a number cannot be said."""
    return {"estimate": number(interval.estimate), "low": number(interval.low), "high": number(interval.high)}


def number(value: float) -> float | None:
    """A finite number rounded to six decimals, or None."""
    return round(float(value), 6) if math.isfinite(value) else None


def bootstrapped(metric: Callable[..., float], units: Sequence[str], *arrays: NDArray[Any]) -> Figure:
    """A figure with its 95 % interval, units drawn again."""
    rng = np.random.default_rng(0)
    return figure(bootstrap_interval(metric, np.asarray(units), *arrays, rng=rng, draws=DRAWS))


def share(happened: NDArray[np.bool_], units: Sequence[str]) -> Figure:
    """A share with its 95 % interval."""
    return figure(share_interval(happened, np.asarray(units)))


def alone(value: float) -> Figure:
    """A figure that has no interval."""
    return {"estimate": number(value), "low": None, "high": None}


def calibration_error(truth: Ints, probabilities: Floats) -> dict[str, Figure]:
    """ECE, what a perfect model would show on as many films, and how far the first lies above the second."""
    value, floor = ece(truth, probabilities), ece_floor(probabilities, np.random.default_rng(0))
    return {"ece": alone(value), "ece_floor": alone(floor.mean), "ece_above_floor": alone(value - floor.mean)}


def reliability(happened: NDArray[np.bool_], probabilities: Floats) -> list[dict[str, Any]]:
    """Bins of equal width: {low, high, mean, rate, count} of what was said and what happened."""
    place = np.clip((probabilities * BINS).astype(np.int64), 0, BINS - 1)
    rows = []
    for index in range(BINS):
        own = place == index
        rows.append({"low": index / BINS, "high": (index + 1) / BINS, "count": int(own.sum()),
                     "mean": number(float(probabilities[own].mean())) if own.any() else None,
                     "rate": number(float(happened[own].mean())) if own.any() else None})
    return rows


def roc_points(truth: Ints, scores: Floats, units: Sequence[str]) -> dict[str, list[float | None]]:
    """{fpr, tpr, low, high}: the ROC curve on a grid of false positive rates with its 95 % band; nothing where one class is missing."""
    if len(set(truth.tolist())) < 2:
        return {}
    grid = np.linspace(0, 1, POINTS)
    groups = _rows_by_unit(units)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(BAND_DRAWS):
        rows = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        if len(set(truth[rows].tolist())) == 2:
            drawn.append(_on_grid(truth[rows], scores[rows], grid))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    table = {"fpr": grid, "tpr": _on_grid(truth, scores, grid), "low": low, "high": high}
    return {name: [number(value) for value in values] for name, values in table.items()}


def pr_points(truth: Ints, scores: Floats) -> dict[str, Any]:
    """{recall, precision, prevalence}; nothing without a true "yes"."""
    if not truth.any():
        return {}
    curve = precision_recall_curve(truth, scores)
    kept = np.unique(np.linspace(0, len(curve.x) - 1, min(POINTS, len(curve.x))).round().astype(np.int64))
    return {"recall": [number(value) for value in curve.x[kept]], "precision": [number(value) for value in curve.y[kept]],
            "prevalence": number(float(truth.mean()))}


def _on_grid(truth: Ints, scores: Floats, grid: Floats) -> Floats:
    """The highest sensitivity at each false positive rate, between points of the curve by straight lines."""
    curve = roc_curve(truth, scores)
    last = np.append(np.flatnonzero(np.diff(curve.x)), len(curve.x) - 1)
    values = np.interp(grid, curve.x[last], curve.y[last])
    values[0] = 0.0
    return np.asarray(values)


def _rows_by_unit(units: Sequence[str]) -> list[Ints]:
    _, place = np.unique(np.asarray(units), return_inverse=True)
    order = np.argsort(place, kind="stable")
    return list(np.split(order, np.cumsum(np.bincount(place))[:-1]))
