"""What is fitted after the networks: calibration that metal does not move, trees of two classes, and pictures that say the opposite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spondyl.datasets.dxa_truth import VertebraOnPicture
from spondyl.lab.dxa import fitted
from spondyl.lab.dxa.asking import rewritten
from spondyl.lab.dxa.baseline import binarised
from spondyl.lab.dxa.cases import TOP, Case
from spondyl.lab.dxa.located import ARRAYS, Located
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.trees import ask_trees, fit_boosted, fit_forest
from spondyl.tasks.dxa_osteoporosis.panel import find_panel

RECIPE = DensityRecipe("dxa-osteoporosis", "0", "MIT", "", "tests", forest_trees=10, boost_steps=15, forest_leaf=5)


def measured_cohort(count: int, metal: int) -> tuple[list[Case], Located]:
    """Subjects whose pairs read 10 % low and 0.05 up, a few with metal over a vertebra that nobody told of."""
    rng = np.random.default_rng(0)
    cases = []
    measured = np.full((count, 4, 3), 100.0)
    for k in range(count):
        true = rng.normal(0.9, 0.15)
        rows = []
        for i, name in enumerate(("L1", "L2", "L3", "L4")):
            bmd = true + rng.normal(0, 0.02)
            rows.append(VertebraOnPicture(name, 5 - i, np.zeros((4, 2)), bmd, 14.0, 0, 0.0, 0.0, 0.0, 0.0))
            measured[k, i] = (bmd - 0.05) / 1.1 + rng.normal(0, 0.01), 0.0, 100.0
        cases.append(Case(str(k), str(k), 0, np.zeros((4, 4), np.uint16), str(k), None, None, None, None, None, tuple(rows), None, None))
    measured[:metal, 0, 0] = 5.0
    blank = {name: np.zeros((count, 1)) for name in ARRAYS} | {"index": np.arange(count), "measured": measured}
    return cases, Located(**blank, refused={})


@pytest.mark.parametrize("metal", [0, 6])
def test_metal_that_nobody_told_of_does_not_move_a_calibration(metal: int):
    cases, data = measured_cohort(120, metal)
    own = fitted.calibration(cases, data, np.ones(120, bool))
    assert own is not None
    one, slope, _ = own["coefficients"]
    assert one == pytest.approx(0.05, abs=0.02)
    assert slope == pytest.approx(1.1, abs=0.02)
    assert own["vertebra_sd"] < 0.02


def test_without_measured_vertebrae_there_is_no_calibration():
    cases, data = measured_cohort(30, 0)
    assert fitted.calibration([replace(case, truth=()) for case in cases], data, np.ones(30, bool)) is None


@pytest.mark.parametrize("labels", [(0, 1, 2), (0, 2)])
def test_trees_learn_two_classes_or_three(labels: tuple[int, ...]):
    rng = np.random.default_rng(0)
    truth = rng.choice(labels, 300)
    features = (truth[:, None] + rng.normal(0, 0.3, (300, 5))).astype(np.float32)
    forest = ask_trees(fit_forest(features, truth, RECIPE), features)
    assert forest.sum(axis=1) == pytest.approx(1, abs=1e-5)
    boosted = ask_trees(fit_boosted(features, truth, RECIPE), features)
    for said in (forest, boosted):
        assert (said.argmax(axis=1) == truth).mean() > 0.95


def picture(caption: bool) -> Case:
    rng = np.random.default_rng(1)
    scan = np.clip(0.3 + 0.1 * rng.standard_normal((120, 90)), 0, 1).astype(np.float32)
    strip = np.zeros((40, 90), np.float32)
    strip[2:6, 3:40:2] = 0.9
    strip[10:14, 3:60:3] = 0.9
    pixels = np.concatenate([scan, strip]) if caption else scan
    stored = np.rint(pixels * TOP).astype(np.uint16)
    return Case("a", "a", 0, stored, "a", None, None, None, None, None, (), Path("none"), find_panel(stored.astype(np.float32) / TOP))


@pytest.mark.parametrize("caption", [True, False])
def test_other_writing_leaves_the_scan_alone(caption: bool):
    case = picture(caption)
    assert case.panel is not None
    assert case.panel.masked == caption
    other = rewritten(case)
    assert other.shape == case.pixels.shape or not caption
    assert np.array_equal(other[:120], case.pixels[:120])
    assert (other[120:] > 0.5).any()
    if caption:
        assert not np.array_equal(other[120:], case.pixels[120:])
    over = rewritten(case, over=True)
    assert over.shape == case.pixels.shape
    assert not np.array_equal(over[:120], case.pixels[:120])


def test_the_reference_system_s_preprocessing_leaves_black_and_white():
    stored = np.random.default_rng(0).integers(0, TOP, (2, 40, 30)).astype(np.uint16)
    flat = binarised(stored)
    assert set(np.unique(flat)) == {0, TOP}
    dimmer = (stored // 2).astype(np.uint16)
    assert (binarised(dimmer) == flat).mean() > 0.9, "the grey levels, and the density with them, are gone"
