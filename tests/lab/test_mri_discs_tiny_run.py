"""One way through the laboratory: pack, train, resume, export, measure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.conftest import RECIPE, SMALL, Tiny
from spondyl.core import InputError, NotFoundError
from spondyl.inference import Engine
from spondyl.lab import verbs
from spondyl.lab.mri_discs import measure
from spondyl.lab.mri_discs.predict import all_members, members_for
from spondyl.tasks.mri_discs.answers import QUESTIONS, VIEWS

NETWORKS = {f"{kind}-{k}" for kind in ("gate", "locator") for k in range(3)} | {"grader-01", "grader-02", "grader-12"}


def test_a_run_ends_in_a_bundle_that_says_what_it_is(tiny: Tiny):
    bundle = tiny.bundle
    assert set(bundle.networks) == NETWORKS
    assert (bundle.task, bundle.note.evidence, bundle.note.trained_on) == ("mri-discs", "in-silico", "digital spine")
    assert "in-silico" in bundle.card
    assert "Research software. Not a diagnosis." in bundle.card
    assert set(bundle.settings["views"]) == set(VIEWS)
    assert set(bundle.settings["out_of_fold"]) == {"0", "1", "2"}
    assert json.loads((tiny.run / "config.json").read_text())["folds"] == 3


def test_every_training_image_is_listed_with_its_patient_s_fold(tiny: Tiny):
    cohort = tiny.cohort
    assert tiny.bundle.training_images == {s.image_id: cohort.folds[s.patient] for s in cohort.slices}
    assert len(tiny.bundle.training_images) == 18


def test_progress_is_announced_up_to_the_end_of_every_stage(tiny: Tiny):
    last = {what: (done, of) for what, done, of in tiny.steps}
    assert {"Training the locators", "Training the graders", "Training the gates", "Exporting networks"} <= set(last)
    assert all(done == of for done, of in last.values())


def test_a_finished_run_is_not_trained_again(tiny: Tiny):
    def seen() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in tiny.run.rglob("*") if path.is_file() and path.name != "config.json"}

    before = seen()
    steps: list[tuple[str, int, int]] = []
    assert verbs.train(RECIPE, tiny.data, SMALL, tiny.runs, tiny.run, lambda *step: steps.append(step)) == tiny.run
    assert seen() == before
    assert {"Training the locators", "Training the graders", "Training the gates"} == {what for what, _, _ in steps}


def test_a_run_that_was_stopped_trains_only_what_is_missing(tiny: Tiny, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(tiny.run, run, ignore=shutil.ignore_patterns("grader-02.pt"))
    kept = {path.name: path.stat().st_mtime_ns for path in run.glob("*.pt")}
    verbs.train_mri_discs(tiny.recipe, tiny.data, run)
    assert {path.name: path.stat().st_mtime_ns for path in run.glob("*.pt")}.items() >= kept.items()
    assert (run / "grader-02.pt").is_file()
    assert not list(run.glob("*.part*"))


def test_a_run_does_not_go_on_with_another_recipe(tiny: Tiny, tmp_path: Path):
    (tmp_path / "config.json").write_text((tiny.run / "config.json").read_text())
    with pytest.raises(InputError, match="grader_epochs") as seen:
        verbs.train(RECIPE, tiny.data, [*SMALL, "grader_epochs=2"], tiny.runs, tmp_path, lambda *_: None)
    assert seen.value.code == "run-recipe-differs"


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_training_image_is_never_judged_by_a_network_that_saw_its_fold(engine: Engine, fold: int):
    members = members_for(engine, fold)
    assert members.gate == (f"gate-{fold}",)
    assert members.locator == (f"locator-{fold}",)
    assert set(members.grader) == {name for name in NETWORKS if name.startswith("grader") and str(fold) in name}
    names = (*members.gate, *members.locator, *members.grader)
    assert all(fold in engine.bundle.networks[name].unseen_folds for name in names)


def test_an_image_of_a_stranger_is_judged_by_all(engine: Engine):
    assert members_for(engine, None) == all_members(engine.bundle.settings)
    assert len(members_for(engine, None).grader) == 3


def test_the_figures_of_the_bundle_are_out_of_fold_and_fit_the_pack(tiny: Tiny):
    figures = tiny.bundle.metrics
    assert (figures["slices"], figures["patients"]) == (18, 9)
    assert (figures["training_images_met"], figures["patients_out_of_fold"]) == (18, 9)
    assert figures["locating"]["all"]["boxed_series"] == 18
    assert figures["parity"]["slices"] > 0
    assert figures["grading"]["t2, wet"]["discs"] > 0
    assert set(QUESTIONS) <= set(figures["grading"]["t2, wet"])


def test_the_evaluate_verb_measures_again_and_writes_tables(tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "DRAWS", 20)
    monkeypatch.setattr(verbs, "PHANTOMS", 2)
    monkeypatch.setattr(verbs, "DRAWINGS", 1)
    figures = verbs.evaluate(str(tiny.run / "bundle"), tiny.data, "spider_pack", None, "auto", "auto", lambda *_: None)
    assert figures["locating"] == tiny.bundle.metrics["locating"]
    assert figures["bundle"]["sha256"] == tiny.bundle.sha256
    json.dumps(figures, allow_nan=False)
    text = verbs.tables(figures)
    assert "| patients, out of fold |" in text
    assert "Pfirrmann" in text
    assert "nan" not in text


def test_the_export_verb_copies_a_whole_bundle_to_an_empty_folder_only(tiny: Tiny, tmp_path: Path):
    assert verbs.export(tiny.run, tmp_path / "mine").sha256 == tiny.bundle.sha256
    with pytest.raises(InputError) as caught:
        verbs.export(tiny.run, tmp_path / "mine")
    assert caught.value.code == "bundle-folder-not-empty"
    (tmp_path / "half").mkdir()
    with pytest.raises(InputError) as caught:
        verbs.export(tmp_path / "half", tmp_path / "other")
    assert caught.value.code == "run-not-finished"


def test_a_bundle_nobody_has_is_not_found():
    with pytest.raises(NotFoundError, match="Did you mean 'mri-discs'"):
        verbs.find_bundle("mri-disks")
