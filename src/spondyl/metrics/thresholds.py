"""What a threshold on a score decides, and which threshold to take. "Yes" is a score of the threshold or more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spondyl.metrics.discrimination import binary_pair

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve, one for each threshold, from the strictest down. For ROC x is 1 - specificity and y sensitivity; for precision
    and recall x is recall and y precision."""

    x: Floats
    y: Floats
    thresholds: Floats


def sensitivity(truth: ArrayLike, decided: ArrayLike) -> float:
    """Share of true "yes" that was decided so; NaN without any.

    Example:
        >>> sensitivity([1, 1, 0], [1, 0, 0])
        0.5
    """
    true, said = _decisions(truth, decided)
    return float(said[true].mean()) if true.any() else float("nan")


def specificity(truth: ArrayLike, decided: ArrayLike) -> float:
    """Share of true "no" that was decided so; NaN without any.

    Example:
        >>> specificity([1, 0, 0], [1, 1, 0])
        0.5
    """
    true, said = _decisions(truth, decided)
    return float((~said[~true]).mean()) if not true.all() else float("nan")


def f1_score(truth: ArrayLike, decided: ArrayLike) -> float:
    """Harmonic mean of precision and sensitivity; NaN where there is neither a true nor a decided "yes".

    Example:
        >>> f1_score([1, 1, 0, 0], [1, 0, 1, 0])
        0.5
    """
    true, said = _decisions(truth, decided)
    either = int(true.sum() + said.sum())
    return 2 * int((true & said).sum()) / either if either else float("nan")


def roc_curve(truth: ArrayLike, scores: ArrayLike) -> Curve:
    """The ROC curve, from (0, 0) to (1, 1); ties step together, so the area by trapezia is `auroc`.

    Example:
        >>> curve = roc_curve([0, 1, 1], [0.2, 0.2, 0.9])
        >>> curve.x.tolist(), curve.y.tolist()
        ([0.0, 0.0, 1.0], [0.0, 0.5, 1.0])
    """
    cuts, yes, no = _steps(truth, scores)
    return Curve(_share(np.r_[0, no]), _share(np.r_[0, yes]), np.r_[np.inf, cuts])


def precision_recall_curve(truth: ArrayLike, scores: ArrayLike) -> Curve:
    """Precision over recall; ties step together, so the sum of recall steps times precision is `average_precision`.

    Example:
        >>> curve = precision_recall_curve([0, 1, 1], [0.5, 0.2, 0.9])
        >>> curve.x.tolist(), curve.y.round(2).tolist()
        ([0.5, 0.5, 1.0], [1.0, 0.5, 0.67])
    """
    cuts, yes, no = _steps(truth, scores)
    return Curve(_share(yes.astype(np.float64)), yes / np.maximum(yes + no, 1), cuts)


def best_f1_threshold(truth: ArrayLike, scores: ArrayLike) -> float:
    """The threshold with the highest F1 on these cases: midway between the last score it calls "yes" and the first it calls "no".

    Of equals the highest, which calls the fewest "yes". NaN without a true "yes".

    Example:
        >>> round(best_f1_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 3)
        0.225
    """
    cuts, yes, no = _steps(truth, scores)
    if not yes.size or not yes[-1]:
        return float("nan")
    return _below(cuts, int(np.argmax(2 * yes / (yes[-1] + yes + no))))


def youden_threshold(truth: ArrayLike, scores: ArrayLike) -> float:
    """The threshold with the highest sensitivity + specificity on these cases, placed as `best_f1_threshold`. NaN unless both occur.

    Source: Youden 1950. On a test set it is chosen by the answers: name it so.

    Example:
        >>> round(youden_threshold([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.8]), 3)
        0.5
    """
    cuts, yes, no = _steps(truth, scores)
    if not yes.size or not yes[-1] or not no[-1]:
        return float("nan")
    return _below(cuts, int(np.argmax(yes / yes[-1] - no / no[-1])))


def _below(cuts: Floats, place: int) -> float:
    """Midway between this score and the next lower one."""
    return float((cuts[place] + cuts[place + 1]) / 2) if place + 1 < len(cuts) else float(cuts[place])


def _steps(truth: ArrayLike, scores: ArrayLike) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct scores from the highest down, and how many true "yes" and "no" score as much or more."""
    positive, values = binary_pair(truth, scores)
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), values.size - 1) if values.size else np.zeros(0, np.int64)
    yes = np.cumsum(positive[order])[ends]
    return values[order][ends], yes, ends + 1 - yes


def _share(counts: Floats) -> Floats:
    """Counts over the last of them; NaN where that is 0."""
    return counts / counts[-1] if counts.size and counts[-1] else np.full(counts.shape, np.nan)


def _decisions(truth: ArrayLike, decided: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    true, said = np.asarray(truth).astype(bool), np.asarray(decided).astype(bool)
    if true.shape != said.shape or true.ndim != 1:
        raise ValueError(f"truth and decisions must be two lists of one length, got {true.shape} and {said.shape}")
    return true, said
