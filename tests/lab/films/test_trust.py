"""The trust tests, asked of a served task whose answer is known: the brighter the middle of a film, the worse."""

from __future__ import annotations

import json

import pytest

from films_bundle import GATE, grade_bundle, lesion_bundle
from spondyl.core import InputError
from spondyl.datasets.making.order import Scale
from spondyl.lab.films import trust
from spondyl.lab.films.trust import measure_trust
from spondyl.lab.films.twin_films import order_for

COARSE = Scale(fine_mm=1.4, trunk_mm=5.0, film_mm=1.0)
OPEN = {**GATE, "least": 0.0}


def test_a_bundle_is_asked_about_twins_and_every_figure_stands_beside_its_baseline(tmp_path):
    bundle = lesion_bundle(tmp_path / "bundle", gate=OPEN)
    steps = []
    figures = measure_trust(bundle, pairs=1, seed=5, order=order_for("xray-lesions", 5, COARSE), on_step=lambda *step: steps.append(step))
    assert json.loads(json.dumps(figures)) == figures
    assert figures["pairs"] >= 1
    assert figures["patients"] == 2
    assert figures["refused_films"] == 0
    for name in ("twins_fall", "twins_fall_any", "placebo"):
        assert 0 <= figures[name]["low"] <= figures[name]["estimate"] <= figures[name]["high"] <= 1
    assert figures["twins_fall"]["estimate"] <= figures["twins_fall_any"]["estimate"]
    assert figures["randomised"] is None, "without a run there are no weights to randomise"
    if figures["pointing_films"]:
        assert {"pointing", "pointing_strict", "pointing_centre", "pointing_area"} <= set(figures)
    assert steps[-1][1] == steps[-1][2] == 1


def test_a_gate_that_refuses_leaves_no_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "MOST_EACH", 1)
    bundle = grade_bundle(tmp_path / "bundle", gate={**GATE, "least": 1.1})
    order = order_for("xray-grade", 5, COARSE)
    figures = measure_trust(bundle, pairs=1, seed=5, order=order)
    assert figures["refused_films"] >= 2
    assert figures["twins_fall"] is None
    assert figures["pointing_films"] == 0


def test_only_radiograph_bundles_are_asked_and_about_one_pair_at_least(tmp_path):
    bundle = lesion_bundle(tmp_path / "bundle")
    with pytest.raises(InputError) as error:
        measure_trust(bundle, pairs=0)
    assert error.value.code == "trust-pairs"
