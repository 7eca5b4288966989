"""Graded folders: each film lies in the folder of its worst whole disc, and both ways to name folders are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from datasets.cohorts import Cohorts, cohorts, complaints, order_of, plan_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import sources
from spondyl.datasets.film_records import GradedFilm
from spondyl.datasets.grades import read_film
from spondyl.datasets.grades_maker import PATTERN
from spondyl.datasets.making.truths import film_truth
from spondyl.datasets.pictures import write_grey
from spondyl.phantom.rays import render_xray

__all__ = ["cohorts"]


def films_of(root: Path) -> list[GradedFilm]:
    return list(sources.open_as(GradedFilm, "grades", root))


def test_films_lie_in_the_folder_of_their_grade_with_their_pixels(cohorts: Cohorts):
    films = {(film.patient, film.view): film for film in films_of(cohorts["grades"])}
    patients = list(dict.fromkeys(patient for patient, _ in sorted(films, key=str)))
    wanted: dict[tuple[str, str], int] = {}
    for index in range(2):
        volume, truth = rebuilt("grades", index)
        plan = plan_of("grades", index)
        for scan in plan.scans.values():
            drawn = render_xray(volume, scan)
            found = film_truth(truth, drawn, order_of("grades"), index)
            if found.grade is None:
                continue
            film = next(one for one in films.values() if (one.view == found.view and np.array_equal(
                np.rint(read_film(one).pixels * 255), np.rint((drawn.shown >> 4) / 255 * 255))) or (
                one.view == found.view and one.path.suffix == ".dcm" and np.allclose(read_film(one).pixels, drawn.shown / 4095, atol=1e-6)))
            assert film.grade == found.grade
            assert (film.split, film.path.suffix) == (plan.choices["split"], f".{plan.choices['ending']}")
            wanted[film.patient or "", film.view or ""] = found.grade
    assert {key: film.grade for key, film in films.items()} == wanted
    assert len(patients) == 2
    assert all(film.study for film in films.values())


def test_every_grade_has_its_folder_even_where_no_film_has_it(cohorts: Cohorts):
    assert {path.name for path in (cohorts["grades"] / "train").iterdir()} == {f"grade_{grade}" for grade in range(5)}


def test_dicom_films_are_legal(cohorts: Cohorts):
    assert all(complaints(path) == [] for path in cohorts["grades"].rglob("*.dcm"))


def test_splits_hold_seven_tenths_and_twice_three_twentieths():
    assert [PATTERN.count(role) / len(PATTERN) for role in ("train", "val", "test")] == [0.7, 0.15, 0.15]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Folders named 0 to 4, one film each, nothing beside them."""
    for split in ("train", "val", "test"):
        for grade in range(5):
            (tmp_path / split / str(grade)).mkdir(parents=True)
            write_grey(tmp_path / split / str(grade) / f"f{grade}.png", np.full((8, 9), 40 * grade))
    return tmp_path


def test_plain_folder_names_without_a_table_have_no_patients(plain: Path):
    films = films_of(plain)
    assert [(film.split, film.grade) for film in films] == [(split, grade) for split in ("train", "val", "test") for grade in range(5)]
    assert {(film.patient, film.study, film.view) for film in films} == {(None, None, None)}
    assert read_film(films[4]).pixels.max() == pytest.approx(160 / 255)
    shutil.move(str(plain), str(plain.parent / "moved"))
    (plain.parent / "outer").mkdir()
    shutil.move(str(plain.parent / "moved"), str(plain.parent / "outer" / "dataset"))
    assert len(films_of(plain.parent / "outer")) == 15


def test_a_table_names_films_by_path_or_by_a_name_that_only_one_has(plain: Path):
    (plain / "val" / "2" / "only.png").write_bytes((plain / "val" / "2" / "f2.png").read_bytes())
    (plain / "patients.csv").write_text("file,patient_id,view\ntrain/3/f3.png,p1,AP\nonly.png,p2,lateral\n")
    named = {film.file: (film.patient, film.view) for film in films_of(plain) if film.patient}
    assert named == {"train/3/f3.png": ("p1", "frontal"), "val/2/only.png": ("p2", "lateral")}


@pytest.mark.parametrize(("table", "code", "seen"), [
    ("file,patient_id\nf3.png,p1\n", "dataset-row-astray", "names 3 pictures"),
    ("file,patient_id\nnone.png,p1\n", "dataset-row-astray", "names 0 pictures"),
    ("file,patient_id\ntrain/3/f3.png,p1\ntrain/3/f3.png,p1\n", "dataset-row-twice", "line 3"),
    ("file,patient_id,veiw\n", "dataset-column-unknown", "Did you mean 'view'"),
    ("file,patient_id,view\ntrain/3/f3.png,p1,oblique\n", "dataset-cell-invalid", "oblique"),
    ("file\n", "dataset-column-missing", "patient_id"),
])
def test_what_is_wrong_with_the_table_is_said(table: str, code: str, seen: str, plain: Path):
    (plain / "patients.csv").write_text(table)
    with pytest.raises(InputError) as caught:
        films_of(plain)
    assert caught.value.code == code
    assert seen in caught.value.message


def test_a_folder_of_no_grade_is_an_error(plain: Path):
    (plain / "train" / "grade5").mkdir()
    with pytest.raises(InputError, match="in train/: No class is called 'grade5'") as caught:
        films_of(plain)
    assert caught.value.code == "dataset-folder-unknown"
    with pytest.raises(InputError, match="none of the folders train, val, test"):
        films_of(plain / "train")
