"""How far a figure may be from the truth, when cases of one patient are alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its interval. All NaN where it cannot be said."""

    estimate: float
    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Whether the value lies inside, ends included."""
        return self.low <= value <= self.high


def bootstrap_interval(
    metric: Callable[..., float],
    units: ArrayLike,
    *arrays: NDArray[Any],
    rng: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a metric when whole units (patients) are drawn again, with replacement.

    Args:
        metric: Called with the arrays, or with rows of them.
        units: Who each row belongs to, shape (n,); any values that compare equal.
        arrays: Each with n rows.

    Draws for which the metric is NaN (a class is missing) are left out; the ends are NaN when these are more than half.

    Example:
        >>> share = bootstrap_interval(np.mean, [1, 1, 2, 3], np.array([1.0, 1.0, 0.0, 0.0]), rng=np.random.default_rng(0))
        >>> share.estimate, share.low, share.high
        (0.5, 0.0, 1.0)
    """
    rows = [np.asarray(values) for values in arrays]
    groups = _rows_by_unit(units)
    if any(len(values) != sum(map(len, groups)) for values in rows):
        raise ValueError(f"units and arrays must have one length, got {sum(map(len, groups))} and {[len(values) for values in rows]}")
    estimate = float(metric(*rows))
    drawn = []
    for _ in range(draws if groups else 0):
        picked = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        drawn.append(float(metric(*(values[picked] for values in rows))))
    finite = np.array([value for value in drawn if np.isfinite(value)])
    if len(finite) <= len(drawn) / 2:
        return Interval(estimate, float("nan"), float("nan"))
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))


def share_interval(happened: ArrayLike, units: ArrayLike, level: float = 0.95) -> Interval:
    """Share of yes among rows that come in units, by Wilson's interval with the effective number of rows.

    That number is p(1-p) / variance, the variance being that of a ratio over units (Kish 1965); at most the number of rows; and
    the number of units when all rows say the same, as then no variance can be seen. Unlike the bootstrap it does not collapse there.

    Example:
        >>> sure = share_interval([1] * 30, list(range(30)))
        >>> sure.estimate, round(sure.low, 3), sure.high
        (1.0, 0.886, 1.0)
    """
    yes = np.asarray(happened, np.float64)
    groups = _rows_by_unit(units)
    if not yes.size:
        return Interval(float("nan"), float("nan"), float("nan"))
    share = float(yes.mean())
    return wilson_interval(share, _effective_count(yes - share, share, groups), level)


def wilson_interval(share: float, count: float, level: float = 0.95) -> Interval:
    """Wilson's score interval (1927) of a share seen in `count` independent cases; the count may be a fraction.

    Example:
        >>> seen = wilson_interval(0.5, 10)
        >>> round(seen.low, 4), round(seen.high, 4)
        (0.2366, 0.7634)
    """
    if not count > 0:
        return Interval(share, float("nan"), float("nan"))
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return Interval(share, min(max(0.0, middle - half), share), max(min(1.0, middle + half), share))


def coverage_by_class(sets: ArrayLike, labels: ArrayLike, units: ArrayLike, level: float = 0.95) -> tuple[Interval, ...]:
    """How often the prediction set holds the truth: of all rows, then of each true class; NaN for a class that does not occur.

    Args:
        sets: Whether each class is in the set, bool, shape (n, k).
        labels: True class 0 .. k-1, shape (n,).
        units: Patient of each row, shape (n,).

    Returns:
        k + 1 intervals, the first over all classes.

    Example:
        >>> sets = np.array([[True, False], [True, True], [True, False]])
        >>> [round(seen.estimate, 2) for seen in coverage_by_class(sets, [0, 1, 1], [1, 2, 3])]
        [0.67, 1.0, 0.5]
    """
    inside, true, patients = np.asarray(sets, bool), np.asarray(labels, np.int64), np.asarray(units)
    covered = inside[np.arange(len(true)), true]
    chosen = [np.ones(len(true), bool), *(true == k for k in range(inside.shape[1]))]
    return tuple(share_interval(covered[rows], patients[rows], level) for rows in chosen)


def _rows_by_unit(units: ArrayLike) -> list[NDArray[np.int64]]:
    """Row numbers of each unit."""
    _, place = np.unique(np.asarray(units), return_inverse=True)
    order = np.argsort(place, kind="stable")
    return [rows for rows in np.split(order, np.cumsum(np.bincount(place))[:-1]) if rows.size] if place.size else []


def _effective_count(residuals: NDArray[np.float64], share: float, groups: list[NDArray[np.int64]]) -> float:
    if share in (0.0, 1.0) or len(groups) < 2:
        return float(len(groups))
    sums = np.array([residuals[rows].sum() for rows in groups])
    variance = len(groups) / (len(groups) - 1) * float(np.sum(sums**2)) / len(residuals) ** 2
    return min(share * (1 - share) / variance, float(len(residuals))) if variance > 0 else float(len(residuals))
