"""Numbers of a bundle that are fitted after the networks: calibration of densities, of reasons, of the gate; and the nested figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Refusal
from spondyl.inference import Bundle, open_engine
from spondyl.inference.calibration import softmax
from spondyl.lab.dxa.cases import Case, OnStep
from spondyl.lab.dxa.located import Located
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.stack import Nested, losses
from spondyl.metrics.bone_density import REGION
from spondyl.metrics.calibration import ece, ece_floor
from spondyl.metrics.discrimination import auroc
from spondyl.metrics.intervals import bootstrap_interval
from spondyl.metrics.logistic import fit_logistic
from spondyl.metrics.thresholds import f1_score
from spondyl.tasks.dxa_osteoporosis import trust as trust_rules
from spondyl.tasks.dxa_osteoporosis.looking import cut
from spondyl.tasks.dxa_osteoporosis.trust import REASONS
from spondyl.tasks.dxa_osteoporosis.votes import classes

Settings = dict[str, Any]
ADMITTED = 0.5
"""Percentile of genuine pictures below which the gate refuses; DOUBTFUL below which it is unsure."""
DOUBTFUL = 2.0
LEAST_FLOOR, LEAST_TOP = 0.02, 0.5
REASON_NAMED = 0.3
"""Probability from which a second reason is named beside the likeliest [O]."""
TRIMS, OUTLIER, FAR = 8, 4.0, 5.0
"""Rounds of fitting a calibration; robust standard deviations from which a vertebra is none of it, and from which it is not even looked at:
metal that nobody told of."""
PRECISION = 0.6
"""Precision that a vertebra's being left out is to have: leaving one out that is sound costs little."""


UNCALIBRATED: Settings = {"coefficients": [0.0, 1.0, 0.0], "vertebra_sd": 0.08, "mean_sd": 0.06, "fitted_on": 0}
"""Of a bundle that never saw a calibrated pair: as measured, with a wide error [O]."""


def calibration(cases: Sequence[Case], data: Located, taught: NDArray[np.bool_]) -> Settings | None:
    """How a calibrated pair reads, against the true areal density of vertebrae that are not changed: what a calibration phantom is for.

    None where the data set has too few of them. `coefficients` of 1, raw density and excess ratio; `vertebra_sd` and `mean_sd` are what is
    left, outliers apart, in g/cm2.
    """
    rows: list[tuple[float, float, float]] = []
    order = []
    for k in map(int, np.flatnonzero(taught)):
        for index, name in enumerate(REGION):
            one = next((v for v in cases[k].truth if v.name == name), None)
            if one is not None and one.bmd_g_cm2 is not None and not one.reasons and np.isfinite(data.measured[k, index, 0]):
                rows.append((one.bmd_g_cm2, data.measured[k, index, 0], data.measured[k, index, 1]))
                order.append(k)
    if len(rows) < 20:
        return None
    table = np.array(rows)
    columns = np.column_stack([np.ones(len(table)), table[:, 1:]])
    near = _near(table[:, 1], np.ones(len(table), bool), FAR)
    for _ in range(TRIMS):
        chosen = np.linalg.lstsq(columns[near], table[near, 0], rcond=None)[0]
        left = table[:, 0] - columns @ chosen
        near = _near(left, near, OUTLIER)
    whose = np.array(order)
    means = [float(left[near & (whose == case)].mean()) for case in np.unique(whose[near])]
    return {"coefficients": [round(float(c), 5) for c in chosen], "vertebra_sd": round(float(left[near].std()), 4),
            "mean_sd": round(float(np.std(means)), 4), "fitted_on": int(near.sum())}


def _near(values: NDArray[np.float64], among: NDArray[np.bool_], most: float) -> NDArray[np.bool_]:
    """Which values lie within so many robust standard deviations of the median of some of them."""
    middle = float(np.median(values[among]))
    spread = 1.4826 * max(float(np.median(np.abs(values[among] - middle))), 1e-4)
    return np.asarray(np.abs(values - middle) <= most * spread)


