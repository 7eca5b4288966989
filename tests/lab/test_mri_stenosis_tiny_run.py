"""From a cohort of a few coarse studies to a bundle, its figures and a submission: every step, nothing learnt."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from spondyl.core import InputError
from spondyl.datasets import miniatures
from spondyl.datasets.making import Scale
from spondyl.inference import read_bundle
from spondyl.lab import verbs
from spondyl.lab.mri_stenosis import card
from spondyl.lab.mri_stenosis.batches import axial_marks, drawn, joined, plain, sagittal_marks
from spondyl.lab.mri_stenosis.calibrate import fit_offsets
from spondyl.lab.mri_stenosis.cases import load, target_column, target_name
from spondyl.lab.mri_stenosis.splitting import is_validation, kept, split
from spondyl.tasks.mri_stenosis.crops import CropPlan

RECIPE = Path(__file__).parents[2] / "recipes" / "mri-stenosis.toml"
STUDIES = 7
SCALE = Scale(fine_mm=1.4, trunk_mm=4.5, slices=9, matrix_mm=1.0)
QUICK = ("epochs=1", "batch=2", "members=1", "width=8", "features=16", "token=16", "jobs=1", "val_share=0.4", "gates=1", "locators=1")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studies") / "rsna"
    order = miniatures.order_of("rsna2024", 3, role="train", labels="read", scale=SCALE)
    miniatures.make_as(order, root, STUDIES)
    return root


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verbs.train(RECIPE, cohort, QUICK, tmp_path_factory.mktemp("runs"), None, lambda *_: None)


def test_a_run_ends_in_a_bundle_with_its_card(run: Path):
    bundle = read_bundle(run / "bundle")
    assert (bundle.task, bundle.note.evidence) == ("mri-stenosis", "in-silico")
    assert "digital spine" in bundle.card
    assert set(bundle.settings["answers"]) == {"all", "no_t1", "no_t2", "no_axial", "t1_only", "t2_only"}
    assert len(bundle.training_images) == len(kept(run / "cases"))


def test_a_finished_run_goes_on_at_once_and_not_with_another_recipe(run: Path, cohort: Path):
    before = (run / "member-0.pt").stat().st_mtime_ns
    verbs.train(RECIPE, cohort, QUICK, run.parent, run, lambda *_: None)
    assert (run / "member-0.pt").stat().st_mtime_ns == before
    with pytest.raises(InputError) as refused:
        verbs.train(RECIPE, cohort, [*QUICK, "lr=0.5"], run.parent, run, lambda *_: None)
    assert refused.value.code == "run-recipe-differs"


def test_the_bundle_is_measured_and_fills_a_submission(run: Path, cohort: Path, tmp_path: Path):
    file = tmp_path / "submission.csv"
    metrics = verbs.evaluate(str(run / "bundle"), cohort, "", None, "auto", "f32", lambda *_: None, "train", 1, file)
    test = json.loads(json.dumps(metrics, allow_nan=False))["test"]
    assert test["studies"] == STUDIES
    assert test["training_images_met"] == len(kept(run / "cases"))
    assert set(test["missing"]) == {"no_t1", "no_t2", "no_axial"}
    assert test["score"]["parts"]["perfect_reader"]["total"] < test["score"]["parts"]["uniform"]["total"]
    assert "official score" in card.tables(metrics)
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    wanted = {row["row_id"] for row in csv.DictReader((cohort / "sample_submission.csv").read_text("utf-8").splitlines())}
    assert {row["row_id"] for row in rows} == wanted
    assert len(rows) == 25 * STUDIES
    for row in rows:
        chances = [float(row[name]) for name in ("normal_mild", "moderate", "severe")]
        assert min(chances) >= 0
        assert sum(chances) == pytest.approx(1, abs=1e-4)
    out = tmp_path / "out"
    (tmp_path / "figures.json").write_text(json.dumps(metrics))
    assert "official score" in verbs.export(run, out, tmp_path / "figures.json").card


def test_a_submission_of_another_task_is_refused(cohort: Path, tmp_path: Path):
    with pytest.raises(InputError) as refused:
        verbs.evaluate("mri-discs", cohort, "", None, "auto", "f32", lambda *_: None, "test", 1, tmp_path / "s.csv")
    assert refused.value.code == "submission-not-of-stenosis"


def test_a_split_that_is_not_there_is_refused(run: Path, cohort: Path):
    with pytest.raises(InputError) as refused:
        verbs.evaluate(str(run / "bundle"), cohort, "", None, "auto", "f32", lambda *_: None, "test", 1)
    assert refused.value.code == "split-empty"


def test_marks_lie_where_the_crops_show_them(run: Path):
    """A mark's density has its middle at the mark, also in crops that were shifted."""
    plan = CropPlan()
    points = np.full((1, 5, 3), np.nan, np.float32)
    points[0, 0], points[0, 3] = (1.0, 9.0, -3.0), (9.0, 4.0, -2.0)
    across, along = np.array([[-4.0, 0.0, 4.0, 0.0]], np.float32) / 10, np.array([[-6.0, -2.0, 2.0, 0.0]], np.float32) / 10
    seen = np.array([[1, 1, 1, 0]], np.float32)
    for shift in ((0, 0), (4, -3)):
        shifts = np.array([[shift, shift]])
        density = sagittal_marks(points, across, seen, shifts[:, 0], plan)[0, 0]
        slot, row, column = np.unravel_index(int(density.argmax()), density.shape)
        assert slot == 1
        x, y = (4 * (column + 0.5) - 32 + shift[0]) * plan.sagittal_mm, (4 * (row + 0.5) - 32 + shift[1]) * plan.sagittal_mm
        assert abs(plan.sagittal_middle_mm[0] + x - 9) < 1.3
        assert abs(plan.sagittal_middle_mm[1] - y + 3) < 1.3
        left = axial_marks(points, along, seen, shifts, plan)[0, 2]
        slot, row, column = np.unravel_index(int(left.argmax()), left.shape)
        assert slot == 1
        assert abs(plan.axial_middle_mm[0] + (4 * (column + 0.5) - 32 + shift[0]) * plan.axial_mm - 9) < 1.2
        assert abs(plan.axial_middle_mm[1] + (4 * (row + 0.5) - 32 + shift[1]) * plan.axial_mm - 4) < 1.2
    assert not sagittal_marks(points, across, seen, np.zeros((1, 2), int), plan)[0, 1].any()


