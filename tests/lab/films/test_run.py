"""One way through the film laboratory: folder, check, networks, bundle, figures, page; stopped and taken up again; served."""

from __future__ import annotations

import json
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from conftest import ROOT
from dicom.dicom_files import plasma
from lab.films.film_folders import write_dicom, write_table
from spondyl.apps import console
from spondyl.apps.lab_cli import app
from spondyl.core import InputError
from spondyl.datasets.pictures import write_grey
from spondyl.inference import Bundle, open_engine, read_bundle
from spondyl.lab import verbs
from spondyl.lab.films import run as running
from spondyl.lab.films import scoring
from spondyl.lab.films.asking import ask, asker, open_film
from spondyl.lab.films.recipe import LAYOUTS, FilmRecipe, member_names
from spondyl.lab.films.sets import film_set
from spondyl.lab.recipe import read_recipe
from spondyl.models import film_nets
from spondyl.models.detectors import registry
from spondyl.tasks.films.gate import admit
from spondyl.tasks.films.members import Frames
from spondyl.tasks.films.votes import calibrated, grades_of, views_of

SMALL = (
    "rows=96", "columns=64", "members=['mobilenetv4_conv_small_050']", "student=mobilenetv4_conv_small_050", "stride=16", "piece_rows=0",
    "epochs=1", "student_epochs=1", "batch=8", "precision='32'", "jobs=1", "detector_epochs=1", "detector_rows=96", "detector_columns=64",
    "detector_start=''", "student_start=''",
    "gate_size=32", "gate_steps=2", "gate_each=1", "gate_least=0.0", "val_share=0.4", "place_weight=0.5",
)  # fmt: skip
LESIONS = ("Osteophytes", "No finding", "Disc space narrowing", "No finding")
GATES: list[Path] = []
"""Gates that were trained: both tasks ask for the same."""
FILMS = {"xray-lesions": "xray-lesions.toml", "xray-grade": "xray-grade.toml"}


@dataclass(frozen=True)
class Tiny:
    """A finished run."""

    task: str
    recipe_file: Path
    sets: tuple[str, ...]
    data: Path
    run: Path
    steps: tuple[tuple[str, int, int], ...]

    @property
    def bundle(self) -> Bundle:
        return read_bundle(self.run / "bundle")

    @property
    def metrics(self) -> dict:
        return json.loads((self.run / "metrics.json").read_text())


def write_lesions(root: Path) -> None:
    """Ten studies of train and four of test, two films each, as DICOM; bright squares are osteophytes."""
    for split, studies, first in (("train", 10, 0), ("test", 4, 50)):
        rows: list[list[object]] = []
        for study in range(first, first + studies):
            for part in range(2):
                number, lesion = 2 * study + part, LESIONS[study % len(LESIONS)]
                stored = plasma(150, 110, seed=number)
                write_dicom(root / f"{split}_images" / f"{number:032x}.dicom", stored)
                box: list[object] = ["", "", "", ""] if lesion == "No finding" else [30, 40, 60, 80]
                rows.append([f"study{study}", f"series{number}", f"{number:032x}", "rad1", lesion, *box])
        write_table(root, rows, split)


def write_films(root: Path) -> None:
    """Two patients of each grade in train and one in val and test, frontal and lateral, as PNG."""
    lines, number = ["file,patient_id,study_id,view"], 0
    for split, patients in (("train", 2), ("val", 1), ("test", 1)):
        for grade in range(5):
            folder = root / split / f"grade_{grade}"
            folder.mkdir(parents=True)
            for _ in range(patients):
                for view in ("AP", "lateral"):
                    name = f"f{number}_{view}.png"
                    write_grey(folder / name, plasma(140, 110, 8, seed=1000 + 2 * number + (view == "AP")).astype(np.uint8))
                    lines.append(f"{split}/grade_{grade}/{name},p{number},s{number},{view}")
                number += 1
    (root / "patients.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module", params=sorted(FILMS))
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Trained, packed and measured as `spondyl train` does it."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp(request.param)
    (write_lesions if request.param == "xray-lesions" else write_films)(root / "data")
    recipe = ROOT / "recipes" / FILMS[request.param]
    steps: list[tuple[str, int, int]] = []
    made = root / "runs" / "made"
    if GATES:
        shutil.copytree(GATES[0], made / "gate")  # the same plan: it is kept
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "DRAWS", 20)
        patch.setattr(scoring, "BAND_DRAWS", 10)
        run = verbs.train(recipe, root / "data", SMALL, root / "runs", made, lambda *step: steps.append(step))
    GATES.append(run / "gate")
    return Tiny(request.param, recipe, SMALL, root / "data", run, tuple(steps))


