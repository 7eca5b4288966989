"""The stack: logistic regression on out-of-fold votes, beside its best single member; what it takes to decide; sets that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from spondyl.inference.conformal import calibrate
from spondyl.lab.dxa.fit import cumulative
from spondyl.lab.dxa.nested import Odds, rows_of
from spondyl.metrics.intervals import Interval, bootstrap_interval, wilson_interval
from spondyl.metrics.logistic import fit_logistic
from spondyl.tasks.dxa_osteoporosis.votes import MEMBERS, classes, stacked

RIDGE = 1.0
"""C of scikit-learn's logistic regression."""
LEAST_DECIDED = 20
"""Cases that a threshold is chosen on, at the least."""
COVERAGE = 0.9
ONE_SIDED = 0.6
"""Level of a two-sided interval whose lower end holds with 80 %."""
HALF = 0.5
Settings = dict[str, Any]


def fit_reader(odds: Odds, labels: NDArray[np.integer], members: Sequence[str]) -> Settings:
    """`reader` settings of these members, from out-of-fold votes: one logistic regression a cut; of a single member, Platt scaling."""
    columns = np.concatenate([odds[name] for name in members], axis=1)
    weights, offsets = np.zeros((2, columns.shape[1])), np.zeros(2)
    for cut in range(2):
        own = columns if len(members) > 1 else columns[:, [cut]]
        model = LogisticRegression(C=RIDGE, max_iter=1000).fit(own, cumulative(labels)[:, cut])
        weights[cut, slice(None) if len(members) > 1 else [cut]] = model.coef_[0]
        offsets[cut] = model.intercept_[0]
    return {"members": list(members), "weights": weights.tolist(), "offsets": offsets.tolist(), "slopes": [1.0, 1.0], "shifts": [0.0, 0.0]}


def recalibrated(reader: Mapping[str, Any], odds: Odds, labels: NDArray[np.integer]) -> Settings:
    """The reader with slope and shift of each cut fitted on patients that nobody has seen."""
    said = stacked(odds, reader)
    slopes, shifts = [], []
    for cut in range(2):
        slope, shift = fit_logistic(np.stack([said[:, cut], np.ones(len(said))], axis=1), cumulative(labels)[:, cut].astype(np.float64))
        good = bool(np.isfinite(slope) and slope > 0)
        slopes.append(float(slope) if good else 1.0)
        shifts.append(float(shift) if good else 0.0)
    return {**reader, "slopes": slopes, "shifts": shifts}


def losses(odds: NDArray[np.floating[Any]], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Log loss of each case's three-class probabilities, from cumulative log odds."""
    right = classes(odds)[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(right, 1e-6, 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """What the outer folds say.

    Attributes:
        labels, patients: Of the cases that were judged.
        readers: Cumulative log odds (n, 2) by reader: "stack", and each member alone, calibrated in the inner folds.
        gain: Of the stack over its best single member: mean difference of log loss (negative is better), paired, by patient.
        best: That member.
    """

    labels: NDArray[np.int64]
    patients: NDArray[np.str_]
    readers: Mapping[str, NDArray[np.float64]]
    gain: Interval
    best: str

    @property
    def not_worse(self) -> bool:
        """Whether the stack ships."""
        return self.gain.estimate <= 0


def judge(outer: Mapping[int, Odds], inner: Mapping[int, Odds], labels: NDArray[np.int64], folds: NDArray[np.int64],
          patients: NDArray[np.str_], seed: int) -> Nested:
    """Outer folds judged by readers that were fitted on the inner out-of-fold votes.

    Args:
        outer: By outer fold i, odds of all cases by fits without i.
        inner: By outer fold i, odds of all cases of the other folds, each by a fit without i and without the case's own fold.
    """
    names = ("stack", *MEMBERS)
    said = {name: np.full((len(labels), 2), np.nan) for name in names}
    for fold, odds in outer.items():
        taught = np.isin(folds, [k for k in outer if k != fold])
        for name in names:
            members = MEMBERS if name == "stack" else (name,)
            reader = fit_reader(rows_of(inner[fold], taught), labels[taught], members)
            said[name][folds == fold] = stacked(rows_of(odds, folds == fold), reader)
    judged = np.isin(folds, list(outer))
    kept = {name: table[judged] for name, table in said.items()}
    each = {name: losses(table, labels[judged]) for name, table in kept.items()}
    best = min(MEMBERS, key=lambda name: float(each[name].mean()))
    gain = bootstrap_interval(lambda a, b: float((a - b).mean()), patients[judged], each["stack"], each[best],
                              rng=np.random.default_rng(seed))
    return Nested(labels[judged], patients[judged], kept, gain, best)


def decide_settings(osteoporosis: NDArray[np.floating[Any]], truth: NDArray[np.bool_], positive: float, negative: float) -> Settings:
    """`decide` settings: the lowest threshold from which the PPV, and the highest up to which the NPV, reaches what is asked for.

    Reaches means with 80 % confidence (Wilson's one-sided interval): the largest group whose mere share does is lucky half of the time.
    Who is likelier to have it than not is never told not to, and the other way round.
    """
    order = np.argsort(-osteoporosis, kind="stable")
    likely = int((osteoporosis >= HALF).sum())
    high = _reached(truth[order[:likely]], positive)
    low = _reached(~truth[order[likely:][::-1]], negative)
    return {"positive_from": float(osteoporosis[order[high - 1]]) if high else None,
            "negative_to": float(osteoporosis[order[::-1][low - 1]]) if low else None}


def _reached(right: NDArray[np.bool_], wanted: float) -> int:
    """How many of the surest cases can be decided."""
    counts = np.arange(1, len(right) + 1)
    shares = np.cumsum(right) / counts
    for count in counts[::-1]:
        if count < LEAST_DECIDED:
            break
        if wilson_interval(float(shares[count - 1]), float(count), ONE_SIDED).low >= wanted:
            return int(count)
    return 0


def quantile_settings(probabilities: NDArray[np.float64], labels: NDArray[np.int64], patients: NDArray[np.str_]) -> Any:
    """Conformal quantiles of the 90 % sets: by class where every class has its hundred cases in fifty patients, else one for all."""
    return list(calibrate(probabilities, labels, 1 - COVERAGE, patients, class_conditional=True))
