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
from spondyl.metrics.logistic import fit_logistic, logit, sigmoid
from spondyl.metrics.thresholds import best_f1_threshold

ALPHA = 0.1
"""Prediction sets hold the truth for 90 %."""
ROUNDS, SETTLED = 2000, 1e-9
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
    own = {name: fit_calibration(values, truth) for name, values in logits.items()}
    shares = [cumulative(values, own[name]) for name, values in logits.items()]
    weight = _scaled(weights) if weights is not None else simplex_weights(np.stack([_of_truth(c, truth) for c in shares], axis=1))
    mixed = np.tensordot(weight, np.stack(shares), axes=1)
    return {
        "members": {name: {"network": name, "weight": float(w), **own[name]} for name, w in zip(logits, weight, strict=True)},
        "ensemble": _recalibration(mixed, truth),
    }


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


def cumulative(logits: Floats, calibration: Mapping[str, Any]) -> Floats:
    """Calibrated probability of "class c or more", shape (n, k), never rising with c."""
    raw = sigmoid(calibration["slope"] * logits + np.asarray(calibration["offsets"], np.float64))
    return np.asarray(np.minimum.accumulate(raw, axis=1))


def classes(cumulative_probabilities: Floats) -> Floats:
    """Probability of each class 0 .. k, shape (n, k + 1), from "c or more" (n, k)."""
    edges = np.pad(cumulative_probabilities, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    return np.asarray(edges[:, :-1] - edges[:, 1:])


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


def mix(logits: Mapping[str, Floats], votes: Mapping[str, Any]) -> Floats:
    """The ensemble's calibrated "c or more", shape (n, k), from `fit_votes`."""
    rows = votes["members"]
    mixed = sum(rows[name]["weight"] * cumulative(values, rows[name]) for name, values in logits.items())
    return cumulative(logit(np.asarray(mixed, np.float64), EDGE), votes["ensemble"])


def fit_threshold(probabilities: Floats, truth: Ints) -> float:
    """The probability from which "present" is said: the highest F1 on validation; 0.5 where there is no true "yes"."""
    found = best_f1_threshold(truth, probabilities)
    return float(np.clip(found, 0.01, 0.99)) if np.isfinite(found) else 0.5


def fit_views(first: Floats, second: Floats, truth: Ints) -> float:
    """Weight of the first of two views, 0 .. 1, whose weighted mean of logits gives the study's label the highest likelihood.

    Args:
        first, second: "c or more" of the two films of each study, shape (n, k).
        truth: The study's label, shape (n,).

    Of equals the nearest to one half; one half where no study has both views.
    """
    if not len(truth):
        return 0.5
    one, two = logit(first, EDGE), logit(second, EDGE)
    steps = sorted(np.linspace(0, 1, VIEW_STEPS), key=lambda share: abs(share - 0.5))
    losses = [log_loss(truth, classes(_falling(sigmoid(share * one + (1 - share) * two)))) for share in steps]
    return float(steps[int(np.argmin(losses))])


def fit_quantile(probabilities: Floats, truth: Ints, groups: Sequence[str]) -> list[float]:
    """Conformal quantiles, one for each class, of class probabilities (n, classes); cases of one group count as one."""
    return list(calibrate(probabilities, truth, ALPHA, np.asarray(groups), class_conditional=True))


def _recalibration(mixed: Floats, truth: Ints) -> dict[str, Any]:
    """Slope and offsets for the logits of the weighted mean; none where they would not help."""
    scores = logit(mixed, EDGE)
    again, plain = fit_calibration(scores, truth), {"slope": 1.0, "offsets": [0.0] * mixed.shape[1]}
    losses = [log_loss(truth, classes(cumulative(scores, one))) for one in (again, plain)]
    return again if losses[0] < losses[1] else plain


def _of_truth(cumulative_probabilities: Floats, truth: Ints) -> Floats:
    return classes(cumulative_probabilities)[np.arange(len(truth)), truth]


def _targets(truth: Ints, count: int) -> Floats:
    """Platt's smoothed targets for "c or more", shape (n, count)."""
    yes = truth[:, None] >= np.arange(1, count + 1)
    total = yes.sum(axis=0)
    return np.where(yes, (total + 1) / (total + 2), 1 / (len(truth) - total + 2))


def _falling(cumulative_probabilities: Floats) -> Floats:
    return np.asarray(np.minimum.accumulate(cumulative_probabilities, axis=1))


def _scaled(weights: Sequence[float]) -> Floats:
    return np.asarray(weights, np.float64) / float(np.sum(weights))