def test_batches_hide_series_and_never_the_last_sagittal_one(run: Path):
    levels = joined(load(kept(run / "cases")), "chances")
    batch = drawn(levels, np.arange(len(levels)), CropPlan(), 4, 1.0, np.random.default_rng(0))
    seen, axial_seen = batch.inputs[2], batch.inputs[5]
    assert not axial_seen.any()
    assert not batch.inputs[3].any()
    assert (seen.amax(dim=1).sum(dim=1) == 1).all()
    assert batch.targets.sum(dim=2).allclose(batch.targets.new_ones(()))
    inner = plain(levels, np.arange(2), CropPlan(), 4)
    assert inner[0].shape[-2:] == (64, 64)


def test_offsets_and_temperature_find_the_chances_that_labels_were_drawn_from():
    rng = np.random.default_rng(1)
    true = rng.dirichlet([2, 1, 1], 6000)
    labels = (true.cumsum(axis=1) < rng.random((6000, 1))).sum(axis=1)
    fitted = fit_offsets(2.0 * (np.log(true) - [0.0, 0.4, -0.3]), labels)
    assert fitted["temperature"] == pytest.approx(2, rel=0.08)
    assert fitted["offsets"] == pytest.approx([0, 0.8, -0.6], abs=0.15)


def test_columns_and_names_of_targets_agree_with_the_table():
    assert target_name(1, 0) == "spinal_canal_stenosis_l5_s1"
    assert target_name(2, 4) == "right_subarticular_stenosis_l4_l5"
    assert sorted(target_column(number, index) for number in range(1, 6) for index in range(5)) == list(range(25))


def test_a_study_keeps_its_part_whatever_else_is_there():
    names = [Path(f"{k}.npz") for k in range(400)]
    taught, held = split(names, 0.3, 1)
    assert 80 < len(held) < 160
    assert split(names[::3], 0.3, 1)[1] == [name for name in names[::3] if name in held]
    assert all(is_validation(name.stem, 0.3, 1) for name in held)
    assert not set(taught) & set(held)