def trust(cases: Sequence[Case], data: Located, taught: NDArray[np.bool_], before: Mapping[str, Any] | None) -> Settings:
    """Platt scaling of each reason on vertebrae that the judge has not seen, and the threshold from which one is left out.

    Args:
        before: What the parts' own bundle says, which stays where the data set does not tell of its vertebrae.
    """
    logits, truth = vertebrae(cases, data, taught)
    if before is not None and not len(truth):
        return dict(before)
    slopes, offsets = [], []
    for k in range(len(REASONS)):
        fitted = (np.array([np.nan, np.nan]) if not 5 <= truth[:, k].sum() <= len(truth) - 5 else
                  fit_logistic(np.column_stack([logits[:, k], np.ones(len(logits))]), truth[:, k].astype(np.float64)))
        good = bool(np.isfinite(fitted).all() and fitted[0] > 0)
        slopes.append(float(fitted[0]) if good else 1.0)
        offsets.append(float(fitted[1]) if good else 0.0)
    settings: Settings = {"slopes": slopes, "offsets": offsets, "named": REASON_NAMED, "threshold": 0.5}
    if len(truth):
        said = trust_rules.unreliable(trust_rules.chances(logits, settings))
        settings["threshold"] = _threshold(said, np.asarray(truth.any(axis=1)))
    return settings


def _threshold(said: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The lowest from which PRECISION of what is left out is changed; 0.5 where none is."""
    order = np.argsort(-said, kind="stable")
    right = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(right >= PRECISION)
    return float(np.clip(said[order[good[-1]]], 0.1, 0.9)) if len(good) else 0.5


def vertebrae(cases: Sequence[Case], data: Located, rows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(logits (m, reasons), truth (m, reasons)) of every vertebra of L1 to L4 that was found and whose truth is known."""
    logits, truth = [], []
    for k in map(int, np.flatnonzero(rows)):
        told = {one.name: one for one in cases[k].truth}
        for index, name in enumerate(REGION):
            if name in told and np.isfinite(data.trust[k, index]).all():
                logits.append(data.trust[k, index])
                truth.append([reason in told[name].reasons for reason in REASONS])
    return np.array(logits, np.float64).reshape(-1, len(REASONS)), np.array(truth, bool).reshape(-1, len(REASONS))


def gate(parts: Bundle, recipe: DensityRecipe, cases: Sequence[Case], on_step: OnStep) -> Settings:
    """`least` and `sure` of the gate: percentiles of what it says of genuine pictures that it has not seen."""
    engine = open_engine(parts, precision="f32")
    said = []
    for number, case in enumerate(cases, start=1):
        try:
            framed = cut(case.pixels, recipe.frames).framed
        except Refusal:
            continue
        said.append(float(softmax(engine.run("gate", {"scan": framed[None, None]})["logits"][0])[0]))
        if number % 100 == 0:
            on_step("Calibrating the gate", number, len(cases))
    low, sure = np.percentile(said, [ADMITTED, DOUBTFUL]) if said else (LEAST_TOP, LEAST_TOP)
    least = float(np.clip(low, LEAST_FLOOR, LEAST_TOP))
    return {"least": least, "sure": max(float(np.clip(sure, LEAST_FLOOR, 0.9)), least)}


def curve_error(cases: Sequence[Case], data: Located, before: float = 5.0) -> float:
    """Half-width of the 90 % interval of the coronal curve in degrees; `before` where the data set does not say how curved spines are."""
    pairs = [(float(data.curve[k]), max((one.cobb_deg for one in case.truth), default=np.nan)) for k, case in enumerate(cases)]
    known = np.array([pair for pair in pairs if np.isfinite(pair[1])])
    return float(np.quantile(np.abs(known[:, 0] - known[:, 1]), 0.9)) if len(known) >= 20 else before


def nested_figures(nested: Nested, seed: int) -> Settings:
    """The stack beside every member, by outer folds, with intervals by patient."""
    table: dict[str, Any] = {}
    for name, odds in nested.readers.items():
        p = classes(odds)
        rng = np.random.default_rng(seed)
        own: dict[str, Any] = {"log_loss": float(losses(odds, nested.labels).mean()),
                               "macro_f1": macro_f1(nested.labels, said_of(p)),
                               "accuracy": float((said_of(p) == nested.labels).mean())}
        area = bootstrap_interval(auroc, nested.patients, nested.labels == 2, p[:, 2], rng=rng)
        own["osteoporosis_auroc"] = [area.estimate, area.low, area.high]
        floor = ece_floor(p, np.random.default_rng(seed))
        own["ece_above_floor"] = ece(nested.labels, p) - floor.mean
        table[name] = own
    return {"readers": table, "best": nested.best, "cases": len(nested.labels),
            "gain": [nested.gain.estimate, nested.gain.low, nested.gain.high], "stack_ships": nested.not_worse}


def said_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class said, (n,): the likeliest."""
    return np.asarray(probabilities.argmax(axis=1), np.int64)


def macro_f1(truth: NDArray[np.integer], said: NDArray[np.integer]) -> float:
    """Mean of the three classes' F1; a class that neither occurs nor is said is left out."""
    return float(np.nanmean([f1_score(truth == k, said == k) for k in range(3)]))
