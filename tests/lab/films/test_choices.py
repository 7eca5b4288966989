"""Choices on validation, where validation says little."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spondyl.lab.films import choices
from spondyl.lab.films.choices import choose
from spondyl.lab.films.predict import Said
from spondyl.lab.films.recipe import FilmRecipe
from spondyl.lab.films.records import FilmRecord


def test_the_best_member_is_best_by_the_score_that_is_compared_and_not_by_its_loss():
    """`a` ranks every film rightly; `b` has one wrong, and is surer of the others."""
    truth = [0, 0, 0, 0, 1, 1, 1, 1]
    votes: dict[str, Any] = {"members": {name: {"weight": 0.5, "slope": 1.0, "offsets": [0.0]} for name in "ab"}}
    logits = {"a": np.array([-0.4, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4]), "b": np.array([-4.0, -4.0, -4.0, 0.1, 0.0, 4.0, 4.0, 4.0])}
    recipe = FilmRecipe("xray-lesions", "0.1.0", "vindr", "MIT", "made up", ("a", "b"))
    report = choices._report(recipe, votes, {name: row[:, None] for name, row in logits.items()}, np.array(truth))
    assert report["members"]["b"]["log_loss"] < report["members"]["a"]["log_loss"]
    assert report["best_member"] == "a"


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
