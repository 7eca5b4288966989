"""From folders of a few coarse scans, as a real set has them, to a bundle and its figures: every step, nothing learnt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from spondyl.core import InputError
from spondyl.datasets import miniatures
from spondyl.datasets.dxa_truth import TABLE
from spondyl.datasets.making import Scale
from spondyl.inference import Shelf, open_engine, read_bundle
from spondyl.lab import verbs
from spondyl.lab.dxa import card, measure
from spondyl.lab.dxa.fit import plain
from spondyl.lab.dxa.located import load
from spondyl.lab.dxa.nested import load_net
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.recipe import kept_recipe

pytestmark = pytest.mark.skipif("dxa-osteoporosis" not in Shelf().names(), reason="the bundle dxa-osteoporosis is not shipped here")
RECIPE = Path(__file__).parents[2] / "recipes" / "dxa-osteoporosis.toml"
QUICK = ("epochs=1", "folds=3", "student_epochs=1", "jobs=1", "vgg_width=0.1", "cnn_width=0.5", "forest_trees=4", "boost_steps=5",
         "batch=8", "forest_leaf=2", "background=4")
SUBJECTS = 56


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as a real set has them: nothing told of vertebrae."""
    root = tmp_path_factory.mktemp("scans") / "dxa"
    order = miniatures.order_of("dxa", 5, role="train", scale=Scale(fine_mm=2.0, trunk_mm=5.0, film_mm=1.0))
    miniatures.make_as(order, root, SUBJECTS)
    (root / TABLE).unlink()
    return root


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verbs.train(RECIPE, cohort, QUICK, tmp_path_factory.mktemp("runs"), None, lambda *_: None)


def test_a_run_ends_in_a_bundle_whose_card_says_where_its_parts_come_from(run: Path):
    bundle = read_bundle(run / "bundle")
    assert (bundle.task, bundle.note.evidence) == ("dxa-osteoporosis", "in-silico")
    shipped = Shelf().bundle("dxa-osteoporosis")
    assert f"those of {shipped.note.name}" in bundle.card
    assert set(bundle.metrics["nested"]["readers"]) == {"stack", "cnn", "vgg16", "forest", "trees"}
    assert bundle.settings["calibration"] == shipped.settings["calibration"]
    assert bundle.settings["trust"] == shipped.settings["trust"]


def test_who_names_the_run_gets_its_one_bundle(run: Path):
    assert Shelf([run]).bundle("dxa-osteoporosis").folder == run / "bundle"


def test_the_members_that_ship_are_the_run_s_own_and_see_what_they_were_taught_on(run: Path):
    recipe = kept_recipe(DensityRecipe, run)
    bundle, data = read_bundle(run / "bundle"), load(run / "located.npz")
    said = open_engine(bundle, precision="f32").run("cnn", {"spine": plain(data.spine[:6])[:, None]})["logits"]
    with torch.no_grad():
        wanted = load_net("cnn", recipe, run)(torch.from_numpy(plain(data.spine[:6])[:, None]))[0].numpy()
    assert np.abs(said - wanted).max() < 0.02


def test_a_finished_run_goes_on_at_once_and_not_with_another_recipe_or_data(run: Path, cohort: Path, tmp_path: Path):
    before = (run / "bundle" / "bundle.json").stat().st_mtime_ns
    verbs.train(RECIPE, cohort, QUICK, run.parent, run, lambda *_: None)
    assert (run / "bundle" / "bundle.json").stat().st_mtime_ns == before
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, cohort, [*QUICK, "lr=0.5"], run.parent, run, lambda *_: None)
    assert refused.value.code == "run-recipe-differs"
    other = tmp_path / "other"
    shutil.copytree(cohort, other)
    next((other / "train" / "normal").iterdir()).unlink()
    (other / "subjects.csv").unlink()
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, other, QUICK, run.parent, run, lambda *_: None)
    assert refused.value.code == "run-data-differs"


def test_the_bundle_is_measured(run: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"GATE_EACH": 1, "GATE_SUBJECTS": 1, "GATE_CASES": 5, "DRAWS": 40, "REWRITTEN": 8}.items():
        monkeypatch.setattr(measure, name, value)
    metrics = verbs.evaluate(str(run / "bundle"), cohort, "", None, "auto", "f32", lambda *_: None, "train")
    test = json.loads(json.dumps(metrics, allow_nan=False))["test"]
    assert test["cases"] == sum(test["classes"].values())
    assert 0 < test["training_images_met"] <= test["cases"]
    assert test["writing"]["largest_change"] <= 0.02
    assert "display-scaled picture" in card.tables(metrics)
    assert "were in the training" in verbs.warning(metrics)
    (tmp_path / "figures.json").write_text(json.dumps(metrics))
    assert "display-scaled picture" in verbs.export(run, tmp_path / "out", tmp_path / "figures.json").card


def test_too_few_patients_are_refused_before_anything_is_fitted(cohort: Path, tmp_path: Path):
    small = tmp_path / "small"
    for name in ("normal", "osteopenia", "osteoporosis"):
        (small / name).mkdir(parents=True)
        for path in sorted((cohort / "train" / name).iterdir())[:3]:
            shutil.copy(path, small / name)
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, small, QUICK, tmp_path / "runs", None, lambda *_: None)
    assert refused.value.code == "too-few-patients"