def test_a_run_ends_in_a_bundle_a_card_and_a_page(tiny: Tiny):
    bundle = tiny.bundle
    wanted = {"mobilenetv4_conv_small_050", "student", "gate"} | ({"detector"} if tiny.task == "xray-lesions" else set())
    assert set(bundle.networks) == wanted
    assert (bundle.task, bundle.note.evidence) == (tiny.task, "real")
    assert "Research software. Not a diagnosis." in bundle.card
    assert (tiny.run / "index.html").stat().st_size > 5_000
    assert json.loads((tiny.run / "config.json").read_text())["task"] == tiny.task
    for name in ("splits.json", "check/data_check.json", "predictions/val.npz"):
        assert (tiny.run / name).is_file(), name


def test_a_film_that_the_gate_of_a_packed_bundle_is_unsure_of_calls_for_a_person(tiny: Tiny):
    gate = tiny.bundle.settings["gate"]
    assert (gate["sure"], gate["sure_view"]) == (0.9, 0.9)
    films = film_set(tiny.task, tiny.data, "", 0.0, 0)
    image = open_film(films.films[films.of("test")[0]])
    (film,) = admit([image], open_engine(tiny.bundle, "onnxruntime", "f32"), Frames()).films
    assert film.doubtful, "a gate of two steps lets everything in here, and is sure of nothing"


def test_the_student_grades_studies_with_the_weights_of_views_that_its_sets_were_fitted_with(tiny: Tiny):
    if tiny.task == "xray-grade":
        own = tiny.bundle.settings["student"]
        assert set(own["views"]) == {"frontal", "lateral"}
        assert views_of({**tiny.bundle.settings, "reader": "student"}) == own["views"]


def test_the_figures_are_of_the_test_split_and_all_of_it(tiny: Tiny):
    test = tiny.metrics["test"]
    films = film_set(tiny.task, tiny.data, "", 0.0, 0)
    assert test["films"] == len(films.of("test"))
    assert test["training_images_met"] == 0
    assert test["refused"] == 0
    assert np.sum(test["confusion"]) == (test["films"] if tiny.task == "xray-lesions" else test["studies"])
    names = {"xray-lesions": ("auroc", "f1", "sensitivity", "specificity", "brier", "ece_above_floor", "set_coverage", "map50"),
             "xray-grade": ("balanced_accuracy", "quadratic_kappa", "mean_absolute_error", "accuracy_film", "ece", "set_coverage")}
    assert set(names[tiny.task]) <= set(test["scores"])
    json.dumps(tiny.metrics, allow_nan=False)


def test_a_bundle_names_no_film_of_its_data(tiny: Tiny):
    text = (tiny.run / "bundle" / "bundle.json").read_text() + tiny.bundle.card
    films = film_set(tiny.task, tiny.data, "", 0.0, 0)
    assert not any(film.name in text or film.group in text.split('"') for film in films.films)
    assert str(tiny.run) not in text


def test_what_it_learned_from_is_listed_by_content(tiny: Tiny):
    films = film_set(tiny.task, tiny.data, "", 0.0, 0)
    seen = len(films.of("train")) + len(films.of("val"))
    assert len(tiny.bundle.training_images) == seen
    again = verbs.evaluate(str(tiny.run / "bundle"), tiny.data, "", None, "auto", "auto", lambda *_: None, "train")
    assert again["test"]["training_images_met"] == again["test"]["films"]
    assert "were in the training" in verbs.warning(again)


