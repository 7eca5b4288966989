"""From a few coarse films of the digital spine to a bundle and its figures: every step, next to nothing learnt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from spondyl.core import InputError
from spondyl.datasets import miniatures
from spondyl.datasets.making import Scale
from spondyl.inference import open_engine, read_bundle
from spondyl.lab import verbs
from spondyl.lab.alignment import card, measure
from spondyl.lab.alignment.cases import prepared, read_cases
from spondyl.lab.alignment.pieces import load_corner_net, load_detector
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.recipe import kept_recipe, read_recipe
from spondyl.tasks.xray_alignment.frames import FILM_NEAR, even, film_frame, looked_at

RECIPE = Path(__file__).parents[2] / "recipes" / "xray-alignment.toml"
QUICK = ("layout=aasce", "folds=3", "detector_epochs=1", "detector_again=1", "corner_epochs=1", "corner_again=0",
         "corner_share=0.1", "gate_epochs=1", "gate_each=1",
         "film=[128, 64]", "vertebra=[32, 48]", "gate=[64, 32]", "batch=4", "corner_batch=8", "jobs=1")
FILMS = 8


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films") / "aasce"
    miniatures.make_as(miniatures.order_of("aasce", 5, role="train", scale=Scale(fine_mm=3.0, trunk_mm=8.0, film_mm=1.5)), root, FILMS)
    return root


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verbs.train(RECIPE, films, QUICK, tmp_path_factory.mktemp("runs"), None, lambda *_: None)


def test_a_run_ends_in_a_bundle_that_says_what_it_was_taught_on(run: Path, films: Path):
    bundle = read_bundle(run / "bundle")
    assert (bundle.task, bundle.note.evidence) == ("xray-alignment", "in-silico")
    assert bundle.note.trained_on == "the digital spine"
    assert set(bundle.networks) == {"gate", *(f"{kind}-{fold}" for kind in ("detector", "corners") for fold in range(3))}
    assert set(bundle.manifest.training_images) == {case.image for case in read_cases("aasce", films, lambda *_: None)}
    assert "Not measured yet" in bundle.card


def test_every_film_is_blind_to_two_networks_and_to_no_others(run: Path):
    bundle = read_bundle(run / "bundle")
    for fold in set(bundle.manifest.training_images.values()):
        blind = {name for name, file in bundle.networks.items() if fold in file.unseen_folds}
        assert blind - {"gate"} == {f"detector-{fold}", f"corners-{fold}"}


def test_what_ships_is_what_was_fitted_and_sees_what_training_saw(run: Path, films: Path):
    recipe = kept_recipe(AlignmentRecipe, run)
    engine = open_engine(read_bundle(run / "bundle"), precision="f32")
    pixels = prepared(read_cases("aasce", films, lambda *_: None)[0])
    picture = even(looked_at(pixels, film_frame((pixels.shape[0], pixels.shape[1]), recipe.film)), FILM_NEAR)[None, None]
    crop = np.random.default_rng(0).random((2, 1, *recipe.vertebra), np.float32)
    with torch.no_grad():
        maps = load_detector(recipe, run, 1)(torch.from_numpy(picture)).numpy()
        chances = load_corner_net(recipe, run, 1)(torch.from_numpy(crop)).numpy()
    assert np.abs(engine.run("detector-1", {"film": picture})["maps"] - maps).max() < 0.02
    assert np.abs(engine.run("corners-1", {"vertebra": crop})["chances"] - chances).max() < 0.02


def test_the_bundle_is_measured_and_its_card_shows_the_figures(run: Path, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "EACH", 1)
    monkeypatch.setattr(measure, "DRAWS", 20)
    metrics = verbs.evaluate(str(run / "bundle"), films, "aasce", None, "auto", "f32", lambda *_: None, "train")
    test = json.loads(json.dumps(metrics, allow_nan=False))["test"]
    assert test["judged"] == "out of fold"
    assert test["training_images_met"] == test["films"]
    assert test["gate"]["whole_spine_lateral"]["shown"] == 1
    assert "largest angle" in card.tables(metrics)
    assert "were in the training" in verbs.warning(metrics)
    (tmp_path / "figures.json").write_text(json.dumps(metrics))
    assert "largest angle" in verbs.export(run, tmp_path / "out", tmp_path / "figures.json").card


def test_films_that_taught_nobody_are_read_as_they_are_served(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "EACH", 1)
    monkeypatch.setattr(measure, "DRAWS", 20)
    other = tmp_path / "other"
    miniatures.make_as(miniatures.order_of("aasce", 6, role="train", scale=Scale(fine_mm=3.0, trunk_mm=8.0, film_mm=1.5)), other, 2)
    metrics = verbs.evaluate(str(run / "bundle"), other, "aasce", None, "auto", "f32", lambda *_: None, "train")
    assert (metrics["test"]["judged"], metrics["test"]["training_images_met"], metrics["test"]["films"]) == ("as served", 0, 2)
    assert verbs.warning(metrics) == ""


def test_a_finished_run_goes_on_at_once_and_not_with_another_recipe(run: Path, films: Path):
    before = (run / "bundle" / "bundle.json").stat().st_mtime_ns
    verbs.train(RECIPE, films, QUICK, run.parent, run, lambda *_: None)
    assert (run / "bundle" / "bundle.json").stat().st_mtime_ns == before
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, films, [*QUICK, "detector_lr=0.5"], run.parent, run, lambda *_: None)
    assert refused.value.code == "run-recipe-differs"


def test_too_few_groups_are_refused_before_anything_is_fitted(films: Path, tmp_path: Path):
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, films, [*QUICK, "folds=7"], tmp_path / "runs", None, lambda *_: None)
    assert refused.value.code == "too-few-patients"
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)


def test_the_released_recipe_is_whole_and_its_head_names_the_digital_spines():
    recipe = read_recipe(AlignmentRecipe, RECIPE)
    assert (verbs.task_of(RECIPE), recipe.evidence, recipe.research_only) == ("xray-alignment", "real", True)
    assert "".join(f"#   {command}\n" for command in card.AGAIN[:2]) in RECIPE.read_text("utf-8")
