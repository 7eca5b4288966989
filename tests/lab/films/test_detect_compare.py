"""Detectors side by side."""

from __future__ import annotations

import importlib.util
import json

import pytest
from typer.testing import CliRunner

from conftest import ROOT
from lab.films.detect_cohort import drawn_cache
from lab.films.film_folders import write_vindr
from spondyl.apps.lab_cli import app
from spondyl.lab.films.detect_compare import as_table, compare
from spondyl.lab.films.detect_plan import DetectPlan


def test_each_detector_gets_its_row_and_one_that_is_not_installed_says_so(tmp_path):
    cache = drawn_cache(tmp_path, 16, val=6)
    tiny = DetectPlan(classes=2, settings={"widths": (8, 8, 16, 16, 16), "neck": 16}, epochs=1, batch=8, precision="32")
    yolo = DetectPlan(detector="yolo11", settings={"size": "n"}, classes=2, epochs=1)
    rows = compare([tiny, yolo], cache, tmp_path / "compare", draws=20)
    own, other = rows
    assert own.licence == "MIT"
    assert own.parameters > 1000
    assert own.milliseconds > 0
    assert own.table is not None
    assert own.table.true == (5, 5)
    assert other.licence == "AGPL-3.0"
    if not importlib.util.find_spec("ultralytics"):
        assert "not installed" in other.missing
    lines = as_table(rows, ("squares", "bars")).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert len(json.loads((tmp_path / "compare" / "compare.json").read_text())) == 2


def test_rows_that_are_made_are_not_trained_again(tmp_path):
    cache = drawn_cache(tmp_path, 16, val=6)
    plan = DetectPlan(classes=2, settings={"widths": (8, 8, 16, 16, 16), "neck": 16}, epochs=1, batch=8, precision="32")
    first = compare([plan], cache, tmp_path / "compare", draws=5)
    steps = []
    again = compare([plan], cache, tmp_path / "compare", lambda *step: steps.append(step), draws=5)
    assert steps == []
    assert again[0].table.map50.estimate == pytest.approx(first[0].table.map50.estimate, nan_ok=True)


def test_the_command_line_compares_detectors_as_a_recipe_trains_its_own(tmp_path):
    write_vindr(tmp_path / "data", 10)
    small = ("detector_rows=64", "detector_columns=64", "detector_epochs=1", "piece_rows=32", "piece_columns=32", "rows=64", "columns=64",
             "gate_size=32", "jobs=1", "val_share=0.3")
    recipe, keep = str(ROOT / "recipes" / "xray-lesions.toml"), str(tmp_path / "two")
    told = ["detectors", recipe, *small, "--data", str(tmp_path / "data"), "--keep", keep]
    done = CliRunner().invoke(app, [*told, "--name", "spondyl_small:neck=16", "--name", "spondyl_slim"])
    assert done.exit_code == 0, done.output
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]] == ["spondyl_small neck=16", "spondyl_slim"]
    wrong = CliRunner().invoke(app, [*told, "--name", "spondyl_small:neck"])
    assert "setting-invalid" in str(getattr(wrong.exception, "code", wrong.exception))
