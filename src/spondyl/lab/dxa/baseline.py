"""What pictures are compared with: age and sex alone, and the reference system's way of preparing pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.dxa.cases import TOP, Case, OnStep
from spondyl.lab.dxa.fit import ask_net, cumulative, fit_net
from spondyl.lab.dxa.fitted import macro_f1, said_of
from spondyl.lab.dxa.located import load
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.stack import fit_reader
from spondyl.lab.spread import spread
from spondyl.metrics.discrimination import auroc
from spondyl.metrics.intervals import bootstrap_interval
from spondyl.metrics.logistic import fit_logistic, sigmoid
from spondyl.tasks.dxa_osteoporosis.votes import classes, odds_of, stacked

BLUR, WINDOW, OFFSET = 2, 5, 2 / 255
"""Half widths of the blur and of the window whose mean is the threshold, and what is taken off it: OpenCV's usual 5, 11 and 2."""


def fit_baseline(cases: Sequence[Case], labels: NDArray[np.int64]) -> dict[str, Any] | None:
    """Logistic regression of each cut on age and sex; None where either is unknown to most."""
    known = [k for k, case in enumerate(cases) if case.age_years is not None and case.sex is not None]
    if len(known) < 30:
        return None
    age = np.array([cases[k].age_years for k in known], np.float64)
    columns = _columns(age, np.array([cases[k].sex == "F" for k in known]))
    wanted = cumulative(labels[known]).astype(np.float64)
    fits = [fit_logistic(columns, wanted[:, cut]) for cut in range(2)]
    return {"cuts": [row.tolist() for row in fits], "cases": len(known)} if np.isfinite(fits).all() else None


def baseline_probabilities(age: NDArray[np.float64], woman: NDArray[np.bool_], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """(n, 3)."""
    columns = _columns(age, woman)
    worse = np.stack([sigmoid(columns @ np.array(row)) for row in settings["cuts"]], axis=1)
    worse[:, 1] = np.minimum(worse[:, 0], worse[:, 1])
    return np.stack([1 - worse[:, 0], worse[:, 0] - worse[:, 1], worse[:, 1]], axis=1)


def _columns(age: NDArray[np.float64], woman: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(age)), (age - 65) / 10, woman.astype(np.float64)])


def binarised(stored: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Pictures (n, rows, columns) as the reference system prepares them: blurred, then black or white by the mean around each pixel."""
    pictures = stored.astype(np.float32) / np.float32(TOP)
    smooth = _box(pictures, BLUR)
    return np.where(smooth > _box(smooth, WINDOW) - OFFSET, TOP, 0).astype(np.uint16)


def _box(pictures: NDArray[np.float32], half: int) -> NDArray[np.float32]:
    """Mean over a square of each picture, edges repeated."""
    width = 2 * half + 1
    padded = np.pad(pictures.astype(np.float64), ((0, 0), (half + 1, half), (half + 1, half)), mode="edge")
    total = padded.cumsum(axis=1).cumsum(axis=2)
    part = total[:, width:, width:] - total[:, :-width, width:] - total[:, width:, :-width] + total[:, :-width, :-width]
    return np.asarray(part / width**2, np.float32)


def ablate(recipe: DensityRecipe, run: Path, labels: NDArray[np.int64], folds: NDArray[np.int64], patients: NDArray[np.str_],
           on_step: OnStep) -> dict[str, Any]:
    """The small network on pictures as they are and as the reference system prepares them: fitted without each fold, judged there.

    Each is calibrated by Platt scaling on the other folds' votes.
    """
    left = [(fold, recipe, run) for fold in range(recipe.folds) if not _binarised_file(run, fold).exists()]
    for done in spread(min(recipe.jobs, max(len(left), 1)), fit_binarised, left) if left else ():
        on_step("Fitting on thresholded pictures", done, len(left))
    names = {"ours": "cnn", "binarised": "cnn-binarised"}
    judged = folds < recipe.folds
    sick = labels[judged] == 2
    figures: dict[str, Any] = {"cases": int(judged.sum())}
    said: dict[str, NDArray[np.float64]] = {}
    for name, stem in names.items():
        votes = np.zeros((len(labels), 2))
        for fold in range(recipe.folds):
            votes[folds == fold] = odds_of("cnn", np.load(run / "members" / f"{stem}-without-{fold}.npy"))[folds == fold]
        p = np.zeros((len(labels), 3))
        for fold in range(recipe.folds):
            taught = judged & (folds != fold)
            reader = fit_reader({"cnn": votes[taught]}, labels[taught], ("cnn",))
            p[folds == fold] = classes(stacked({"cnn": votes[folds == fold]}, reader))
        said[name] = p[judged]
        area = bootstrap_interval(auroc, patients[judged], sick, said[name][:, 2], rng=np.random.default_rng(0))
        figures[name] = {"osteoporosis_auroc": [area.estimate, area.low, area.high],
                         "macro_f1": macro_f1(labels[judged], said_of(said[name]))}
    gap = bootstrap_interval(lambda truth, a, b: auroc(truth, a) - auroc(truth, b), patients[judged], sick, said["ours"][:, 2],
                             said["binarised"][:, 2], rng=np.random.default_rng(0))
    return {**figures, "auroc_lost": [gap.estimate, gap.low, gap.high]}


def fit_binarised(fold: int, recipe: DensityRecipe, run: Path) -> None:
    """The small network on thresholded pictures without a fold; leaves what it says of every case."""
    data, labels, folds = load(run / "located.npz"), np.load(run / "labels.npy"), np.load(run / "folds.npy")
    taught, flat = ~np.isin(folds, [fold, recipe.folds]), binarised(data.spine)
    net = fit_net("cnn", recipe.cnn_width, flat[taught], cumulative(labels[taught]), epochs=recipe.epochs, lr=recipe.lr, batch=recipe.batch,
                  seed=recipe.seed * 1000 + 101 + fold)
    half_done = _binarised_file(run, fold).with_suffix(".part.npy")
    np.save(half_done, ask_net(net, flat))
    half_done.replace(_binarised_file(run, fold))


def _binarised_file(run: Path, fold: int) -> Path:
    return run / "members" / f"cnn-binarised-without-{fold}.npy"
