"""From validation studies to the bundle's numbers: calibration, sets, the weights of the score's posterior, errors of the sizes.

Each pattern of missing series is calibrated by itself, by hiding the series from the same studies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.inference import Engine
from spondyl.inference.conformal import EVERYTHING, MIN_POSITIVES, calibrate
from spondyl.lab.mri_stenosis.batches import Levels, plain, without
from spondyl.lab.mri_stenosis.cases import target_column
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.metrics import level_prior, stenosis_score
from spondyl.tasks.mri_stenosis.answers import CANAL, CONDITIONS, MEASURES, PATTERNS, TARGETS, WEIGHTS, calibrated, pattern_of, weighted

INPUTS = ("sagittal", "across", "sagittal_seen", "axial", "along", "axial_seen", "level")
ASK = 40
ALPHA = 0.1
FEWEST_LEVELS = 20
"""A pattern that fewer levels show is calibrated on all of them."""
MODERATE = np.arange(1.0, 4.01, 0.25)
SEVERE = np.arange(1.5, 8.01, 0.5)
"""Weights of moderate and severe canals that are tried, with 1 for normal or mild."""
Floats = NDArray[np.float64]


def ask_engine(engine: Engine, held: Levels, recipe: StenosisRecipe, seen: tuple[bool, bool, bool]) -> tuple[Floats, Floats, Floats]:
    """What the served networks say of all levels with series hidden: logits (M, 5, 3), sizes (M, 2), largest share of attention (M, 5)."""
    members = engine.bundle.settings["reader"]["members"]
    logits, sizes, peaks = [], [], []
    for start in range(0, len(held), ASK):
        rows = np.arange(start, min(start + ASK, len(held)))
        tensors = without(plain(held, rows, recipe.plan, recipe.margin), seen)
        inputs = {name: tensor.numpy() for name, tensor in zip(INPUTS, tensors, strict=True)}
        outputs = [engine.run(name, inputs) for name in members]
        logits.append(np.mean([np.asarray(out["logits"], np.float64) for out in outputs], axis=0))
        sizes.append(np.mean([np.asarray(out["sizes"], np.float64) for out in outputs], axis=0))
        maps = np.mean([np.asarray(out["sagittal_maps"], np.float64) for out in outputs], axis=0).reshape(len(rows), 5, -1)
        shares = np.exp(maps - maps.max(axis=-1, keepdims=True))
        peaks.append((shares / shares.sum(axis=-1, keepdims=True)).max(axis=-1))
    return np.concatenate(logits), np.concatenate(sizes), np.concatenate(peaks)


def fitted(engine: Engine, held: Levels, recipe: StenosisRecipe) -> dict[str, Any]:
    """`answers`, `weights`, `measures`, `attention_scale` and `prior` of a bundle's settings."""
    answers: dict[str, Any] = {}
    measures: dict[str, dict[str, Any]] = {name: {} for name in MEASURES}
    weights: dict[str, list[float]] = {condition: list(WEIGHTS) for condition in CONDITIONS}
    scale = 1.0
    for seen, pattern in PATTERNS.items():
        logits, sizes, peaks = ask_engine(engine, held, recipe, seen)
        rows = rows_of(held, seen, pattern)
        answers[pattern] = {condition: _condition(condition, logits, held, rows) for condition in CONDITIONS}
        for column, name in enumerate(MEASURES):
            measures[name][pattern] = _measure(sizes[rows, column], held.sizes[rows, column])
        if pattern == "all":
            scale = float(np.quantile(peaks, 0.5))
            weights[CANAL] = canal_weights(logits, held, answers[pattern])
    known = np.isfinite(held.sizes).all(axis=1).any()
    return {"answers": answers, "weights": weights, "measures": measures if known else {}, "attention_scale": scale,
            "prior": level_prior(study_table(held, held.grades.astype(np.int64), -1)).tolist()}


def rows_of(held: Levels, seen: tuple[bool, bool, bool], pattern: str) -> NDArray[np.bool_]:
    """Levels (M,) that show just this pattern once series are hidden; all of them where these are too few to calibrate on."""
    sagittal, axial = held.arrays["sagittal_seen"].max(axis=1) > 0, held.arrays["axial_seen"].max(axis=1) > 0
    there = np.column_stack([sagittal, axial]) & np.array(seen)
    own = np.array([pattern_of(level) == pattern and level[:2].any() for level in there])
    return own if own.sum() >= FEWEST_LEVELS else np.ones(len(held), bool)


