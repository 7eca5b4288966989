"""Choices on validation, where validation says little."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spondyl.lab.films.choices import choose
from spondyl.lab.films.predict import Said
from spondyl.lab.films.recipe import FilmRecipe
from spondyl.lab.films.records import FilmRecord


@pytest.mark.parametrize(("task", "layout", "outputs"), [("xray-lesions", "vindr", 8), ("xray-grade", "grades", 4)])
@pytest.mark.parametrize("target", [0, 1])
def test_films_of_one_class_leave_scores_unsaid_and_settings_whole(task: str, layout: str, outputs: int, target: int):
    rng = np.random.default_rng(3)
    films = [FilmRecord(f"f{k}", Path("f.png"), "a table", f"p{k}", f"s{k}", "val", "frontal", target) for k in range(6)]
    recipe = FilmRecipe(task, "0.1.0", layout, "MIT", "made up", ("a", "b"))
    said = Said({name: rng.normal(0, 1, (6, outputs)) for name in "ab"},
                {name: rng.normal(0, 1, (6, outputs, 3, 2)).astype(np.float32) for name in "ab"})
    chosen = choose(recipe, films, said, None)
    text = json.dumps([chosen.settings, chosen.report], allow_nan=False)
    if task == "xray-lesions":
        assert chosen.report["scores"]["auroc"] is None
        assert '"auroc": null' in text
