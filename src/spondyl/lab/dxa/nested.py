"""Nested cross-validation of the members: inner folds make what the stack learns from, outer folds report.

With K folds a network is fitted without each fold, and without each pair of folds. What the pair network {i, j} says of fold j is the inner
out-of-fold prediction where i is the outer fold, and the other way round: K (K + 1) / 2 fits in place of K^2, and none has seen whom it
judges. One more is fitted on all folds, and ships.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.lab.dxa.cases import OnStep
from spondyl.lab.dxa.fit import OUTPUTS, ask_net, cumulative, fit_net
from spondyl.lab.dxa.located import Located, load
from spondyl.lab.dxa.recipe import NETS, DensityRecipe
from spondyl.lab.dxa.trees import ask_trees, fit_boosted, fit_forest
from spondyl.lab.spread import spread
from spondyl.models.density_nets import DensityNet, create
from spondyl.models.tree_net import TreeNet
from spondyl.tasks.dxa_osteoporosis.density import calibrated
from spondyl.tasks.dxa_osteoporosis.features import FEATURES, UNKNOWN
from spondyl.tasks.dxa_osteoporosis.votes import MEMBERS, odds_of

Odds = dict[str, NDArray[np.float64]]
Without = tuple[int, ...]


def splits(folds: int) -> list[Without]:
    """Sets of folds that a fit leaves out: none, one, two."""
    return [(), *((k,) for k in range(folds)), *combinations(range(folds), 2)]


def width_of(name: str, recipe: DensityRecipe) -> float:
    """Share of the published channels."""
    return {"cnn": recipe.cnn_width, "vgg16": recipe.vgg_width, "resnet50": recipe.resnet_width}[name]


def stem_of(name: str, without: Without) -> str:
    """Name of a fit's files."""
    return f"{name}-all" if not without else f"{name}-without-{'-'.join(map(str, without))}"


def fit_member(name: str, without: Without, recipe: DensityRecipe, run: Path) -> None:
    """One network of one split; leaves its weights and what it says of every case. Does nothing where they are there."""
    file = run / "members" / f"{stem_of(name, without)}.npy"
    if file.exists():
        return
    data, labels, folds = load(run / "located.npz"), np.load(run / "labels.npy"), np.load(run / "folds.npy")
    taught = ~np.isin(folds, [*without, recipe.folds])
    net = fit_net(name, width_of(name, recipe), data.spine[taught], cumulative(labels[taught]), epochs=recipe.epochs, lr=recipe.lr,
                  batch=recipe.batch, seed=recipe.seed * 1000 + len(without) * 100 + sum(without) + 10 * NETS.index(name))
    torch.save(net.state_dict(), file.with_suffix(".pt"))
    half_done = file.with_suffix(".part.npy")
    np.save(half_done, ask_net(net, data.spine))
    half_done.replace(file)


def fit_members(recipe: DensityRecipe, run: Path, on_step: OnStep) -> None:
    """Every network of every split that is not there yet."""
    (run / "members").mkdir(exist_ok=True)
    calls = [(name, without, recipe, run) for without in splits(recipe.folds) for name in reversed(NETS)]
    left = [call for call in calls if not (run / "members" / f"{stem_of(*call[:2])}.npy").exists()]
    for done in spread(min(recipe.jobs, max(len(left), 1)), fit_member, left) if left else ():
        on_step("Fitting members", len(calls) - len(left) + done, len(calls))


def odds_without(without: Without, recipe: DensityRecipe, run: Path, data: Located, labels: NDArray[np.int64],
                 folds: NDArray[np.int64], fitted: tuple[TreeNet, TreeNet] | None = None) -> Odds:
    """Cumulative log odds (n, 2) of every member for every case, by fits that did not see these folds (nor those who calibrate).

    Args:
        fitted: Forest and boosted trees of `tree_members`, where they are there already.
    """
    taught = ~np.isin(folds, [*without, recipe.folds])
    said = {name: np.load(run / "members" / f"{stem_of(name, without)}.npy") for name in NETS}
    forest, trees = fitted or tree_members(recipe, data, labels, taught, calibration_of(run))
    said["forest"] = ask_trees(forest, data.deep)
    said["trees"] = ask_trees(trees, data.features)
    return {name: odds_of(name, said[name]) for name in MEMBERS}


def calibration_of(run: Path) -> dict[str, Any]:
    """How calibrated pairs are read, as the run fitted it."""
    return dict(json.loads((run / "calibration.json").read_text("utf-8")))


def tree_members(recipe: DensityRecipe, data: Located, labels: NDArray[np.int64], taught: NDArray[np.bool_],
                 calibration: Mapping[str, Any]) -> tuple[TreeNet, TreeNet]:
    """(forest, boosted trees) of some cases. The boosted trees learn each case twice where its densities are known: with and without."""
    forest = fit_forest(data.deep[taught], labels[taught], recipe)
    known = taught & np.isfinite(data.measured[:, :, 0]).any(axis=1)
    both = np.concatenate([data.features[taught], with_densities(data, calibration)[known]])
    return forest, fit_boosted(both, np.concatenate([labels[taught], labels[known]]), recipe)


def with_densities(data: Located, calibration: Mapping[str, Any]) -> NDArray[np.float32]:
    """Features (n, F) with the areal densities in them, where a pair was measured."""
    table = data.features.copy()
    bmd = calibrated(data.measured[:, :, 0], data.measured[:, :, 1], calibration)
    first = FEATURES.index("areal_density_L1")
    known = np.isfinite(bmd)
    table[:, first:first + bmd.shape[1]] = np.where(known, bmd, UNKNOWN)
    count = np.maximum(known.sum(axis=1), 1)
    table[:, FEATURES.index("areal_density")] = np.where(known.any(axis=1), np.where(known, bmd, 0.0).sum(axis=1) / count, UNKNOWN)
    return table


def load_net(name: str, recipe: DensityRecipe, run: Path, without: Without = ()) -> DensityNet:
    """A fitted network."""
    net = create(name, OUTPUTS, width_of(name, recipe))
    net.load_state_dict(torch.load(run / "members" / f"{stem_of(name, without)}.pt", map_location="cpu", weights_only=True))
    return net.eval()


def rows_of(odds: Mapping[str, NDArray[np.float64]], rows: NDArray[np.bool_]) -> Odds:
    """Some cases' odds."""
    return {name: table[rows] for name, table in odds.items()}