def columns_of(condition: str) -> list[int]:
    """Places of a condition among the five answers."""
    return [k for k, (name, _) in enumerate(TARGETS) if name == condition]


def _condition(condition: str, logits: Floats, held: Levels, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Calibration and quantiles of one condition for one pattern. A severity that has too few cases among the pattern's own levels takes
    its quantile from all levels, which with the same series hidden show as much or less: its sets are then rather too wide."""
    columns = columns_of(condition)
    labels = np.where(held.grades[:, columns] >= 0, held.grades[:, columns], -1).astype(np.int64)
    known = labels >= 0
    mine = known & rows[:, None]
    own = fit_offsets(logits[:, columns][mine], labels[mine])
    probabilities = calibrated(logits[:, columns], condition, {condition: own})
    studies = np.repeat(held.study[:, None], len(columns), axis=1)
    ours, everyone = (calibrate(probabilities[part], labels[part], ALPHA, studies[part], class_conditional=True) for part in (mine, known))
    few = [(labels[mine] == k).sum() < MIN_POSITIVES for k in range(3)]
    return {**own, "sets": [wide if short else close for close, wide, short in zip(ours, everyone, few, strict=True)]}


def fit_offsets(logits: Floats, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Offsets (the first is 0) and a temperature that make the labels most likely: softmax((logits + offsets) / temperature).

    Without all three severities among the labels everything stays as the networks put it.
    """
    if len(set(labels.tolist())) < 3:
        return {"offsets": [0.0, 0.0, 0.0], "temperature": 1.0}
    scores, truth = torch.from_numpy(logits), torch.from_numpy(labels)
    free = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([free], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        offsets = torch.cat([free.new_zeros(1), free[:2]])
        value = torch.nn.functional.cross_entropy((scores + offsets) / free[2].exp(), truth)
        value.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch gives it no types
    values = free.detach().numpy()
    return {"offsets": [0.0, float(values[0]), float(values[1])], "temperature": float(np.exp(values[2]))}


def _measure(said: Floats, built: NDArray[np.float32]) -> dict[str, float]:
    """Offset of the logarithm, and the relative half-width that holds 90 % of the errors."""
    have = np.isfinite(built)
    if not have.any():
        return {"offset": 0.0, "relative_error": EVERYTHING}
    offset = float(np.median(built[have] - said[have]))
    errors = np.abs(1 - np.exp(built[have] - said[have] - offset))
    return {"offset": offset, "relative_error": float(np.quantile(errors, 1 - ALPHA))}


def canal_weights(logits: Floats, held: Levels, own: Mapping[str, Any]) -> list[float]:
    """Weights of the canal's posterior that score best together: its own term and the any-severe term (a maximum over levels)."""
    probabilities = calibrated(logits[:, 0], CANAL, own)
    labels = study_table(held, held.grades.astype(np.int64), -1)
    best, chosen = np.inf, list(WEIGHTS)
    for moderate in MODERATE:
        for severe in SEVERE:
            table = np.full((len(held), 5, 3), 1 / 3)
            table[:, 0] = weighted(probabilities, (1.0, float(moderate), float(severe)))
            score = stenosis_score(labels, study_table(held, table, 1 / 3))
            if score.canal + score.any_severe < best:
                best, chosen = score.canal + score.any_severe, [1.0, float(moderate), float(severe)]
    return chosen


def study_table(held: Levels, values: NDArray[Any], fill: float) -> NDArray[Any]:
    """Values (M, 5, ...) of levels as (studies, 25, ...) in the order of train.csv; levels that were not found get `fill`."""
    studies = int(held.study.max()) + 1 if len(held) else 0
    table = np.full((studies, 25, *values.shape[2:]), fill, values.dtype)
    for row, (study, number) in enumerate(zip(held.study, held.arrays["numbers"], strict=True)):
        for index in range(5):
            table[study, target_column(int(number), index)] = values[row, index]
    return table
