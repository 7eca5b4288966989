"""Both radiograph tasks from pixels to result.json, with bundles that answer in a known way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation

from films_bundle import BOXES, FRAME, LESION_CLASSES, MEMBERS, film, film_image, film_study, grade_bundle, lesion_bundle
from spondyl.core import Finding, StudyResult, TaskOutput, term
from spondyl.datasets.dicom_objects import Owner, new_object, put_pixels, save, window_of
from spondyl.dicom import Reader, Source
from spondyl.imaging import apply_affine
from spondyl.inference import Shelf
from spondyl.phantom.measured import LESIONS
from spondyl.tasks.films.boxes import FoundBox
from spondyl.tasks.films.votes import is_abnormal
from spondyl.tasks.port import Task, process_study
from spondyl.tasks.xray_grade import XrayGrade
from spondyl.tasks.xray_lesions import XrayLesions
from spondyl.tasks.xray_lesions.answers import CLASSES, kept_boxes

TASKS: tuple[Task, ...] = (XrayLesions(), XrayGrade())
Shelves = Callable[..., Shelf]
NAME = "Featherstonehaugh^Ermintrude"
"""A name that must turn up nowhere."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("bundles")
    lesion_bundle(folder / "lesions")
    grade_bundle(folder / "grade")
    return Shelf([folder], backend="onnxruntime")


@pytest.fixture
def shelf_of(tmp_path: Path) -> Shelves:
    """A shelf of its own for each call, whose bundles have these settings."""

    def made(*, grade: dict[str, Any] | None = None, **lesions: Any) -> Shelf:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        lesion_bundle(folder / "lesions", **lesions)
        grade_bundle(folder / "grade", **(grade or {}))
        return Shelf([folder], backend="onnxruntime")

    return made


def lesions(shelf: Shelf, *images: Any) -> TaskOutput:
    return process_study(film_study(*images), XrayLesions(), shelf)


def grade(shelf: Shelf, *images: Any) -> TaskOutput:
    return process_study(film_study(*images), XrayGrade(), shelf)


def codes(result: StudyResult) -> list[str]:
    return [notice.code for notice in result.warnings]


def boxed(result: StudyResult) -> list[Finding]:
    return [finding for finding in result.findings if finding.box is not None]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("brightness", [0.1, 0.45, 0.5, 0.55, 0.9])