def test_progress_reaches_the_end_of_every_stage(tiny: Tiny):
    last = {what: (done, of) for what, done, of in tiny.steps}
    assert {"Exporting networks", "Asking the networks", "Asking the served task"} <= set(last)
    assert all(done == of for done, of in last.values())


def test_a_finished_run_is_not_trained_again(tiny: Tiny):
    def seen() -> dict[Path, int]:
        kept = [path for path in tiny.run.rglob("*") if path.suffix in (".pt", ".onnx", ".npz", ".npy")]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = seen()
    assert verbs.train(tiny.recipe_file, tiny.data, tiny.sets, tiny.run.parent, tiny.run, lambda *_: None) == tiny.run
    assert seen() == before


def test_a_run_does_not_go_on_with_another_recipe_but_may_with_other_processes(tiny: Tiny, tmp_path: Path):
    shutil.copy(tiny.run / "config.json", tmp_path / "config.json")
    recipe = read_recipe(FilmRecipe, tiny.recipe_file, tiny.sets)
    running._check_config(recipe, tmp_path / "config.json")
    with pytest.raises(InputError, match="epochs") as seen:
        verbs.train(tiny.recipe_file, tiny.data, (*tiny.sets, "epochs=2"), tmp_path, tmp_path, lambda *_: None)
    assert seen.value.code == "run-recipe-differs"
    running._check_config(read_recipe(FilmRecipe, tiny.recipe_file, (*tiny.sets, "jobs=3")), tmp_path / "config.json")


def test_serving_says_what_validation_promised(tiny: Tiny):
    """The served task on validation films gives the probabilities that weights and threshold were chosen with."""
    films = film_set(tiny.task, tiny.data, "", 0.0, 0)
    kept = json.loads((tiny.run / "splits.json").read_text())["films"]
    val = [film for film in films.films if kept[film.name] == "val"]
    saved = np.load(tiny.run / "predictions" / "val.npz")
    logits = dict(zip(saved["names"].tolist(), saved["logits_mobilenetv4_conv_small_050"], strict=True))
    with asker(tiny.bundle, precision="f32") as who:
        answers = ask(who, val)
    own = tiny.bundle.settings["members"]["mobilenetv4_conv_small_050"]
    for row in answers.films:
        expected = grades_of(calibrated(logits[row.name][None], own))[0]
        assert row.members is not None
        assert row.members["mobilenetv4_conv_small_050"] == pytest.approx(expected, abs=1e-3)
        assert row.student is not None


def test_figures_measured_elsewhere_go_onto_the_card(tiny: Tiny, tmp_path: Path):
    figures = verbs.evaluate(str(tiny.run / "bundle"), tiny.data, "", None, "auto", "auto", lambda *_: None, "test")
    assert figures["test"]["scores"] == tiny.metrics["test"]["scores"] or scoring.DRAWS != 20
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(figures))
    made = verbs.export(tiny.run, tmp_path / "mine", file)
    assert made.metrics["test"]["films"] == figures["test"]["films"]
    assert {name: row.file for name, row in made.networks.items()} == {name: row.file for name, row in tiny.bundle.networks.items()}
    assert verbs.tables(figures)
    file.write_text(json.dumps({**figures, "bundle": {"sha256": "0" * 64}}))
    with pytest.raises(InputError) as caught:
        verbs.export(tiny.run, tmp_path / "other", file)
    assert caught.value.code == "figures-of-another-bundle"


@pytest.mark.parametrize(("split", "code"), [("tset", "split-unknown")])
def test_a_split_that_is_not_there_is_named(tiny: Tiny, split: str, code: str):
    with pytest.raises(InputError) as caught:
        verbs.evaluate(str(tiny.run / "bundle"), tiny.data, "", None, "auto", "auto", lambda *_: None, split)
    assert caught.value.code == code
    assert "test" in caught.value.hint


