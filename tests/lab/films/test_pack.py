"""What a data set says of itself, and when 16-bit arithmetic is allowed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conftest import ROOT
from films_bundle import grade_bundle, lesion_bundle
from spondyl.core import InputError
from spondyl.inference import Bundle
from spondyl.lab.films import parity
from spondyl.lab.films.pack import cohort_of, evidence_of, terms, trained_on
from spondyl.lab.films.predict import Found
from spondyl.lab.films.recipe import FilmRecipe
from spondyl.lab.films.verbs import with_figures
from spondyl.lab.recipe import read_recipe


def test_a_cohort_is_known_by_its_root_and_by_its_dataset_folder(tmp_path: Path):
    root = tmp_path / "cohort"
    (root / "dataset").mkdir(parents=True)
    (root / "other").mkdir()
    (root / "cohort.json").write_text(json.dumps({"evidence": "in-silico", "profile": "population", "pattern": []}))
    assert cohort_of(root) == cohort_of(root / "dataset") == {"evidence": "in-silico", "profile": "population"}
    assert [evidence_of(folder) for folder in (root, root / "dataset", root / "other")] == ["in-silico", "in-silico", "real"]


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_damaged_cohort_is_not_taken_for_films_of_patients(tmp_path: Path, text: str):
    (tmp_path / "cohort.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        evidence_of(tmp_path)
    assert caught.value.code == "cohort-unreadable"


def test_a_card_takes_figures_of_the_test_split_only(tmp_path: Path):
    bundle = lesion_bundle(tmp_path / "bundle")
    figures: dict[str, Any] = {"bundle": {"sha256": bundle.sha256}, "test": {"films": 3, "split": "val"}}
    with pytest.raises(InputError) as caught:
        with_figures(bundle, figures, tmp_path / "val")
    assert caught.value.code == "figures-of-another-split"
    figures["test"]["split"] = "test"
    assert with_figures(bundle, figures, tmp_path / "test").metrics["test"]["films"] == 3


def _judged(bundle: Bundle, moved: str, by: float) -> dict[str, bool]:
    """Which kinds pass where the logits of one network, or the detector's best scores, move by so much in 16 bits."""
    settings = bundle.settings
    names = (*settings["members"], "student")
    outputs = 8 if bundle.task == "xray-lesions" else 4
    said = [{name: np.repeat(np.linspace(-4, 4, 90)[:, None], outputs, 1) + (by if name == moved and coarse else 0.0) for name in names}
            for coarse in (False, True)]
    best = np.linspace(0.05, 0.9, 90)
    found = [Found(np.clip(best + shift, 0, 1), ((),) * 90) for shift in (0.0, by if moved == "detector" else 0.0)]
    kinds = parity._served(said, found if "detector" in settings else None, settings)
    return {kind: passed for kind, (passed, _) in kinds.items()}


def test_the_precision_of_each_network_is_judged_by_what_it_does_to_the_answer(tmp_path: Path):
    lesions, grade = lesion_bundle(tmp_path / "plain"), grade_bundle(tmp_path / "grade")
    joined = lesion_bundle(tmp_path / "joined", fusion={"ensemble": 1.0, "detector": 1.0, "offset": 0.0})
    assert _judged(joined, "", 0.0) == {"detector": True, "film": True, "student": True}
    assert _judged(joined, "detector", 0.1) == {"detector": False, "film": True, "student": True}
    assert _judged(lesions, "detector", 0.1)["detector"], "its score is in no answer"
    assert _judged(lesions, "student", 1.0) == {"detector": True, "film": True, "student": False}
    assert _judged(lesions, "densenet121", 1.0) == {"detector": True, "film": False, "student": True}
    assert _judged(grade, "student", 1.0) == {"film": True, "student": False}


def test_weights_of_real_films_do_not_borrow_the_terms_of_the_digital_spine(tmp_path: Path):
    recipe = read_recipe(FilmRecipe, ROOT / "recipes" / "xray-lesions.toml")
    assert terms(recipe, tmp_path)[0].startswith("not stated")
    assert terms(replace(recipe, licence="PhysioNet 1.5.0", attribution="Nguyen et al."), tmp_path) == ("PhysioNet 1.5.0", "Nguyen et al.")
    (tmp_path / "cohort.json").write_text(json.dumps({"evidence": "in-silico"}))
    assert terms(recipe, tmp_path) == ("MIT", "Spondyl digital spine")
    assert terms(replace(recipe, also=str(tmp_path / "films of patients")), tmp_path)[0].startswith("not stated")


def test_a_bundle_says_every_cohort_that_it_learned_from(tmp_path: Path):
    for name, body in (("data", {"seed": 1}), ("more", {"seed": 2, "settings": [["fracture", "0.2"]]})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cohort.json").write_text(json.dumps({"evidence": "in-silico", "profile": "vindr", **body}))
    films = [SimpleNamespace(group=f"p{number}") for number in range(3)]
    cache = SimpleNamespace(films=films, places=lambda split: [0, 1] if split == "train" else [2])
    recipe = FilmRecipe(task="xray-lesions", version="1", layout="vindr", licence="MIT", attribution="us", members=("a",))
    alone = trained_on(recipe, tmp_path / "data", cache)
    assert alone == "the digital spine (in-silico, no patients): 2 subjects, profile vindr, seed 1"
    both = trained_on(replace(recipe, also=str(tmp_path / "more")), tmp_path / "data", cache)
    assert both.startswith(f"{alone}, some of them of ")
    assert both.endswith("seed 2 with fracture=0.2")
    named = trained_on(replace(recipe, trained_on="VinDr-SpineXR 1.0.0", also=str(tmp_path / "more")), tmp_path / "none", cache)
    assert named.startswith("VinDr-SpineXR 1.0.0, some of them of the digital spine (in-silico")
