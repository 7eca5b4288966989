"""Trees as tensor steps say what scikit-learn's trees say, to the last bit that matters, in every runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.inference.backends import BACKENDS, open_backend
from spondyl.lab.dxa import trees as fitted
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.trees import ask_trees, fit_boosted, fit_forest
from spondyl.lab.onnx_export import inputs_to_onnx
from spondyl.models.tree_net import TreeNet, Trees

FEW = settings(max_examples=60, deadline=None)
RECIPE = DensityRecipe("dxa-osteoporosis", "0", "MIT", "", "nothing", forest_trees=12, forest_leaf=3, boost_steps=12, seed=3)
Features = NDArray[np.float32]


def cases(count: int = 300, width: int = 9, classes: int = 3, seed: int = 0) -> tuple[Features, NDArray[np.int64]]:
    """Features of several sizes, also whole numbers and unknown ones, and labels that depend on some of them."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(count, width)) * np.logspace(-4, 4, width)
    table[:, 2] = np.round(table[:, 2] * 100)
    table[rng.random(count) < 0.4, 3] = -1
    said = table[:, 4] + 0.3 * table[:, 2] + rng.normal(0, 0.5, count)
    return table.astype(np.float32), np.digitize(said, np.quantile(said, np.arange(1, classes) / classes))


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """scikit-learn's own models, as the laboratory fits them."""
    kept: list[Any] = []

    def watched(own: Any) -> Any:
        def make(*args: Any, **options: Any) -> Any:
            kept.append(own(*args, **options))
            return kept[-1]
        return make

    for name in ("RandomForestClassifier", "GradientBoostingClassifier"):
        monkeypatch.setattr(fitted, name, watched(getattr(fitted, name)))
    return kept


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def near(model: Any, features: Features) -> Features:
    """The same cases moved onto thresholds of the trees, and to the next number on either side of each."""
    rng = np.random.default_rng(1)
    moved = np.repeat(features[:60], 3, axis=0)
    trees = [one.tree_ for one in np.ravel(model.estimators_)]
    asked = [(f, t) for tree in trees for f, t in zip(tree.feature, tree.threshold, strict=True) if f >= 0]
    for k in range(0, len(moved), 3):
        for place in rng.integers(0, len(asked), 5):
            feature, threshold = asked[int(place)]
            value = np.float32(threshold)
            moved[k:k + 3, feature] = np.nextafter(value, np.float32(-np.inf)), value, np.nextafter(value, np.float32(np.inf))
    return moved


def test_a_forest_says_what_scikit_learn_s_forest_says(grown: list[Any]):
    features, labels = cases()
    net = fit_forest(features, labels, RECIPE)
    (forest,) = grown
    for shown in (features, cases(seed=5)[0], near(forest, features)):
        assert ask_trees(net, shown) == pytest.approx(forest.predict_proba(shown), abs=1e-6)


def test_boosted_trees_say_what_scikit_learn_s_say(grown: list[Any]):
    features, labels = cases()
    net = fit_boosted(features, labels, RECIPE)
    (boosted,) = grown
    for shown in (features, cases(seed=5)[0], near(boosted, features)):
        said = ask_trees(net, shown)
        assert softmax(said) == pytest.approx(boosted.predict_proba(shown), abs=1e-6)
        wanted = boosted.decision_function(shown)
        assert said - said[:, :1] == pytest.approx(wanted - wanted[:, :1], abs=2e-6)


@pytest.mark.parametrize("absent", range(3))
def test_a_class_that_taught_nothing_is_never_said(absent: int, grown: list[Any]):
    features, labels = cases(classes=2)
    there = [k for k in range(3) if k != absent]
    named = np.array(there)[labels]
    forest = ask_trees(fit_forest(features, named, RECIPE), features)
    boosted = softmax(ask_trees(fit_boosted(features, named, RECIPE), features))
    for said, model in ((forest, grown[0]), (boosted, grown[1])):
        assert said[:, there] == pytest.approx(model.predict_proba(features), abs=1e-6)
        assert said[:, absent].max() < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["forest", "boosted"])
def test_every_runtime_says_the_same_of_any_number_of_cases(kind: str, backend: str, grown: list[Any]):
    features, labels = cases()
    net = {"forest": fit_forest, "boosted": fit_boosted}[kind](features, labels, RECIPE)
    graph = inputs_to_onnx(net, {"features": torch.zeros(1, features.shape[1])}, ("said",), half=False)
    network = open_backend(backend).load(graph, "f32", 1)
    for shown in (features[:1], features[:7], near(grown[0], features)):
        said = network.run({"features": shown})["said"]
        assert said.dtype == np.float32
        assert said == pytest.approx(ask_trees(net, shown), abs=1e-6)


def stump(threshold: float) -> Trees:
    """One question: 0 to the left, 1 to the right."""
    return Trees(np.array([0, 0, 0]), np.array([threshold, 0.0, 0.0]), np.array([1, 1, 2]), np.array([2, 1, 2]),
                 np.array([[0.0], [0.0], [1.0]]), np.array([0]), 1)


@given(st.floats(-1e30, 1e30, allow_subnormal=False), st.integers(-2, 2))
@FEW
def test_a_threshold_that_float32_does_not_have_parts_the_same_numbers(threshold: float, steps: int):
    value = np.float32(threshold)
    for _ in range(abs(steps)):
        value = np.nextafter(value, np.float32(np.sign(steps) * np.inf))
    said = ask_trees(TreeNet(stump(threshold)), np.array([[value]]))[0, 0]
    assert said == float(float(value) > threshold)


@st.composite
def ensembles(draw: st.DrawFn) -> tuple[Trees, int]:
    """Any trees of up to fifteen nodes over some columns."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    width, outputs = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    rows: list[list[Any]] = []
    roots, deepest = [], 1

    def grow(depth: int) -> int:
        nonlocal deepest
        place = len(rows)
        rows.append([0, 0.0, place, place, rng.normal(size=outputs)])
        if depth < 3 and rng.random() < 0.7:
            deepest = max(deepest, depth + 1)
            left, right = grow(depth + 1), grow(depth + 1)
            rows[place] = [int(rng.integers(width)), float(rng.normal()), left, right, np.zeros(outputs)]
        return place

    for _ in range(int(rng.integers(1, 6))):
        roots.append(grow(0))
    feature, threshold, left, right, value = (np.array([row[k] for row in rows]) for k in range(5))
    return Trees(feature, threshold.astype(np.float64), left, right, value.reshape(-1, outputs), np.array(roots), deepest), width


@given(ensembles(), st.floats(0.01, 2), st.integers(0, 1000))
@FEW
def test_any_ensemble_is_the_scaled_sum_of_the_leaves_that_are_reached(drawn: tuple[Trees, int], scale: float, seed: int):
    trees, width = drawn
    features = np.random.default_rng(seed).normal(size=(5, width)).astype(np.float32)
    start = np.arange(trees.value.shape[1], dtype=np.float64)
    said = ask_trees(TreeNet(trees, scale, start), features)
    for row, found in zip(features, said, strict=True):
        total = start.copy()
        for place in trees.roots:
            while trees.left[place] != place:
                place = (trees.left if float(row[trees.feature[place]]) <= trees.threshold[place] else trees.right)[place]
            total += scale * trees.value[place]
        assert found == pytest.approx(total, abs=1e-5)


def test_nothing_is_said_of_no_cases():
    assert ask_trees(TreeNet(stump(0.0)), np.zeros((0, 1), np.float32)).shape == (0, 1)
