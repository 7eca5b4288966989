"""Splits: by patient or study, the same from the same seed, and everything that is wrong with a folder is said."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.films.film_folders import write_grades, write_table, write_vindr
from spondyl.core import InputError, NotFoundError
from spondyl.lab.films.records import FilmRecord, FilmSet
from spondyl.lab.films.sets import _carved, film_set, load_splits, save_splits, with_more
from spondyl.phantom.measured import LESIONS


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lesions")
    write_vindr(root, 10)
    write_vindr(root, 2, split="test", first=10)
    return root


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    write_grades(tmp_path, [("train", 3), ("val", 1)])
    return tmp_path


def refused(root: Path, task: str = "xray-grade") -> InputError:
    with pytest.raises(InputError) as caught:
        film_set(task, root, "", 0.2, 1)
    assert caught.value.hint
    return caught.value


def test_validation_is_carved_from_train_by_study_and_the_test_films_stay(lesions: Path):
    films = film_set("xray-lesions", lesions, "vindr", 0.3, 1)
    assert (len(films.of("train")), len(films.of("val")), len(films.of("test"))) == (14, 6, 4)
    assert (films.grouped_by, films.targets, films.classes) == ("study", ("normal", "abnormal"), LESIONS)
    validation = [films.films[place] for place in films.of("val")]
    assert {film.target for film in validation} == {0, 1}
    assert any("6 were carved from train by study, seed 1" in notice for notice in films.notices)
    assert any("patients" in notice.lower() for notice in films.notices)


def test_a_film_is_abnormal_if_it_has_a_box_and_boxes_are_numbered_as_the_lesions(lesions: Path):
    films = film_set("xray-lesions", lesions, "vindr", 0.2, 1).films
    assert all(film.target == bool(film.boxes) for film in films)
    assert {LESIONS[box.label] for film in films for box in film.boxes} == {"Osteophytes", "Disc space narrowing", "Vertebral collapse"}
    assert films[0].boxes[0].box == (3, 4, 12.5, 14)


def test_the_same_seed_gives_the_same_split_and_another_seed_another(lesions: Path):
    first, again, other = (film_set("xray-lesions", lesions, "vindr", 0.3, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.of("val") != other.of("val")


@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=60), share=st.floats(0.05, 0.5), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_carving_gives_the_share_of_groups_and_takes_no_group_apart(sizes: list[int], share: float, seed: int):
    films = tuple(FilmRecord(f"{group}-{film}", Path("x"), "here", f"g{group}", f"g{group}", "train", None, group % 2)
                  for group, size in enumerate(sizes) for film in range(size))
    carved = _carved(films, share, seed)
    FilmSet("xray-lesions", carved, ("a", "b"), ())  # refuses a group in two splits
    groups = {film.group for film in carved if film.split == "val"}
    assert abs(len(groups) - share * len(sizes)) <= 1
    by_target = Counter(int(group[1:]) % 2 for group in groups)
    wanted = {target: share * sum(group % 2 == target for group in range(len(sizes))) for target in (0, 1)}
    assert all(abs(by_target[target] - wanted[target]) <= 2 for target in wanted)


def test_graded_folders_keep_their_own_splits_and_say_that_none_is_for_test(graded: Path):
    films = film_set("xray-grade", graded, "grades", 0.2, 1)
    assert (len(films.of("train")), len(films.of("val")), films.grouped_by) == (30, 10, "patient")
    assert films.notices == ("There is no test split.",)
    assert {film.view for film in films.films} == {"frontal", "lateral"}
    assert all(Counter(film.study for film in films.films)[film.study] == 2 for film in films.films)


def test_graded_folders_without_val_give_some_of_train(graded: Path):
    shutil.rmtree(graded / "val")
    (graded / "patients.csv").unlink()
    films = film_set("xray-grade", graded, "", 0.2, 1)
    assert (len(films.of("train")), len(films.of("val"))) == (24, 6)


def test_without_a_table_of_patients_results_are_image_level(graded: Path):
    (graded / "patients.csv").unlink()
    films = film_set("xray-grade", graded, "", 0.2, 1)
    assert films.grouped_by == "image"
    assert len({film.group for film in films.films}) == len({film.study for film in films.films}) == 40
    assert any("image-level" in notice for notice in films.notices)


def test_one_unknown_patient_makes_results_image_level_or_study_level(graded: Path):
    lines = (graded / "patients.csv").read_text().splitlines()
    file, _, study, view = lines[1].split(",")
    (graded / "patients.csv").write_text("\n".join([lines[0], f"{file},,{study},{view}", *lines[2:]]))
    assert film_set("xray-grade", graded, "", 0.2, 1).grouped_by == "study"
    (graded / "patients.csv").write_text("\n".join([lines[0], *lines[2:]]))
    assert film_set("xray-grade", graded, "", 0.2, 1).grouped_by == "image"


def test_one_patient_in_two_splits_stops(graded: Path):
    text = (graded / "patients.csv").read_text()
    (graded / "patients.csv").write_text(text.replace(",p15,", ",p0,"))
    error = refused(graded)
    assert (error.code, "patient p0 is in train and in val" in error.message) == ("dataset-group-split", True)


def test_a_class_folder_that_train_lacks_stops_and_one_that_val_lacks_is_told(graded: Path):
    shutil.rmtree(graded / "val" / "grade_3")
    lines = [line for line in (graded / "patients.csv").read_text().splitlines() if "val/grade_3" not in line]
    (graded / "patients.csv").write_text("\n".join(lines))
    assert "val/ has no folder grade_3." in film_set("xray-grade", graded, "", 0.2, 1).notices
    shutil.rmtree(graded / "train" / "grade_2")
    (graded / "patients.csv").unlink()
    error = refused(graded)
    assert (error.code, "train/ has no folder grade_2" in error.message) == ("dataset-class-missing", True)
    (graded / "train" / "grade_2").mkdir()
    assert len(film_set("xray-grade", graded, "", 0.2, 1).of("train")) == 24


def test_a_folder_with_no_images_stops(tmp_path: Path):
    for grade in range(5):
        (tmp_path / "train" / f"grade_{grade}").mkdir(parents=True)
    assert (refused(tmp_path).code, refused(tmp_path / "none").code) == ("dataset-file-missing", "dataset-file-missing")
    rows = write_vindr(tmp_path / "vindr", 2)
    shutil.rmtree(tmp_path / "vindr" / "train_images")
    error = refused(tmp_path / "vindr", "xray-lesions")
    assert (error.code, f"none of the {len(rows)} films" in error.message) == ("dataset-file-missing", True)


@pytest.mark.parametrize(("change", "code", "seen"), [
    ({}, "dataset-table-empty", "annotations/train.csv has no rows"),
    ({4: "Osteophites"}, "dataset-cell-invalid", "line 2 of annotations/train.csv: No lesion is called 'Osteophites'. Did you mean"),
    ({5: -3}, "dataset-box-outside", "line 2"),
    ({7: 2}, "dataset-box-outside", "line 2"),
    ({5: "left"}, "dataset-cell-invalid", "line 2 of annotations/train.csv: xmin is 'left'"),
    ({5: "nan"}, "dataset-box-outside", "line 2"),
    ({2: ""}, "dataset-cell-invalid", "image_id is empty"),
])
def test_what_is_wrong_with_the_table_of_lesions_is_said_with_its_line(change: dict[int, object], code: str, seen: str, tmp_path: Path):
    (row, *_) = write_vindr(tmp_path, 1)
    for column, value in change.items():
        row[column] = value
    write_table(tmp_path, [row] if change else [])
    error = refused(tmp_path, "xray-lesions")
    assert error.code == code
    assert seen in error.message


def test_an_image_of_both_tables_and_a_study_of_both_splits_stop(tmp_path: Path):
    rows = write_vindr(tmp_path, 3)
    write_table(tmp_path, rows[:1], "test")
    assert refused(tmp_path, "xray-lesions").code == "dataset-film-twice"
    write_table(tmp_path, rows[1:])
    assert refused(tmp_path, "xray-lesions").code == "dataset-group-split"


@pytest.mark.parametrize(("row", "code", "seen"), [
    ("train/grade_0/f0_AP.png,L4/L5,1,2,9,8,2.5", "dataset-cell-invalid", "grade is '2.5'"),
    ("train/grade_0/f0_AP.png,L4/L5,9,2,1,8,2", "dataset-box-outside", "line 2 of discs.csv"),
    ("train/grade_0/none.png,L4/L5,1,2,9,8,2", "dataset-row-astray", "line 2 of discs.csv"),
    ("train/grade_0/f0_AP.png,L4/L5,1,2,9,8,2\ntrain/grade_0/f0_AP.png,L4/L5,1,2,9,8,2", "dataset-row-twice", "line 3 of discs.csv"),
])
def test_what_is_wrong_with_the_table_of_discs_is_said_with_its_line(row: str, code: str, seen: str, graded: Path):
    (graded / "discs.csv").write_text("file,disc,xmin,ymin,xmax,ymax,grade\n" + row + "\n")
    error = refused(graded)
    assert (error.code, seen in error.message) == (code, True)


def test_discs_are_boxes_by_grade(graded: Path):
    (graded / "discs.csv").write_text("file,disc,xmin,ymin,xmax,ymax,grade\ntrain\\grade_1\\f3_AP.png,L4/L5,1,2,9,8,3\n")
    boxes = {film.name: film.boxes for film in film_set("xray-grade", graded, "", 0.2, 1).films if film.boxes}
    assert {name: [(box.label, box.box) for box in own] for name, own in boxes.items()} == {"train/grade_1/f3_AP.png": [(3, (1, 2, 9, 8))]}


def test_a_misspelt_task_or_layout_and_an_impossible_share_are_told(graded: Path):
    with pytest.raises(NotFoundError, match="Did you mean 'xray-grade'"):
        film_set("xray-grades", graded, "", 0.2, 1)
    with pytest.raises(NotFoundError, match="Did you mean 'grades'"):
        film_set("xray-grade", graded, "grade", 0.2, 1)
    with pytest.raises(InputError, match="val_share lies in"):
        film_set("xray-grade", graded, "", 0.9, 1)


def test_a_split_that_was_kept_comes_back_and_only_for_the_same_films(lesions: Path, tmp_path: Path):
    films = film_set("xray-lesions", lesions, "vindr", 0.3, 1)
    save_splits(films, tmp_path / "splits.json")
    other = film_set("xray-lesions", lesions, "vindr", 0.3, 2)
    assert load_splits(other, tmp_path / "splits.json").films == films.films
    fewer = FilmSet(films.task, films.films[1:], films.targets, films.classes)
    with pytest.raises(InputError, match="1 of them are gone and 0 are new") as caught:
        load_splits(fewer, tmp_path / "splits.json")
    assert caught.value.code == "splits-differ"
    for damage in ("{}", "[]", "no json", json.dumps({"films": 3})):
        (tmp_path / "splits.json").write_text(damage)
        with pytest.raises(InputError) as caught:
            load_splits(films, tmp_path / "splits.json")
        assert caught.value.code == "splits-unreadable"


def test_a_second_data_set_is_learnt_from_only(lesions: Path, tmp_path: Path):
    write_vindr(tmp_path, 3, first=50)
    write_vindr(tmp_path, 1, split="test", first=60)
    own, more = film_set("xray-lesions", lesions, "", 0.3, 1), film_set("xray-lesions", tmp_path, "", 0.0, 1)
    both = with_more(own, more)
    assert [film for film in both.films if film.split != "train"] == [film for film in own.films if film.split != "train"]
    assert len(both.of("train")) == len(own.of("train")) + len(more.films)
    assert any(f"{len(more.films)} more films" in notice for notice in both.notices)


def test_a_second_data_set_may_not_hold_films_of_the_first(lesions: Path):
    own = film_set("xray-lesions", lesions, "", 0.3, 1)
    with pytest.raises(InputError) as caught:
        with_more(own, film_set("xray-lesions", lesions, "", 0.0, 1))
    assert caught.value.code == "dataset-film-twice"
