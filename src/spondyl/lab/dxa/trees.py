"""Random forest and gradient-boosted trees: fitted by scikit-learn, carried as plain arrays, run as networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.models.tree_net import TreeNet, Trees

CLASSES = 3
SUBSAMPLE = 0.7
NEVER = -20.0
"""Logit of a class that the data set does not have."""


def fit_forest(features: NDArray[np.float32], labels: NDArray[np.integer], recipe: DensityRecipe) -> TreeNet:
    """The forest; its output (n, 3) is probabilities."""
    forest = RandomForestClassifier(recipe.forest_trees, min_samples_leaf=recipe.forest_leaf, max_features="sqrt", n_jobs=1,
                                    random_state=recipe.seed)
    forest.fit(features, labels)
    columns = [int(c) for c in forest.classes_]
    trees = [one.tree_ for one in forest.estimators_]
    return TreeNet(_joined(trees, [_spread_out(tree.value[:, 0], columns) for tree in trees]), 1 / len(trees))


def fit_boosted(features: NDArray[np.float32], labels: NDArray[np.integer], recipe: DensityRecipe) -> TreeNet:
    """Boosted trees; the output (n, 3) is logits of a softmax."""
    boosted = GradientBoostingClassifier(n_estimators=recipe.boost_steps, learning_rate=recipe.boost_rate, subsample=SUBSAMPLE,
                                         max_leaf_nodes=recipe.boost_leaves, min_samples_leaf=10, random_state=recipe.seed)
    boosted.fit(features, labels)
    columns = [int(c) for c in boosted.classes_]
    start = np.full(CLASSES, NEVER)
    start[columns] = np.log(np.clip(boosted.init_.class_prior_, 1e-6, None))
    if len(columns) == 2:  # scikit-learn then says the log odds of the second
        start[columns] = 0.0, start[columns[1]] - start[columns[0]]
        columns = columns[1:]
    trees, values = [], []
    for row in boosted.estimators_:
        for column, one in enumerate(row):
            value = np.zeros((one.tree_.node_count, CLASSES))
            value[:, columns[column]] = one.tree_.value[:, 0, 0]
            trees.append(one.tree_)
            values.append(value)
    return TreeNet(_joined(trees, values), recipe.boost_rate, start)


def _spread_out(values: NDArray[np.float64], columns: list[int]) -> NDArray[np.float64]:
    table = np.zeros((len(values), CLASSES))
    table[:, columns] = values / values.sum(axis=1, keepdims=True)
    return table


def _joined(trees: list[Any], values: list[NDArray[np.float64]]) -> Trees:
    """Trees of scikit-learn one after another; only leaves speak, and point at themselves."""
    starts = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    feature, threshold, left, right, value = [], [], [], [], []
    for start, tree, said in zip(starts, trees, values, strict=True):
        own = np.arange(tree.node_count) + start
        leaf = tree.children_left < 0
        feature.append(np.where(leaf, 0, tree.feature))
        threshold.append(np.where(leaf, 0.0, tree.threshold))
        left.append(np.where(leaf, own, tree.children_left + start))
        right.append(np.where(leaf, own, tree.children_right + start))
        value.append(np.where(leaf[:, None], said, 0.0))
    depth = max(int(tree.max_depth) for tree in trees)
    joined = [np.concatenate(part) for part in (feature, threshold, left, right, value)]
    return Trees(joined[0], joined[1], joined[2], joined[3], joined[4], starts, max(depth, 1))


def ask_trees(net: TreeNet, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 3)."""
    with torch.no_grad():
        said = net(torch.from_numpy(np.ascontiguousarray(features, np.float32)))
    return np.asarray(said.numpy(), np.float64)