def test_the_command_line_measures_draws_a_curve_and_exports(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scoring, "DRAWS", 20)
    runner, figures = CliRunner(), tmp_path / "figures.json"
    said = runner.invoke(app, ["evaluate", str(tiny.run / "bundle"), "--data", str(tiny.data), "--out", str(figures)])
    assert said.exit_code == 0, said.output
    assert "| test split |" in said.stdout
    words = ["curve", str(tiny.recipe_file), "--data", str(tiny.data), "--subjects", "2", "--subjects", "4", "--out", str(figures)]
    said = runner.invoke(app, [*words, "--keep", str(tmp_path / "keep"), *tiny.sets])
    assert said.exit_code == 0, said.output
    assert [row["subjects"] for row in json.loads(figures.read_text())["curve"]] == [2, 4]
    said = runner.invoke(app, ["export", str(tiny.run), "--out", str(tmp_path / "mine"), "--figures", str(figures)])
    assert said.exit_code == 0, said.output
    assert "learning curve" in read_bundle(tmp_path / "mine").card


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    @contextmanager
    def impatient(*_: object):
        def step(what: str, done: int, total: int) -> None:
            if "Drawing" in what or "Training" in what:
                raise KeyboardInterrupt

        yield step

    write_films(tmp_path / "data")
    monkeypatch.setattr(console, "progress_bar", impatient)
    recipe = str(ROOT / "recipes" / "xray-grade.toml")
    said = CliRunner().invoke(app, ["train", recipe, "--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs"), *SMALL])
    assert said.exit_code != 0
    again = shlex.split(said.stderr.strip().splitlines()[-1].partition("Go on with: ")[2])
    assert again[:3] == ["spondyl", "train", recipe]
    run = Path(again[again.index("--resume") + 1])
    assert (run / "splits.json").is_file()
    assert not (run / "bundle").exists()
    assert set(SMALL) <= set(again)


@pytest.mark.parametrize("file", sorted(file for name in LAYOUTS for file in (ROOT / "recipes").glob(f"{name}*.toml")),
                         ids=lambda file: file.stem)
def test_every_released_recipe_names_networks_that_exist(file: Path):
    recipe = read_recipe(FilmRecipe, file)
    assert verbs.task_of(file) == recipe.task
    assert {*recipe.members, recipe.student} - {""} <= set(film_nets.names())
    if recipe.detector:
        registry.listed(recipe.detector)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("task=xray-lesion", "trains xray-lesions or xray-grade, not 'xray-lesion'"), ("layout=grades", "is trained on"),
        ("scale=huge", "scale is one of cpu, gpu"), ("reader=nobody", "reader is one of"), ("members=[]", "at least one network"),
        ("val_share=0.9", "between 0 and 0.5"), ("weights=[1]", "one number of 0 or more for each of"), ("threshold=1.5", "0 and 1"),
        ("gate_sure=2", "gate_sure and gate_sure_view"), ("epochs=0", "epochs are 1 or more"),
        ("jobs=0", "1 or more"), ("rows=8", "32 pixels"), ("epoch=3", "Did you mean 'epochs'"),
    ],
)  # fmt: skip
def test_a_wrong_value_of_a_recipe_is_named(override: str, said: str):
    with pytest.raises(InputError, match=said) as caught:
        read_recipe(FilmRecipe, ROOT / "recipes" / "xray-lesions.toml", [override])
    assert caught.value.code in ("recipe-value", "recipe-key")


def test_a_grade_recipe_wants_no_detector_and_a_student_reader_a_student():
    with pytest.raises(InputError, match="xray-grade has none"):
        read_recipe(FilmRecipe, ROOT / "recipes" / "xray-grade.toml", ["detector=spondyl_small"])
    with pytest.raises(InputError, match="trains none"):
        read_recipe(FilmRecipe, ROOT / "recipes" / "xray-grade.toml", ["student=''", "reader=student"])


def test_given_weights_and_threshold_stay_as_they_are():
    own = read_recipe(FilmRecipe, ROOT / "recipes" / "xray-lesions-full.toml", ["weights=[0.42,0.26,0.32]", "threshold=0.449"])
    assert own.weights == (0.42, 0.26, 0.32)
    assert own.threshold == 0.449
    assert json.loads(json.dumps(asdict(own)))["weights"] == [0.42, 0.26, 0.32]


def test_members_of_one_kind_have_names_of_their_own():
    assert member_names(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]


