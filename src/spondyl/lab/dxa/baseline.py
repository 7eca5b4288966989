"""What pictures are compared with: age and sex alone, and the reference system's way of preparing pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.lab.dxa.cases import TOP, Case
from spondyl.lab.dxa.fit import ask_net, cumulative, fit_net
from spondyl.lab.dxa.fitted import macro_f1, said_of
from spondyl.lab.dxa.located import Located
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.metrics.discrimination import auroc
from spondyl.metrics.intervals import bootstrap_interval
from spondyl.metrics.logistic import fit_logistic, sigmoid
from spondyl.tasks.dxa_osteoporosis.votes import classes

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


def ablate(recipe: DensityRecipe, run: Path, data: Located, labels: NDArray[np.int64], folds: NDArray[np.int64],
           patients: NDArray[np.str_]) -> dict[str, Any]:
    """The small network on pictures as they are and as the reference system prepares them, both fitted without fold 0 and judged there."""
    taught, judged = ~np.isin(folds, [0, recipe.folds]), folds == 0
    file = run / "members" / "cnn-binarised-without-0.npy"
    if not file.exists():
        flat = binarised(data.spine)
        net = fit_net("cnn", recipe.cnn_width, flat[taught], cumulative(labels[taught]), epochs=recipe.epochs, lr=recipe.lr,
                      batch=recipe.batch, seed=recipe.seed * 1000 + 101)
        np.save(file, ask_net(net, flat))
    said = {"ours": np.load(run / "members" / "cnn-without-0.npy")[judged], "binarised": np.load(file)[judged]}
    sick = labels[judged] == 2
    figures: dict[str, Any] = {"cases": int(judged.sum())}
    for name, logits in said.items():
        p = classes(logits)
        area = bootstrap_interval(auroc, patients[judged], sick, p[:, 2], rng=np.random.default_rng(0))
        figures[name] = {"osteoporosis_auroc": [area.estimate, area.low, area.high], "macro_f1": macro_f1(labels[judged], said_of(p))}
    gap = bootstrap_interval(lambda truth, a, b: auroc(truth, a) - auroc(truth, b), patients[judged], sick, classes(said["ours"])[:, 2],
                             classes(said["binarised"])[:, 2], rng=np.random.default_rng(0))
    return {**figures, "auroc_lost": [gap.estimate, gap.low, gap.high]}
