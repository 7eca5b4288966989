"""From members' logits to calibrated probabilities: the same arithmetic for serving, for choosing on validation and for measuring.

Everything here is numpy, and n films at once. `settings` are a bundle's (docs/explanation/film-systems.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spondyl.core.result import DECIMALS
from spondyl.metrics.logistic import logit, sigmoid

STUDENT = "student"
SCORE_EDGE = 1e-4
"""Scores and probabilities that are joined are kept this far from 0 and 1: a detector's score may be either."""
Floats = NDArray[np.float64]
Votes = Mapping[str, NDArray[np.floating[Any]]]
"""Logits (n, K) by member."""


def voters(settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Settings of the networks that answer, by name: the members, or the student alone where `reader` says so."""
    return {STUDENT: settings[STUDENT]} if settings.get("reader") == STUDENT else settings["members"]


def threshold_of(settings: Mapping[str, Any]) -> float:
    """The probability from which a film is called abnormal: frozen on validation, for the reader that answers."""
    own = settings[STUDENT] if settings.get("reader") == STUDENT else settings
    return float(own["threshold"])


def is_abnormal(probability: float, settings: Mapping[str, Any]) -> bool:
    """Whether a film of that probability is called abnormal. Compared is what is shown, rounded to DECIMALS.

    Example:
        >>> is_abnormal(0.44896, {"threshold": 0.449})
        True
    """
    return round(float(probability), DECIMALS) >= round(threshold_of(settings), DECIMALS)


def views_of(settings: Mapping[str, Any]) -> Mapping[str, float]:
    """Weight of each view in the grade of a study: of the student where it answers and has its own."""
    own = settings[STUDENT] if settings.get("reader") == STUDENT else {}
    weights: Mapping[str, float] = own.get("views") or settings["views"]
    return weights


def calibrated(logits: NDArray[np.floating[Any]], own: Mapping[str, Any]) -> Floats:
    """Calibrated probabilities (n, k) of one member: sigmoid(slope x logit + offset) of its first k = len(offsets) outputs.

    Where k is more than 1 they are of "grade is 1 or more" to "k or more", and fall: what does not is mended by the running minimum.

    Example:
        >>> calibrated(np.array([[0.0, 7.0]]), {"slope": 2.0, "offsets": [0.0]}).tolist()
        [[0.5]]
    """
    offsets = np.asarray(own["offsets"], np.float64)
    return falling(sigmoid(own["slope"] * np.asarray(logits, np.float64)[:, : len(offsets)] + offsets))


def together(votes: Votes, settings: Mapping[str, Any]) -> Floats:
    """Probabilities (n, k) of the reader: the members' calibrated ones, averaged by weight and calibrated once more.

    A student stands for itself. For lesions k is 1, for grades 4 ("grade is 1 or more" to "4").
    """
    own = voters(settings)
    weights = np.array([row["weight"] for row in own.values()], np.float64)
    tables = np.stack([calibrated(votes[name], row) for name, row in own.items()])
    mean = np.asarray(np.tensordot(weights / weights.sum(), tables, axes=1))
    return mean if settings.get("reader") == STUDENT else calibrated(logit(mean), settings["ensemble"])


def asked(probabilities: ArrayLike, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Whether the detector looks at each film, (n,): not where the reader is already sure of a normal, and not without a detector.

    A student may have an `ask_from` of its own.
    """
    seen = np.asarray(probabilities, np.float64)
    if "detector" not in settings:
        return np.zeros(seen.shape, bool)
    own = settings[STUDENT] if settings.get("reader") == STUDENT else {}
    return np.asarray(seen >= own.get("ask_from", settings["detector"].get("ask_from", 0.0)))


def best_score(scores: NDArray[np.floating[Any]]) -> float:
    """The highest of a film's raw scores (N, classes), before any are left out; 0 where there are no places."""
    return float(scores.max()) if scores.size else 0.0


def lesion_probability(votes: Votes, best: ArrayLike | None, settings: Mapping[str, Any]) -> Floats:
    """Probability (n,) that each film is abnormal: of the reader, joined with what the detector saw.

    Args:
        votes: Logits (n, 8), or their first column (n, 1).
        best: `best_score` of each film, NaN where the detector was not asked; None where it was asked of none.
    """
    alone = together(votes, settings)[:, 0]
    own = settings[STUDENT] if settings.get("reader") == STUDENT else settings
    if best is None or "fusion" not in own:
        return alone
    scores = np.asarray(best, np.float64)
    seen = ~np.isnan(scores)
    return np.where(seen, fused(alone, np.where(seen, scores, 0.5), own["fusion"]), alone)


def fused(probabilities: Floats, best: Floats, fusion: Mapping[str, float]) -> Floats:
    """The reader's probabilities (n,) joined with the highest box scores (n,), as logits; as they were where the detector has no weight.

    Example:
        >>> fused(np.array([0.5]), np.array([0.9]), {"ensemble": 1.0, "detector": 0.5, "offset": 0.0}).round(4).tolist()
        [0.75]
    """
    if fusion["detector"] == 0 and fusion["offset"] == 0 and fusion["ensemble"] == 1:
        return probabilities
    said, seen = logit(probabilities, SCORE_EDGE), logit(best, SCORE_EDGE)
    return sigmoid(fusion["ensemble"] * said + fusion["detector"] * seen + fusion["offset"])


def falling(cumulative: NDArray[np.floating[Any]]) -> Floats:
    """Probabilities of "grade is k or more", (n, 4), that fall with k: the running minimum."""
    return np.asarray(np.minimum.accumulate(np.asarray(cumulative, np.float64), axis=-1))


def grades_of(cumulative: NDArray[np.floating[Any]]) -> Floats:
    """Probabilities (n, 5) of each grade from those of "grade is k or more" (n, 4).

    Example:
        >>> grades_of(np.array([[0.9, 0.5, 0.6, 0.0]])).round(4).tolist()
        [[0.1, 0.4, 0.0, 0.5, 0.0]]
    """
    fallen = falling(cumulative)
    ends = [(*fallen.shape[:-1], 1)] * 2
    steps = np.concatenate([np.ones(ends[0]), fallen, np.zeros(ends[1])], axis=-1)
    return np.asarray(steps[..., :-1] - steps[..., 1:])


def grade_probabilities(votes: Votes, settings: Mapping[str, Any]) -> Floats:
    """Probabilities (n, 5) of each film's grade, from logits (n, 4) by member."""
    return grades_of(together(votes, settings))


def joined_views(cumulative: NDArray[np.floating[Any]], views: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Probabilities (4,) of "grade is k or more" of one study from those of its films.

    Films of one view are averaged as logits; then the views, by weight. A study of one view has that view's.

    Args:
        cumulative: (films, 4), of `together`.
        views: "frontal" or "lateral" of each film.
        weights: By view, as in the bundle.
    """
    logits = logit(falling(cumulative))
    kinds = sorted(set(views))
    means = np.stack([logits[[view == kind for view in views]].mean(axis=0) for kind in kinds])
    share = np.array([weights[kind] for kind in kinds], np.float64)
    share = share / share.sum() if share.sum() > 0 else np.full(len(kinds), 1 / len(kinds))
    return sigmoid(share @ means)


def median_grade(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The grade said, (n,): the highest k of which "k or more" is at least as likely as not.

    It is the median: it makes the mean absolute error smallest, it is what the cumulative outputs decide by themselves, and it does
    not jump between the ends of the scale when the middle is thinly shared, as the mode does.

    Example:
        >>> median_grade(np.array([[0.4, 0.0, 0.3, 0.3, 0.0]])).tolist()
        [2]
    """
    table = np.asarray(probabilities, np.float64)
    at_least = np.cumsum(table[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray((at_least[..., 1:] >= 0.5).sum(axis=-1), np.int64)
