"""What is measured is what is served: scores of tiny bundles whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from films_bundle import film, grade_bundle, lesion_bundle
from spondyl.core import Image, InputError
from spondyl.datasets.pictures import write_grey
from spondyl.inference import Bundle
from spondyl.lab.films import scoring
from spondyl.lab.films.asking import ask, asker, open_film
from spondyl.lab.films.measure import figures_of, measure, priors
from spondyl.lab.films.records import FilmRecord, LabelledBox
from spondyl.metrics import auroc, balanced_accuracy, kappa

TRAIN = {"data": {"splits": {"train": {"targets_by_view": {"frontal": [30, 10], "lateral": [10, 30]}}}},
         "validation": {"best_member": "densenet121"}}


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "DRAWS", 30)
    monkeypatch.setattr(scoring, "BAND_DRAWS", 10)


def _record(root: Path, number: int, target: int, brightness: float, view: str = "frontal", pose: str = "film", study: str = "",
            boxes: Sequence[LabelledBox] = ()) -> FilmRecord:
    pixels = film(view, brightness, pose=pose, seed=number)
    path = root / f"film{number}.png"
    write_grey(path, np.round(pixels * 255).astype(np.uint8))
    name = study or f"study{number}"
    return FilmRecord(f"film{number}", path, "a film of the test", name, name, "test", view, target, tuple(boxes))


def _with(bundle: Bundle, **metrics: object) -> Bundle:
    return replace(bundle, manifest=replace(bundle.manifest, metrics=metrics))


@pytest.fixture
def lesion_films(tmp_path: Path) -> list[FilmRecord]:
    """Ten films, brighter is more abnormal, one of each kind on the wrong side; and one abnormal film upside down."""
    levels = [(0, 0.10), (0, 0.2), (0, 0.3), (0, 0.35), (0, 0.75), (1, 0.25), (1, 0.6), (1, 0.7), (1, 0.8), (1, 0.9)]
    rows = [_record(tmp_path, number, target, level) for number, (target, level) in enumerate(levels)]
    return [*rows, _record(tmp_path, 10, 1, 0.9, pose="upside_down")]


def test_lesion_scores_are_those_of_the_definition(tmp_path: Path, lesion_films: list[FilmRecord]):
    bundle = _with(lesion_bundle(tmp_path / "bundle"), **TRAIN)
    with asker(bundle, precision="f32") as who:
        answers = ask(who, lesion_films)
    body = figures_of(bundle, answers, lesion_films)
    truth = np.array([row.target for row in lesion_films])
    chances = np.array([0.5 if row.chances is None else row.chances[1] for row in answers.films])
    assert [row.refusal for row in answers.films] == [""] * 10 + ["film-upside-down"]
    assert body["scores"]["auroc"]["estimate"] == pytest.approx(auroc(truth, chances), abs=1e-6)
    threshold = bundle.settings["threshold"]
    said = chances >= threshold
    assert body["confusion"] == [[int(np.sum((truth == t) & (said == s))) for s in (0, 1)] for t in (0, 1)]
    assert body["scores"]["sensitivity"]["estimate"] == pytest.approx(np.mean(said[truth == 1]), abs=1e-6)
    assert body["scores"]["specificity"]["estimate"] == pytest.approx(np.mean(~said[truth == 0]), abs=1e-6)
    apart = body["paired"]["with_detector_minus_without"]  # this bundle's fusion is plain
    assert (apart["estimate"], apart["low"], apart["high"]) == (0.0, 0.0, 0.0)
    assert (body["refused"], body["refusals"], body["films"]) == (1, {"film-upside-down": 1}, 11)


def test_a_refused_film_is_scored_as_the_prior_not_left_out(tmp_path: Path, lesion_films: list[FilmRecord]):
    bundle = lesion_bundle(tmp_path / "bundle")
    rare = {"data": {"splits": {"train": {"targets_by_view": {"frontal": [99, 1]}}}}}
    common = {"data": {"splits": {"train": {"targets_by_view": {"frontal": [1, 99]}}}}}
    with asker(bundle, precision="f32") as who:
        answers = ask(who, lesion_films)
    seen = [figures_of(_with(bundle, **own), answers, lesion_films)["scores"]["sensitivity"]["estimate"] for own in (rare, common)]
    assert seen[1] - seen[0] == pytest.approx(1 / 6, abs=1e-5)


def test_boxes_are_scored_where_they_are(tmp_path: Path):
    """The detector always says the same boxes: the truth is put where its surest one is, and elsewhere."""
    bundle = _with(lesion_bundle(tmp_path / "bundle"), **TRAIN)
    first = _record(tmp_path, 1, 1, 0.9)
    with asker(bundle, precision="f32") as who:
        surest = max(ask(who, [first]).films[0].boxes, key=lambda box: box.probability)
        right = replace(first, boxes=(LabelledBox(0, surest.box),))
        wrong = replace(first, boxes=(LabelledBox(0, (0.0, 0.0, 10.0, 10.0)),))
        found = [figures_of(bundle, ask(who, [row]), [row])["classes"]["osteophytes"]["ap"] for row in (right, wrong)]
    assert found == [1.0, 0.0]


def test_boxes_that_are_hardly_likely_are_judged_though_they_are_not_shown(tmp_path: Path):
    plain = lesion_bundle(tmp_path / "plain")
    picky = _with(lesion_bundle(tmp_path / "picky", detector={**plain.settings["detector"], "likely": 0.95}), **TRAIN)
    first = _record(tmp_path, 1, 1, 0.9)
    with asker(picky, precision="f32") as who:
        assert not any(finding.box for finding in who.whole([open_film(first)]).result.findings)
        (row,) = ask(who, [first]).films
        surest = max(row.boxes, key=lambda box: box.probability)
        scores = figures_of(picky, ask(who, [first]), [replace(first, boxes=(LabelledBox(0, surest.box),))])["scores"]
    assert (scores["map50"]["estimate"], scores["map50_shown"]["estimate"]) == (1.0, 0.0)


@pytest.mark.parametrize("reader", ["ensemble", "student"])
def test_a_student_is_compared_with_the_ensemble_and_never_with_itself(tmp_path: Path, lesion_films: list[FilmRecord],
                                                                       grade_films: list[FilmRecord], reader: str):
    lesions, grade = lesion_bundle(tmp_path / "lesions", reader=reader), grade_bundle(tmp_path / "grade", reader=reader)
    for bundle, films in ((lesions, lesion_films), (grade, grade_films)):
        with asker(bundle, precision="f32") as who:
            paired = figures_of(bundle, ask(who, films), films)["paired"]
        assert ("student_minus_ensemble" in paired) == (reader == "ensemble"), bundle.task


@pytest.fixture
def grade_films(tmp_path: Path) -> list[FilmRecord]:
    """Five studies of two films, brighter is worse."""
    return [_record(tmp_path, 2 * study + part, study, 0.12 + 0.19 * study, view, study=f"s{study}")
            for study in range(5) for part, view in enumerate(("frontal", "lateral"))]


def test_grades_are_scored_study_by_study_and_film_by_film(tmp_path: Path, grade_films: list[FilmRecord]):
    bundle = _with(grade_bundle(tmp_path / "bundle"), validation={"best_member": "resnet50"})
    with asker(bundle, precision="f32") as who:
        answers = ask(who, grade_films)
    body = figures_of(bundle, answers, grade_films)
    assert (body["studies"], body["films"], body["refused"]) == (5, 10, 0)
    truth, said = [row.truth for row in answers.studies], [row.said for row in answers.studies]
    assert truth == [0, 1, 2, 3, 4]
    assert body["scores"]["balanced_accuracy"]["estimate"] == pytest.approx(balanced_accuracy(truth, said, 5), abs=1e-6)
    assert body["scores"]["quadratic_kappa"]["estimate"] == pytest.approx(kappa(truth, said, 5), abs=1e-6)
    by_film = ([row.truth for row in answers.films], [row.said for row in answers.films])
    assert body["scores"]["quadratic_kappa_film"]["estimate"] == pytest.approx(kappa(*by_film, 5), abs=1e-6)
    assert body["paired"]["ensemble_minus_best_member"]["member"] == "resnet50"
    assert set(body["members"]) == {"densenet121", "resnet50", "student"}
    assert np.sum(body["confusion"]) == 5


def test_both_readers_are_asked_of_the_same_films(tmp_path: Path, lesion_films: list[FilmRecord]):
    bundle = _with(lesion_bundle(tmp_path / "bundle"), **TRAIN)
    with asker(bundle, precision="f32") as who:
        both = ask(who, lesion_films[:3])
        as_student = [who.by_student([image]) for image in _images(lesion_films[:3])]
    for row, output in zip(both.films, as_student, strict=True):
        assert output is not None
        assert row.student is not None
        expected = next(one.probabilities for one in output.result.findings if one.finding == "abnormal")
        assert row.student[1] == pytest.approx(expected["present"])
        assert row.chances is not None
        assert row.student[1] != pytest.approx(row.chances[1], abs=1e-6)


def _images(films: Sequence[FilmRecord]) -> list[Image]:
    return [open_film(one) for one in films]


def test_several_processes_give_the_answers_of_one(tmp_path: Path, grade_films: list[FilmRecord]):
    gone = replace(grade_films[0], name="gone", study="gone", group="gone", path=tmp_path / "nowhere.png")
    bundle = _with(grade_bundle(tmp_path / "bundle"), **TRAIN)
    one, two = (measure(bundle, [*grade_films, gone], precision="f32", workers=workers) for workers in (1, 2))
    assert one == two
    assert one["unread"] == 1


def test_priors_are_the_shares_of_training_by_view_or_equal_where_unknown(tmp_path: Path):
    bundle = lesion_bundle(tmp_path / "bundle")
    assert priors(bundle)[""].tolist() == [0.5, 0.5]
    known = priors(_with(bundle, **TRAIN))
    assert known[""].tolist() == [0.5, 0.5]
    assert known["lateral"].tolist() == [0.25, 0.75]
    data = {"also": {"seed": 2}, "splits": {**TRAIN["data"]["splits"], "val": {"targets_by_view": {"frontal": [8, 2]}}}}
    assert priors(_with(bundle, data=data))[""].tolist() == [0.8, 0.2], "a second data set has other rates"


def test_films_that_cannot_be_read_are_counted_and_none_at_all_is_an_error(tmp_path: Path, lesion_films: list[FilmRecord]):
    bundle = lesion_bundle(tmp_path / "bundle")
    gone = replace(lesion_films[0], name="gone", study="gone", group="gone", path=tmp_path / "nowhere.png")
    assert measure(bundle, [gone, *lesion_films[1:4]], precision="f32")["unread"] == 1
    codes: list[str] = []
    for films in ([], [gone]):
        with pytest.raises(InputError) as caught:
            measure(bundle, films)
        codes.append(caught.value.code)
    assert codes == ["split-empty", "dataset-unreadable-many"]


def test_pictures_of_the_surest_answers_are_written_where_the_page_looks(tmp_path: Path, lesion_films: list[FilmRecord]):
    body = measure(_with(lesion_bundle(tmp_path / "bundle"), **TRAIN), lesion_films, tmp_path / "run", precision="f32")
    rows = [*body["cases"]["best"], *body["cases"]["worst"]]
    assert len(rows) == 6
    assert all((tmp_path / "run" / row["picture"]).is_file() for row in rows)
    assert all(row["said"] == row["target"] for row in body["cases"]["best"])
    assert all(row["said"] != row["target"] for row in body["cases"]["worst"])


@pytest.mark.parametrize("made", [lesion_bundle, grade_bundle])
def test_the_same_bundle_and_films_give_the_same_figures(tmp_path: Path, made: Callable[..., Bundle], grade_films: list[FilmRecord]):
    bundle = made(tmp_path / "bundle")
    films = [replace(row, target=min(row.target, 1)) for row in grade_films] if bundle.task == "xray-lesions" else grade_films
    assert measure(bundle, films, precision="f32") == measure(bundle, films, precision="f32")