def test_every_answer_fits_together(shelf: Shelf, task: Task, brightness: float):
    images = film_image("frontal", brightness, tagged="ap"), film_image("lateral", brightness)
    result = process_study(film_study(*images), task, shelf).result
    assert result.status == "done"
    shown = {image.id: image.shape for image in images}
    assert {note.id for note in result.images} == set(shown)
    for finding in result.findings:
        for probabilities in (finding.probabilities or {}, *finding.members.values()):
            assert tuple(probabilities) == term(finding.finding).keys
            assert sum(probabilities.values()) == pytest.approx(1)
            assert min(probabilities.values()) >= 0
        assert finding.value in finding.set or not finding.set
        assert finding.image is None or finding.image in shown
        if finding.box is not None:
            x0, y0, x1, y1 = finding.box
            rows, columns = shown[str(finding.image)]
            assert 0 <= x0 < x1 <= columns
            assert 0 <= y0 < y1 <= rows
    assert [name for name in result.timings_ms if name != "total"] == [
        "gate", *(("classify", "detect") if task.name == "xray-lesions" else ("grade",)), "explain"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_same_input_twice_is_the_same_bytes_timings_apart_whatever_order_the_films_came_in(shelf: Shelf, task: Task):
    images = [film_image(view, 0.5, seed=seed) for seed in range(2) for view in ("frontal", "lateral")]
    first = process_study(film_study(*images), task, shelf).result
    again = process_study(film_study(*images[::-1]), task, shelf).result
    assert first.without_timings().to_json() == again.without_timings().to_json()


def test_a_film_is_answered_in_a_study_as_it_is_alone(shelf: Shelf):
    images = film_image("frontal", 0.45, tagged="ap"), film_image("lateral", 0.8, tagged="lateral")
    together = lesions(shelf, *images).result.findings
    alone = [finding for image in images for finding in lesions(shelf, image).result.findings]
    said, heard = ([(one.finding, one.value, one.image, one.box) for one in findings] for findings in (together, alone))
    assert said == heard
    for first, second in zip(together, alone, strict=True):
        assert dict(first.probabilities or {}) == pytest.approx(dict(second.probabilities or {}), abs=1e-5)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize(("pose", "code"), [("upside_down", "film-upside-down"), ("on_its_side", "film-on-its-side"),
                                            ("other", "not-a-lumbar-film")])
def test_what_the_gate_refuses_is_refused_with_a_hint(shelf: Shelf, task: Task, pose: str, code: str):
    result = process_study(film_study(film_image(pose=pose)), task, shelf).result
    assert result.status == "refused"
    assert result.refusal is not None
    assert result.refusal["code"] == code
    assert result.refusal["hint"]
    assert not result.findings


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_weights_that_were_measured_in_silico_say_so_and_others_do_not(task: Task, tmp_path: Path):
    for evidence, wanted in (("in-silico", 1), ("real", 0)):
        make = lesion_bundle if task.name == "xray-lesions" else grade_bundle
        make(tmp_path / evidence, evidence=evidence)
        result = process_study(film_study(film_image(tagged="ap")), task, Shelf([tmp_path / evidence], "onnxruntime")).result
        assert codes(result).count("in-silico-evidence") == wanted


def test_a_bright_film_is_abnormal_and_a_dark_one_is_not_and_every_member_says_what_it_thinks(shelf: Shelf):
    dark, bright = (lesions(shelf, film_image(brightness=level)).result.findings[0] for level in (0.1, 0.9))
    assert (dark.finding, dark.value, bright.value) == ("abnormal", "absent", "present")
    assert tuple(bright.members) == MEMBERS
    assert all(member["present"] > 0.9 for member in bright.members.values())
    assert bright.explanation == "cam"


def test_a_film_is_abnormal_from_the_frozen_threshold_on(shelf: Shelf, shelf_of: Shelves):
    image = film_image(brightness=0.5)
    first = lesions(shelf, image).result.findings[0]
    probability = float((first.probabilities or {})["present"])
    assert 0.1 < probability < 0.9
    for threshold, value in ((probability, "present"), (probability + 1e-4, "absent")):
        assert lesions(shelf_of(threshold=threshold), image).result.findings[0].value == value


@pytest.mark.parametrize(("weight", "turned"), [(0.0, False), (4.0, True)])
def test_a_detector_that_turns_the_answer_calls_for_a_person(weight: float, turned: bool, shelf_of: Shelves):
    own = shelf_of(fusion={"ensemble": 1.0, "detector": weight, "offset": 0.0}, detector={**lesion_bundle_settings(), "sure": 0.95})
    film = lesions(own, film_image(brightness=0.35, tagged="ap")).result.findings[0]
    assert (film.value == "present", film.refer) == (turned, turned)


def test_an_abnormal_film_shows_every_box_and_a_normal_one_only_those_that_are_sure(shelf: Shelf):
    abnormal, normal = (boxed(lesions(shelf, film_image(brightness=level)).result) for level in (0.9, 0.1))
    assert [(box.finding, round((box.probabilities or {})["present"], 4)) for box in abnormal] == [
        ("osteophytes", 0.9), ("disc_space_narrowing", 0.3)]
    assert [box.finding for box in normal] == ["osteophytes"]
    assert {box.value for box in (*abnormal, *normal)} == {"present"}
    assert {box.level for box in abnormal} == {None}


def test_a_sure_box_on_a_film_that_is_called_normal_calls_for_a_second_look(shelf: Shelf, shelf_of: Shelves):
    image = film_image(brightness=0.1)
    assert lesions(shelf, image).result.findings[0].refer
    without = lesions(shelf_of(detector=None), image).result
    assert not without.findings[0].refer
    assert not boxed(without)


@pytest.mark.parametrize("shape", [(240, 160), (300, 150), (240, 200)])
def test_boxes_come_back_where_the_detector_saw_them_and_inside_the_film(shelf: Shelf, shape: tuple[int, int]):
    image = film_image(brightness=0.9, shape=shape)
    result = lesions(shelf, image).result
    (box,) = (one.box for one in boxed(result) if one.finding == "osteophytes")
    rows, columns = shape
    scale = max(columns / FRAME["columns"], rows / FRAME["rows"])
    margin = np.array([(FRAME["columns"] * scale - columns) / 2, (FRAME["rows"] * scale - rows) / 2])
    wanted = np.clip((np.array(BOXES[0]).reshape(2, 2) * scale - margin).reshape(-1), 0, [columns, rows] * 2)
    assert box == pytest.approx(tuple(wanted), abs=1e-6)


def test_class_probabilities_are_calibrated_class_by_class(shelf_of: Shelves):
    own = lesion_bundle_settings()
    own["classes"]["osteophytes"] = {"slope": 0.0, "offset": 1.0}
    found = boxed(lesions(shelf_of(detector=own), film_image(brightness=0.9)).result)
    said = {box.finding: (box.probabilities or {})["present"] for box in found}
    assert said == {"osteophytes": pytest.approx(1 / (1 + np.exp(-1))), "disc_space_narrowing": pytest.approx(0.3)}


def lesion_bundle_settings() -> dict[str, Any]:
    """The detector's settings of the tiny bundle."""
    return {"network": "detector", "frame": FRAME, "least": 0.05, "sure": 0.5, "overlap": 0.5, "most": 100, "ask_from": 0.0,
            "classes": {name: {"slope": 1.0, "offset": 0.0} for name in LESION_CLASSES}}


def test_the_detector_is_not_asked_of_a_sure_normal_and_the_reader_is_told(shelf_of: Shelves):
    own = shelf_of(detector={**lesion_bundle_settings(), "ask_from": 0.3})
    images = film_image(brightness=0.1, tagged="ap"), film_image("lateral", 0.9, tagged="lateral")
    result = lesions(own, *images).result
    assert {box.image for box in boxed(result)} == {images[1].id}
    (told,) = [warning for warning in result.warnings if warning.code == "detector-not-asked"]
    assert told.images == (images[0].id,)
    assert "1 of 2 films" in next(notice.message for notice in result.warnings if notice.code == "detector-not-asked")
    assert "detector-not-asked" not in codes(lesions(own, images[1]).result)


def test_boxes_join_the_vote_where_the_bundle_says_so(shelf: Shelf, shelf_of: Shelves):
    image = film_image(brightness=0.5)
    alone, joined = (
        (lesions(one, image).result.findings[0].probabilities or {})["present"]
        for one in (shelf, shelf_of(fusion={"ensemble": 1.0, "detector": 1.0, "offset": 0.0}))
    )
    odds = alone / (1 - alone) * 0.9 / 0.1
    assert joined == pytest.approx(odds / (1 + odds), abs=1e-5)


def test_the_student_answers_alone_where_it_is_the_reader(shelf_of: Shelves):
    (finding, *_) = lesions(shelf_of(reader="student", grade={"reader": "student"}), film_image(brightness=0.9)).result.findings
    assert list(finding.members) == ["student"]
    assert finding.members["student"] == finding.probabilities
    (finding,) = grade(shelf_of(grade={"reader": "student"}), film_image(brightness=0.9)).result.findings
    assert list(finding.members) == ["student"]


def test_the_lesion_classes_are_those_of_the_data_set_in_its_order():
    names = {"Spondylolysthesis": "spondylolisthesis", "Other lesions": "other_lesion"}
    assert tuple(names.get(name, name.lower().replace(" ", "_")) for name in LESIONS) == CLASSES
    assert all(term(name).keys == ("absent", "present") for name in CLASSES)


def test_one_film_is_graded_by_one_finding_with_its_image(shelf: Shelf):
    image = film_image(brightness=0.5, tagged="ap")
    (finding,) = grade(shelf, image).result.findings
    assert (finding.finding, finding.value, finding.image) == ("degeneration_grade", 2, image.id)
    assert tuple(finding.members) == MEMBERS
    assert finding.explanation == "cam"


def test_grades_rise_with_what_the_networks_see(shelf: Shelf):
    said = [grade(shelf, film_image(brightness=level)).result.findings[0].value for level in (0.1, 0.42, 0.5, 0.6, 0.9)]
    assert said == sorted(said, key=int)
    assert (said[0], said[-1]) == (0, 4)
    assert len(set(said)) >= 4


def test_two_views_are_one_study_whose_grade_comes_first_and_lies_between_its_films(shelf: Shelf):
    images = film_image("frontal", 0.4, tagged="ap"), film_image("lateral", 0.6, tagged="lateral")
    study, frontal, lateral = grade(shelf, *images).result.findings
    assert (study.image, frontal.image, lateral.image) == (None, images[0].id, images[1].id)
    assert study.explanation is None
    expected = [sum(int(k) * p for k, p in (one.probabilities or {}).items()) for one in (frontal, study, lateral)]
    assert expected == sorted(expected)
    assert expected[0] < expected[1] < expected[2]
    assert tuple(study.members) == MEMBERS


def test_only_what_the_promise_of_90_percent_was_made_for_has_a_set(shelf: Shelf):
    images = film_image("frontal", 0.4, tagged="ap"), film_image("lateral", 0.6, tagged="lateral")
    study, *films = grade(shelf, *images).result.findings
    assert study.set
    assert [film.set for film in films] == [(), ()], "the bundle's quantile is of studies"
    assert grade(shelf, images[0]).result.findings[0].set


def test_a_student_joins_views_with_its_own_weights_where_it_has_some(shelf_of: Shelves):
    images = film_image("frontal", 0.4, tagged="ap"), film_image("lateral", 0.6, tagged="lateral")
    plain = {"network": "student", "weight": 1.0, "slope": 1.0, "offsets": [4.0, 1.0, -2.0, -5.0]}
    views = {"frontal": 1.0, "lateral": 0.0}
    said = []
    for own in ({"student": plain}, {"student": plain, "views": views}, {"student": {**plain, "views": views}}):
        study, frontal, _ = grade(shelf_of(grade={"reader": "student", **own}), *images).result.findings
        said.append(dict(study.probabilities or {}) == pytest.approx(dict(frontal.probabilities or {}), abs=1e-5))
    assert said == [False, True, True]


@pytest.mark.parametrize("off", [-8e-5, -4e-5, 4e-5, 8e-5])
def test_the_answer_agrees_with_the_figures_that_are_shown(shelf: Shelf, shelf_of: Shelves, off: float):
    image = film_image(brightness=0.5, tagged="ap")
    exact = (lesions(shelf, image).result.findings[0].probabilities or {})["present"]
    threshold = round(exact, 4) + off
    shown = lesions(shelf_of(threshold=threshold), image).result.as_dict()["findings"][0]
    assert (shown["value"] == "present") == (shown["probabilities"]["present"] >= round(threshold, 4))


@pytest.mark.parametrize(("probability", "threshold", "abnormal"), [
    (0.44896, 0.449, True), (0.44904, 0.449, True), (0.44894, 0.449, False), (0.44904, 0.44904, True), (0.44896, 0.44904, True),
])
def test_a_film_is_called_by_the_figures_as_they_are_shown(probability: float, threshold: float, abnormal: bool):
    assert is_abnormal(probability, {"threshold": threshold}) == abnormal


def test_a_view_with_all_the_weight_decides_the_study(shelf_of: Shelves):
    images = film_image("frontal", 0.4, tagged="ap"), film_image("lateral", 0.6, tagged="lateral")
    own = shelf_of(grade={"views": {"frontal": 0.0, "lateral": 1.0}})
    study, _, lateral = grade(own, *images).result.findings
    assert dict(study.probabilities or {}) == pytest.approx(dict(lateral.probabilities or {}), abs=1e-5)


def test_a_wide_set_over_the_cut_calls_for_a_second_look(shelf_of: Shelves):
    image = film_image(brightness=0.5)
    (narrow,) = grade(shelf_of(grade={"quantiles": {"degeneration_grade": 0.0}}), image).result.findings
    (wide,) = grade(shelf_of(grade={"quantiles": {"degeneration_grade": 1.0}}), image).result.findings
    assert (narrow.set, narrow.refer) == ((2,), False)
    assert (wide.set, wide.refer) == ((0, 1, 2, 3, 4), True)


def test_a_film_the_gate_is_unsure_of_calls_for_a_second_look(shelf_of: Shelves):
    image = film_image(brightness=0.9, tagged="ap")
    gate = {"network": "gate", "frame": FRAME, "least": 0.5, "sure": 1.1}
    own = shelf_of(gate=gate, grade={"gate": gate})
    assert lesions(own, image).result.findings[0].refer
    assert grade(own, image).result.findings[0].refer


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_heat_map_lies_on_its_film_and_on_a_scale_that_no_film_changes(task: Task, shelf_of: Shelves):
    image = film_image(brightness=0.9, shape=(300, 200))
    maps = {}
    for scale in (40.0, 80.0):
        own = shelf_of(cam_scale=scale, grade={"cam_scale": scale})
        (maps[scale],) = process_study(film_study(image), task, own).maps
    heat = maps[40.0]
    assert heat.image == image.id
    assert heat.values.min() >= 0
    assert 0.1 < heat.values.max() < 1
    assert maps[80.0].values == pytest.approx(heat.values / 2, abs=1e-6)
    rows, columns = heat.values.shape
    corners = apply_affine(heat.to_image, np.array([[0.0, 0.0], [columns, rows]]))
    assert corners == pytest.approx(np.array([[0.0, 0.0], [200.0, 300.0]]), abs=1e-6)
    peak = np.unravel_index(int(heat.values.argmax()), heat.values.shape)
    x, y = apply_affine(heat.to_image, np.array([peak[1] + 0.5, peak[0] + 0.5]))
    assert 50 <= x <= 150
    assert 50 <= y <= 250


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(b"0123456789abcdef", workers=1) as one:
        yield one


def write_film(path: Path, photometric: str, view: str = "AP", brightness: float = 0.6) -> Path:
    """A DX file of a named patient, 12 bit."""
    stored = np.rint(film("frontal" if view == "AP" else "lateral", brightness) * 4095).astype(np.uint16)
    ds = new_object(DigitalXRayImageStorageForPresentation, Owner("films"), 1 if view == "AP" else 2, 1)
    ds.PatientName, ds.PatientID, ds.Modality, ds.ViewPosition = NAME, "FEATHER-4711", "DX", view
    ds.WindowCenter, ds.WindowWidth = window_of(0, 4095)
    put_pixels(ds, 4095 - stored if photometric == "MONOCHROME1" else stored, photometric)
    save(path, ds)
    return path


def read(reader: Reader, *paths: Path) -> Any:
    report = reader.read([Source(path, path.name) for path in paths])
    assert not report.skipped
    (one,) = report.studies
    return one


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_film_stored_inverted_is_answered_alike(reader: Reader, shelf: Shelf, task: Task, tmp_path: Path):
    files = [write_film(tmp_path / f"{kind}.dcm", kind) for kind in ("MONOCHROME2", "MONOCHROME1")]
    plain, inverted = (process_study(read(reader, file), task, shelf).result for file in files)
    assert plain.status == inverted.status == "done"
    for first, second in zip(plain.findings, inverted.findings, strict=True):
        assert (first.finding, first.value, first.set, first.refer) == (second.finding, second.value, second.set, second.refer)
        assert dict(second.probabilities or {}) == pytest.approx(dict(first.probabilities or {}), abs=1e-3)
        assert second.box == (None if first.box is None else pytest.approx(first.box, abs=1e-6))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_two_views_in_two_files_are_one_study_and_no_word_of_whose_it_is_comes_out(
    reader: Reader, shelf: Shelf, task: Task, tmp_path: Path
):
    files = write_film(tmp_path / "ap.dcm", "MONOCHROME2"), write_film(tmp_path / "lateral.dcm", "MONOCHROME1", "LL")
    result = process_study(read(reader, *files), task, shelf).result
    assert [note.view for note in result.images] == ["ap", "lateral"]
    assert "view-guessed" not in codes(result)
    text = result.to_json()
    assert all(word not in text for word in (*NAME.split("^"), "FEATHER", "ap.dcm", "2.25."))


def test_boxes_that_are_hardly_ever_right_are_not_shown() -> None:
    boxes = [FoundBox(0, score, (0.0, 0.0, 9.0, 9.0)) for score in (0.9, 0.3)]
    settings = {"sure": 0.5, "classes": {"osteophytes": {"slope": 1.0, "offset": 0.0}}}
    assert kept_boxes(boxes, True, settings) == boxes
    assert kept_boxes(boxes, True, {**settings, "likely": 0.4}) == boxes[:1]
    assert kept_boxes(boxes, False, {**settings, "likely": 0.95}) == []
