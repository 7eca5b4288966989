"""Temperatures, thresholds and prediction sets: fitted on patients the networks never saw, nested for what is reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference.calibration import fit_platt, fit_temperature
from spondyl.inference.conformal import calibrate
from spondyl.lab.mri_discs.predict import DiscRow, stacked
from spondyl.metrics.logistic import fit_logistic
from spondyl.tasks.mri_discs.answers import GRADE, GRADES, QUESTIONS, VIEWS, calibrated, columns_of

ALPHA = 0.1
MOST_LEVELS = 7
"""Levels from here up share one term."""
LEVEL_PRIOR = 20.0
EVENTS = 30
NOT_SAID = {"dry": [GRADE]}
"""The Pfirrmann grade is a T2 reading: on T1 alone it is not said."""

Arrays = dict[str, NDArray[Any]]


def fit_view(arrays: Arrays, view: str) -> dict[str, Any]:
    """Everything the bundle says of one view, from logits of patients whose networks never saw them."""
    calibration: dict[str, Any] = {}
    thresholds: dict[str, float] = {}
    sets: dict[str, list[float]] = {}
    logits, labels = arrays["logits"], arrays["labels"]
    for number, question in enumerate(QUESTIONS):
        truth = labels[:, number]
        part = logits[:, columns_of(question)]
        if question == GRADE:
            offsets = fit_offsets(part, truth)
            calibration[question] = {"offsets": offsets, "temperature": fit_temperature(part + np.array(offsets), truth)}
        else:
            calibration[question] = fit_yes_no(part[:, 0], truth, arrays["level"])
        probabilities = calibrated(logits, question, calibration, arrays["level"].tolist())
        if question != GRADE:
            thresholds[question] = best_threshold(probabilities[:, 1], truth)
        sets[question] = list(calibrate(probabilities, truth, ALPHA, arrays["patient"], class_conditional=True))
    return {"calibration": calibration, "thresholds": thresholds, "sets": sets, "not_said": NOT_SAID.get(view, [])}


def fit_yes_no(logits: NDArray[np.float64], truth: NDArray[np.int64], levels: NDArray[np.int64]) -> dict[str, Any]:
    """Slope, offset and level terms of one yes/no question.

    The log odds of each level (shrunk towards all levels by LEVEL_PRIOR cases) enter a logistic regression beside the logit, with
    one weight for all of them; levels that say nothing new get a weight near 0. With fewer than EVENTS positives (ten for each of
    the three parameters, Peduzzi et al. 1996), or where the regression has no answer, Platt alone.
    """
    overall = (truth.sum() + 0.5) / (len(truth) + 1)
    odds = []
    for level in range(1, MOST_LEVELS + 1):
        own = truth[levels == level] if level < MOST_LEVELS else truth[levels >= level]
        rate = (own.sum() + LEVEL_PRIOR * overall) / (len(own) + LEVEL_PRIOR)
        odds.append(np.log(rate / (1 - rate)) - np.log(overall / (1 - overall)))
    column = np.array(odds)[np.clip(levels, 1, MOST_LEVELS) - 1]
    rich = min(int(truth.sum()), int((1 - truth).sum())) >= EVENTS
    slope, weight, offset = fit_logistic(np.column_stack([logits, column, np.ones(len(truth))]), truth.astype(np.float64))
    if not rich or not np.isfinite([slope, weight, offset]).all() or slope <= 0:
        platt = fit_platt(logits, truth)
        return {"slope": platt.slope, "offset": platt.offset, "level_terms": []}
    share = float(np.clip(weight, 0.0, 1.5))
    return {"slope": float(slope), "offset": float(offset), "level_terms": [share * float(v) for v in odds]}


def fit_offsets(logits: NDArray[np.float64], truth: NDArray[np.int64], rounds: int = 200) -> list[float]:
    """What to add to each grade's logit so that grades are said as often as they occur (the training loss favours rare ones).

    Gradient steps on the mean probability against the frequency; the mean of the offsets is 0.
    """
    offsets = np.zeros(GRADES)
    wanted = np.bincount(truth, minlength=GRADES) / len(truth)
    temperature = 1.0
    for step in range(rounds):
        if step % 20 == 0:
            temperature = fit_temperature(logits + offsets, truth)
        e = np.exp((logits + offsets - (logits + offsets).max(1, keepdims=True)) / temperature)
        said = (e / e.sum(1, keepdims=True)).mean(0)
        offsets += 0.5 * temperature * (np.log(wanted + 1e-3) - np.log(said + 1e-3))
    return [float(v) for v in offsets - offsets.mean()]


def best_threshold(present: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The probability from which `present` is said: the highest F1, looked for between 0.3 and 0.5."""
    grid = np.linspace(0.3, 0.5, 21)

    def f1(cut: float) -> float:
        said = present >= cut
        hit = float((said & (truth == 1)).sum())
        return 2 * hit / max(float(said.sum() + (truth == 1).sum()), 1.0)

    scores = [f1(cut) for cut in grid]
    return float(grid[len(grid) - 1 - int(np.argmax(scores[::-1]))])


def nested(rows: Sequence[DiscRow], folds: int) -> dict[str, Any]:
    """Settings for each outer fold, from the inner predictions: patients of another fold j, judged by the grader that is blind
    to j and to the outer fold. Nothing that touches the outer fold's patients enters."""
    table: dict[str, Any] = {}
    for outer in range(folds):
        views = {}
        for view in VIEWS:
            inner = [row for row in rows if row.view == view and row.fold not in (None, outer)]
            blind = {j: [f"grader-{min(j, outer)}{max(j, outer)}"] for j in range(folds) if j != outer}
            if inner:
                views[view] = fit_view(stacked(inner, blind), view)
        table[str(outer)] = views
    return table


def final(rows: Sequence[DiscRow]) -> dict[str, Any]:
    """Settings that ship: every patient, judged by the ensemble of graders that never saw them."""
    present = {view: [row for row in rows if row.view == view] for view in VIEWS}
    return {view: fit_view(stacked(own), view) for view, own in present.items() if own}


def cam_scales(rows: Sequence[DiscRow]) -> dict[str, float]:
    """One scale a question for all heat maps: the 95th percentile of peak activation where the answer was there."""
    if not rows:
        return {question: 1.0 for question in QUESTIONS}
    scales = {}
    peaks, labels = np.array([row.cam_peak for row in rows]), np.array([row.labels for row in rows])
    for number, question in enumerate(QUESTIONS):
        columns = columns_of(question)
        own = peaks[np.arange(len(rows)), labels[:, 0]] if question == GRADE else peaks[labels[:, number] == 1, columns.start]
        scales[question] = float(max(np.percentile(own, 95), 1e-3)) if len(own) else 1.0
    return scales


def fit_on_sacrum(scores: Sequence[float], standing: Sequence[bool]) -> dict[str, float]:
    """Platt scaling of the locator's "lowest" score, from whole slices and slices cut above the sacrum; as it is where there are none."""
    if not scores:
        return {"slope": 1.0, "offset": 0.0}
    clipped = np.clip(np.asarray(scores, np.float64), 1e-4, 1 - 1e-4)
    platt = fit_platt(np.log(clipped / (1 - clipped)), np.asarray(standing, np.int64))
    return {"slope": platt.slope, "offset": platt.offset}
