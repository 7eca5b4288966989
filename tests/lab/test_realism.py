"""The digital spine before networks that know patients, and as their first teacher: what is counted, who judges, what is paired."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import ROOT
from lab.conftest import Tiny
from lab.small_pack import subject_slices
from spondyl.core import InputError, NotFoundError
from spondyl.lab import verbs
from spondyl.lab.mri_discs import drawn, measure, pretraining, realism, stages
from spondyl.lab.mri_discs.data import Cohort, label_row
from spondyl.lab.mri_discs.grader import Example, GraderPlan, fit_grader
from spondyl.lab.mri_discs.predict import SliceRow, as_image
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.recipe import read_recipe
from spondyl.phantom.solid import Detail
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.reading import Located
from spondyl.tasks.mri_discs.slices import upright

SLICE = drawn.as_disc_slice("7", "t2", subject_slices(1)["t2"])


def row_of(boxes: list[tuple[float, float, float, float]], refusal: str = "") -> SliceRow:
    """The slice as if these boxes had been found on it, from the bottom up."""
    discs = [Disc((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, 0.9, 0.9) for x0, y0, x1, y1 in boxes]
    part = upright(as_image(SLICE.pixels))
    located = Located(part, discs, [], np.zeros((len(discs), 8, 8), np.float32)) if discs else None
    return SliceRow(SLICE, None, refusal, 1.0, "t2", located, 0.9)


def test_the_true_boxes_are_found_and_numbered():
    figures = realism.finding([row_of(list(SLICE.boxes.values()))])
    assert figures["found"][0] == figures["found_and_numbered"][0] == 1
    assert (figures["discs"], figures["found_where_no_disc_is"], figures["refused"]) == (len(SLICE.boxes), 0, 0)


def test_a_missed_lowest_disc_costs_every_number_but_one_disc_only():
    figures = realism.finding([row_of(list(SLICE.boxes.values())[1:])])
    assert figures["found"][0] == pytest.approx(1 - 1 / len(SLICE.boxes))
    assert figures["found_and_numbered"][0] == 0


def test_a_box_elsewhere_is_no_disc_and_a_refused_slice_has_nothing_found():
    boxes = list(SLICE.boxes.values())
    figures = realism.finding([row_of([*boxes, (0.0, 0.0, 9.0, 5.0)], "not-an-upright-lumbar-slice")])
    assert (figures["found_where_no_disc_is"], figures["refused"]) == (1, 1)
    assert figures["found"][0] == figures["found_and_numbered"][0] == 0
    assert figures["found_refused_or_not"][0] == figures["found_and_numbered_by_centre_refused_or_not"][0] == 1


def test_nothing_found_is_counted_as_missed():
    figures = realism.finding([row_of([]), row_of(list(SLICE.boxes.values()))])
    assert figures["found"][0] == pytest.approx(0.5)


def test_a_subject_does_not_depend_on_how_many_there_are_nor_a_role_on_another():
    few, more = (drawn.Drawn(5, "val", count).slices() for count in (1, 2))
    assert [s.image_id for s in few] == [s.image_id for s in more[: len(few)]]
    assert {s.sequence for s in few} == {"t1", "t2", "t2_space"}
    assert {s.sequence for s in more[len(few) :]} == {"t1", "t2"}
    other = drawn.Drawn(5, "test", 1).slices()[0]
    assert other.image_id not in {s.image_id for s in more}
    assert all(s.boxes.keys() == s.grades.keys() and s.num_discs == len(s.grades) for s in more)


def test_discs_of_built_voxels_lie_where_their_boxes_are(monkeypatch):
    monkeypatch.setattr(drawn, "NEAR", Detail(fine_mm=1.2, trunk_mm=4.0, half_width_mm=24.0))
    slices = drawn.Drawn(5, "val", 1, source="volume").slices()
    assert [s.sequence for s in slices] == ["t1", "t2", "t2_space"]
    t1, t2 = slices[:2]
    assert t1.boxes == t2.boxes
    assert t1.grades == t2.grades
    centres = np.array([((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in t1.boxes.values()])
    assert len(centres) >= 5

    def brightness(points: np.ndarray) -> np.ndarray:
        return np.array([t1.pixels[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean() for x, y in points])

    assert np.median(brightness(centres)) < 0.85 * np.median(brightness((centres[1:] + centres[:-1]) / 2))


def test_slices_of_an_unknown_painter_are_not_drawn():
    with pytest.raises(NotFoundError, match="Did you mean 'midline'"):
        drawn.Drawn(5, "val", 1, source="midlane").slices()
    with pytest.raises(InputError, match="no MR"):
        drawn.of_cohort("xray_grade_eval")


def test_the_cohorts_for_realism_share_no_subject_and_spell_out_how_they_are_scanned():
    tuning, test = drawn.of_cohort("mri_realism_tuning"), drawn.of_cohort("mri_realism_test")
    assert (tuning.seed, tuning.role) != (test.seed, test.role)
    assert (tuning.role, test.role, test.source) == ("val", "test", "volume")
    assert tuning.style.thickness_mm == (3.0, 3.5, 4.0, 4.0)
    assert drawn.of_cohort("mri_realism_test", 3).subjects == 3
    hash((tuning, test))


def test_disjoint_folds_share_no_network_and_each_is_blind_to_its_folds(tiny: Tiny):
    bundle = tiny.bundle
    first, second = realism.of_folds(bundle, [0, 1]), realism.of_folds(bundle, [1, 2])
    names = [{name for kind in ("gate", "locator", "grader") for name in part.settings[kind]["members"]} for part in (first, second)]
    assert names[0] == {"gate-0", "gate-1", "locator-0", "locator-1", "grader-01"}
    assert names[0] & names[1] == {"gate-1", "locator-1"}
    assert all(set(bundle.networks[name].unseen_folds) <= {0, 1} for name in names[0])
    assert bundle.settings["grader"]["members"] == ["grader-01", "grader-02", "grader-12"]
    with pytest.raises(InputError, match="no grader is left"):
        realism.of_folds(bundle, [2])


def test_realism_is_measured_with_the_networks_named_and_kept_beside_other_figures(tiny: Tiny, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(measure, "DRAWS", 10)
    figures = verbs.measure_realism(
        str(tiny.run / "bundle"), "mri_realism_tuning", [0, 1], "auto", "f32", lambda *_: None, source="midline", subjects=2
    )
    assert (figures["subjects"], figures["slices"], figures["folds"]) == (2, 5, [0, 1])
    assert (figures["cohort"], figures["source"]) == ("mri_realism_tuning", "midline")
    assert figures["networks"]["grader"] == ["grader-01"]
    assert figures["bundle"]["sha256"] == tiny.bundle.sha256
    file = tmp_path / "figures.json"
    verbs.keep_figures(file, "tuning", figures)
    verbs.keep_figures(file, "test", {"a": 1})
    assert set(json.loads(file.read_text())) == {"tuning", "test"}
    file.write_text("[]")
    with pytest.raises(InputError, match="no JSON object"):
        verbs.keep_figures(file, "test", {})


def test_patients_are_measured_as_they_are_for_any_bundle(tiny: Tiny, monkeypatch):
    monkeypatch.setattr(measure, "DRAWS", 20)
    figures = verbs.measure_on_patients(str(tiny.run / "bundle"), tiny.data, "spider_pack", "auto", "auto", lambda *_: None)
    assert figures["locating"] == tiny.bundle.metrics["locating"]
    assert figures["grading"] == json.loads(json.dumps(tiny.bundle.metrics["grading"]))
    assert (figures["patients"], figures["trained_on"]) == (9, "digital spine")
    assert figures["gate_left_open"]["locating"]["all"]["counted_series"] == figures["locating"]["all"]["counted_series"]
    assert realism.open_gate(tiny.bundle).settings["gate"]["least_upright"] == 0
    assert tiny.bundle.settings["gate"]["least_upright"] > 0


def test_a_slice_cut_above_its_lowest_disc_teaches_every_disc_its_own_grade():
    whole = drawn.Drawn(5, "val", 1).slices()[1]
    cut = replace(whole, boxes={k: b for k, b in whole.boxes.items() if k > 1}, grades={k: g for k, g in whole.grades.items() if k > 1})
    recipe = read_recipe(Recipe, ROOT / "recipes" / "mri-discs-phantom.toml")
    cohort = Cohort((cut,), (cut.pixels,), {cut.patient: 0})
    assert not stages._target(cohort, 0).bottom
    found = [[Disc((b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1], 1.0, 1.0) for b in cut.boxes.values()]]
    table = stages.examples(recipe, cohort, found)
    assert {e.from_bottom: e.labels.tolist() for e in table} == {k: label_row(g).tolist() for k, g in cut.grades.items()}
    ordinary = Cohort((whole,), (whole.pixels,), {whole.patient: 0})
    before = stages.examples(recipe, ordinary, [[Disc(0.0, 0.0, 1.0, 1.0, 1.0, 1.0)]])
    assert {e.from_bottom for e in before} == set(whole.grades)


def test_a_grader_begins_with_the_weights_it_is_given():
    patch = np.random.default_rng(0).random((32, 40), dtype=np.float32).astype(np.float16)
    table = [Example(str(i), 1, np.array([i % 5, *[i % 2] * 7]), (patch,)) for i in range(4)]
    plan = GraderPlan(shape=(24, 32), epochs=1, batch=2, widths=(4, 8, 16))
    taught = fit_grader(table, plan, np.random.default_rng(0))
    again = fit_grader(table, replace(plan, epochs=0), np.random.default_rng(0), taught.state_dict())
    x = torch.rand(2, 2, 24, 32)
    with torch.no_grad():
        assert torch.equal(taught.eval()(x)[0], again.eval()(x)[0])


def rows_of(said: list[int]) -> list[dict[str, object]]:
    """Grades said of two discs of each patient whose truth is 0, 1, 2, ..., 0, 1, ..."""
    return [{"patient": str(i // 2), "disc": i % 2 + 1, "truth": i % 5, "said": grade} for i, grade in enumerate(said)]


def test_the_arms_are_compared_disc_by_disc(monkeypatch):
    monkeypatch.setattr(pretraining, "DRAWS", 50)
    truth = [i % 5 for i in range(40)]
    worse = [min(grade + i % 2, 4) for i, grade in enumerate(truth)]
    same = pretraining.figures(rows_of(worse), rows_of(worse))
    assert same["quadratic_kappa"]["difference"] == [0, 0, 0]
    better = pretraining.figures(rows_of(worse), rows_of(truth))["quadratic_kappa"]
    turned = pretraining.figures(rows_of(truth), rows_of(worse))["quadratic_kappa"]
    assert better["digital spine first"][0] == 1
    assert better["difference"][1] > 0
    assert better["difference"][0] == pytest.approx(-turned["difference"][0])
    with pytest.raises(ValueError, match="same discs"):
        pretraining.figures(rows_of(truth), rows_of(truth[:-1]))


def test_pre_training_is_compared_out_of_fold_and_goes_on_where_it_stopped(tiny: Tiny, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pretraining, "DRAWS", 10)
    boxes = {s.stem: [Disc((b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1], 1.0, 1.0) for b in s.boxes.values()]
             for s in tiny.cohort.slices}  # fmt: skip
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text((tiny.run / "config.json").read_text())
    with pytest.raises(InputError, match=r"found\.json"):
        verbs.compare_pretraining(run, tiny.run, tiny.data, tmp_path / "kept", None, lambda *_: None)
    (run / "found.json").write_text(json.dumps([[asdict(d) for d in boxes[s.stem]] for s in tiny.cohort.slices]))
    figures = verbs.compare_pretraining(run, tiny.run, tiny.data, tmp_path / "kept", None, lambda *_: None)
    t2 = [s for s in tiny.cohort.slices if s.sequence == "t2"]
    assert (figures["patients"], figures["discs"]) == (len(t2), sum(len(s.grades) for s in t2))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    assert len(kept) == 6
    assert verbs.compare_pretraining(run, tiny.run, tiny.data, tmp_path / "kept", None, lambda *_: None) == figures
    assert kept == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}


def test_graders_of_another_shape_are_no_beginning(tiny: Tiny, tmp_path: Path):
    config = json.loads((tiny.run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "grader_width": 9}))
    with pytest.raises(InputError, match="different shapes"):
        verbs.compare_pretraining(tiny.run, tmp_path, tiny.data, tmp_path / "kept", None, lambda *_: None)


def test_the_recipe_for_phantoms_alone_says_so():
    recipe = read_recipe(Recipe, ROOT / "recipes" / "mri-discs-phantom.toml")
    assert recipe.evidence == "in-silico"
    assert "no patients" in recipe.trained_on
    patients = read_recipe(Recipe, ROOT / "recipes" / "mri-discs.toml")
    shapes = ("grader_width", "crop_rows", "crop_columns", "crop_height_units", "crop_back_shift")
    assert [getattr(recipe, key) for key in shapes] == [getattr(patients, key) for key in shapes]
