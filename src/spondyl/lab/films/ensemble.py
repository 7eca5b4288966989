"""Several members into one answer: calibration, weights on the simplex, threshold, views, prediction sets.

Everything here is fitted on the validation split. The formulas are those of `tasks.films.votes`, which serves them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import fit_platt
from spondyl.inference.conformal import calibrate
from spondyl.metrics.calibration import log_loss
from spondyl.metrics.logistic import fit_logistic, logit
from spondyl.metrics.thresholds import best_f1_threshold
from spondyl.tasks.films.votes import calibrated, grades_of, joined_views, together

ALPHA = 0.1
"""Prediction sets hold the truth for 90 %."""
ROUNDS, SETTLED = 1000, 1e-8
NOTHING = 1e-4
"""Weights below this become 0."""
VIEW_STEPS = 21
EDGE = 1e-6

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fit_votes(logits: Mapping[str, Floats], truth: Ints, weights: Sequence[float] | None = None) -> dict[str, Any]:
    """`members` and `ensemble` of a bundle's settings.

    Each member is calibrated, the calibrated members are weighed, and the weighted mean is calibrated once more if that makes
    the labels likelier.

    Args:
        logits: By member, (n, 1) yes/no or (n, k) "class c or more" for c = 1 to k.
        truth: 0 .. k, shape (n,).
        weights: In the order of the members, in place of fitted ones; they are scaled to sum 1.
    """
    own = {name: {"network": name, **fit_calibration(values, truth)} for name, values in logits.items()}
    if weights is not None:
        return _weighed(logits, own, _scaled(weights), truth)
    chances = [grades_of(calibrated(values, own[name])) for name, values in logits.items()]
    given = np.stack([table[np.arange(len(truth)), truth] for table in chances], axis=1)
    best = np.eye(len(own))[int(np.log(np.clip(given, EDGE, None)).mean(axis=0).argmax())]
    candidates = [_weighed(logits, own, weight, truth) for weight in (simplex_weights(given), best)]
    return min(candidates, key=lambda votes: log_loss(truth, grades_of(together(logits, votes))))


def fit_calibration(logits: Floats, truth: Ints) -> dict[str, Any]:
    """`slope` and `offsets` (one for each column) that make the labels likeliest: Platt, or its ordinal form with one slope.

    Targets are Platt's, as in `inference.calibration.fit_platt`, column by column, so that separable cases have an answer too. Where
    it makes no sense to follow the logits (the slope would not be positive) they are not: slope 0, and offsets that say the frequencies.
    """
    count = logits.shape[1]
    if count == 1:
        platt = fit_platt(logits[:, 0], (truth >= 1).astype(np.int64))
        slope, offsets = platt.slope, np.array([platt.offset])
    else:
        columns = np.column_stack([logits.reshape(-1), np.tile(np.eye(count), (len(logits), 1))])
        fitted = fit_logistic(columns, _targets(truth, count).reshape(-1))
        slope, offsets = float(fitted[0]), fitted[1:]
    if not (np.isfinite([slope, *offsets]).all() and slope > 0):
        slope, offsets = 0.0, logit(_targets(truth, count).mean(axis=0))
    return {"slope": float(slope), "offsets": [float(value) for value in offsets]}


def simplex_weights(given_to_truth: Floats) -> Floats:
    """Weights (>= 0, sum 1) of members whose weighted mean gives the labels the highest likelihood.

    The log of a mixture is concave in the weights, so there is one best value, and expectation-maximisation climbs to it from
    equal weights without leaving the simplex; the answer has no chance in it. Never worse than the best single member.

    Args:
        given_to_truth: Probability that each member gave to what was true, shape (n, members).
    """
    chances = np.clip(given_to_truth, EDGE, None)
    weight = np.full(chances.shape[1], 1 / chances.shape[1])
    for _ in range(ROUNDS):
        new = weight * (chances / (chances @ weight)[:, None]).mean(axis=0)
        settled = np.abs(new - weight).max() < SETTLED
        weight = new
        if settled:
            break
    weight = np.where(weight < NOTHING, 0.0, weight)
    weight /= weight.sum()
    best = np.eye(len(weight))[int(np.log(chances).mean(axis=0).argmax())]
    return weight if np.log(chances @ weight).mean() >= np.log(chances @ best).mean() else best


def _weighed(logits: Mapping[str, Floats], own: Mapping[str, Mapping[str, Any]], weight: Floats, truth: Ints) -> dict[str, Any]:
    """Members with these weights, and the calibration of their mean."""
    members = {name: {**row, "weight": float(share)} for (name, row), share in zip(own.items(), weight, strict=True)}
    count = len(next(iter(own.values()))["offsets"])
    plain = {"slope": 1.0, "offsets": [0.0] * count}
    mean = logit(together(logits, {"members": members, "ensemble": plain}))
    return {"members": members, "ensemble": _recalibration(mean, truth)}


def fit_threshold(probabilities: Floats, truth: Ints) -> float:
    """The probability from which "present" is said: the highest F1 on validation; 0.5 where there is no true "yes"."""
    found = best_f1_threshold(truth, probabilities)
    return float(np.clip(found, 0.01, 0.99)) if np.isfinite(found) else 0.5


def fit_views(cumulative: Sequence[Floats], views: Sequence[Sequence[str]], truth: Ints) -> dict[str, float]:
    """Weight of each view with which studies of both views give their labels the highest likelihood; sum 1.

    Args:
        cumulative: "c or more" of the films of each study, (films, k).
        views: "frontal" or "lateral" of the same films.
        truth: The study's label, shape (n,).

    Studies of one view say nothing of it. Of equal weights the nearest to one half; one half where no study has both views.
    """
    both = [place for place, kinds in enumerate(views) if len(set(kinds)) > 1]
    shares = sorted(np.linspace(0, 1, VIEW_STEPS).tolist(), key=lambda share: abs(share - 0.5))
    if not both:
        return {"frontal": 0.5, "lateral": 0.5}
    options = [{"frontal": share, "lateral": 1 - share} for share in shares]
    joined = [np.stack([joined_views(cumulative[i], views[i], option) for i in both]) for option in options]
    losses = [log_loss(truth[both], grades_of(table)) for table in joined]
    return options[int(np.argmin(losses))]


def fit_quantile(probabilities: Floats, truth: Ints, groups: Sequence[str]) -> list[float]:
    """Conformal quantiles, one for each class, of class probabilities (n, classes); cases of one group count as one."""
    return list(calibrate(probabilities, truth, ALPHA, np.asarray(groups), class_conditional=True))


def _recalibration(mean: Floats, truth: Ints) -> dict[str, Any]:
    """Slope and offsets for the logits of the weighted mean; none where they would not help."""
    again, plain = fit_calibration(mean, truth), {"slope": 1.0, "offsets": [0.0] * mean.shape[1]}
    losses = [log_loss(truth, grades_of(calibrated(mean, one))) for one in (again, plain)]
    return again if losses[0] < losses[1] else plain


def _targets(truth: Ints, count: int) -> Floats:
    """Platt's smoothed targets for "c or more", shape (n, count)."""
    yes = truth[:, None] >= np.arange(1, count + 1)
    total = yes.sum(axis=0)
    return np.asarray(np.where(yes, (total + 1) / (total + 2), 1 / (len(truth) - total + 2)))


def _scaled(weights: Sequence[float]) -> Floats:
    return np.asarray(np.asarray(weights, np.float64) / float(np.sum(weights)))
