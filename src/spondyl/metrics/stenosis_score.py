"""The score of RSNA 2024 Lumbar Spine Degenerative Classification: a weighted log loss of three conditions and of "any severe canal".

Targets are 25 columns: canal, left foramen, right foramen, left recess, right recess, each at L1/L2 to L5/S1 (the order of train.csv).
Source: the competition's metric as FORMATS gives it; lower is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
SEVERITY_WEIGHTS = (1.0, 2.0, 4.0)
LEVELS = 5
GROUPS = {"canal": slice(0, 5), "foraminal": slice(5, 15), "subarticular": slice(15, 25)}
UNKNOWN = -1
_EDGE = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class StenosisScore:
    """The official score and its parts; NaN where there is nothing to score."""

    total: float
    canal: float
    foraminal: float
    subarticular: float
    any_severe: float


def stenosis_score(labels: ArrayLike, probabilities: ArrayLike) -> StenosisScore:
    """The official score.

    Args:
        labels: (n, 25): 0 normal or mild, 1 moderate, 2 severe, -1 unknown (left out).
        probabilities: (n, 25, 3); each row is divided by its sum first.

    Per condition, both sides pooled: sum w_y (-ln p_y) / sum w_y with weights 1, 2, 4. Any-severe, per study over its labelled canal
    rows: truth and weight are the largest of the rows, the prediction is the largest p(severe); weighted binary cross-entropy. A
    part with no labelled row is NaN, and the score is the mean of the others.

    Example:
        >>> even = stenosis_score(np.zeros((2, 25), int), np.full((2, 25, 3), 1 / 3))
        >>> round(even.canal, 4), round(even.any_severe, 4)
        (1.0986, 0.4055)
    """
    true, given = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if true.ndim != 2 or true.shape[1] != 5 * LEVELS or given.shape != (*true.shape, 3):
        raise ValueError(f"labels are (n, 25) and probabilities (n, 25, 3), got {true.shape} and {given.shape}")
    if true.size and not np.isin(true, (UNKNOWN, 0, 1, 2)).all():
        raise ValueError("labels are 0, 1, 2, or -1 where unknown")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given.sum(axis=2) > 0).all()):
        raise ValueError("every row of probabilities is finite, not negative, and sums to more than 0")
    share = given / given.sum(axis=2, keepdims=True)
    parts = {name: _condition(true[:, columns], share[:, columns]) for name, columns in GROUPS.items()}
    parts["any_severe"] = _any_severe(true[:, GROUPS["canal"]], share[:, GROUPS["canal"], 2])
    known = [value for value in parts.values() if np.isfinite(value)]
    return StenosisScore(float(np.mean(known)) if known else float("nan"), **parts)


def level_prior(labels: ArrayLike) -> Floats:
    """The best constant answer per condition and level, both sides pooled: class frequency times weight, (25, 3); rows sum to one.

    Classes that never occur keep a frequency of one in (n + 3), so that no answer is impossible.

    Args:
        labels: (n, 25) as in `stenosis_score`.
    """
    true = np.asarray(labels, np.int64)
    prior = np.zeros((5 * LEVELS, 3))
    for rows in ((0,), (1, 2), (3, 4)):
        for level in range(LEVELS):
            columns = [LEVELS * row + level for row in rows]
            counts = np.bincount(true[:, columns][true[:, columns] >= 0], minlength=3).astype(np.float64)
            if (counts == 0).any():
                counts = counts + 1
            scaled = counts * SEVERITY_WEIGHTS
            prior[columns] = scaled / scaled.sum()
    return prior


def _condition(true: NDArray[np.int64], share: Floats) -> float:
    known = true >= 0
    if not known.any():
        return float("nan")
    weights = np.asarray(SEVERITY_WEIGHTS)[true[known]]
    said = np.clip(share[known][np.arange(len(weights)), true[known]], _EDGE, 1 - _EDGE)
    return float(-(weights * np.log(said)).sum() / weights.sum())


def _any_severe(true: NDArray[np.int64], severe: Floats) -> float:
    """`true`: (n, 5) canal labels; `severe`: (n, 5) p(severe)."""
    known = true >= 0
    some = known.any(axis=1)
    if not some.any():
        return float("nan")
    worst = np.where(known, true, UNKNOWN)[some].max(axis=1)
    said = np.clip(np.where(known, severe, -1.0)[some].max(axis=1), _EDGE, 1 - _EDGE)
    happened = worst == 2
    weights = np.asarray(SEVERITY_WEIGHTS)[worst]
    loss = -np.where(happened, np.log(said), np.log(1 - said))
    return float((weights * loss).sum() / weights.sum())
