"""VinDr-SpineXR's layout: boxes and pixels survive the files, tame or wild, and everything wrong with a table is said."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread

from datasets.cohorts import SEED, SMALL, SUBJECTS, Cohorts, cohorts, complaints, order_of, plan_of, profile_of, rebuilt
from spondyl.core import InputError
from spondyl.datasets import miniatures, sources
from spondyl.datasets.film_records import LesionFilm
from spondyl.datasets.making.truths import film_truth
from spondyl.datasets.vindr import COLUMNS, read_film
from spondyl.dicom import Reader, Source
from spondyl.phantom.measured import LESIONS
from spondyl.phantom.rays import render_xray

__all__ = ["cohorts"]


def films_of(root: Path) -> list[LesionFilm]:
    return list(sources.open_as(LesionFilm, "vindr", root))


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first study of the cohort in its wild form."""
    root = tmp_path_factory.mktemp("vindr") / "wild"
    miniatures.make("vindr", root, 1, SEED, profile=profile_of("vindr"), scale=SMALL, wild=True)
    return root


def test_boxes_classes_and_pixels_come_back_as_they_were_rendered_and_measured(cohorts: Cohorts):
    by_study: dict[str, list[LesionFilm]] = {}
    for film in films_of(cohorts["vindr"]):
        by_study.setdefault(film.study, []).append(film)
    assert len(by_study) == SUBJECTS
    seen = 0
    for index, films in enumerate(by_study.values()):
        volume, truth = rebuilt("vindr", index)
        scans = list(plan_of("vindr", index).scans.values())
        assert len(films) == len(scans)
        for film, scan in zip(films, scans, strict=True):
            drawn = render_xray(volume, scan)
            wanted = film_truth(truth, drawn, order_of("vindr"), index).boxes
            assert [(one.lesion, pytest.approx(one.box)) for one in film.lesions] == [(box.lesion_type, box.box) for box in wanted]
            assert film.abnormal == bool(wanted)
            picture = read_film(film)
            assert np.abs(picture.pixels - drawn.shown / np.float32(4095)).max() < 1e-6
            assert picture.view == scan.view
            assert picture.spacing_mm == pytest.approx((scan.pixel_mm, scan.pixel_mm), rel=1e-5)
            seen += len(wanted)
    assert seen > 5
    assert len({film.image for films in by_study.values() for film in films}) == sum(map(len, by_study.values()))


def test_films_are_legal_nameless_objects_of_twelve_bits(cohorts: Cohorts):
    for film in films_of(cohorts["vindr"]):
        assert re.fullmatch(r"[0-9a-f]{32}", film.image)
        assert complaints(film.path) == []
        ds = dcmread(film.path)
        assert ds.Modality in ("DX", "CR")
        assert ds.SOPClassUID.name in ("Digital X-Ray Image Storage - For Presentation", "Computed Radiography Image Storage")
        assert (str(ds.PatientName), ds.PatientBirthDate, ds.PatientIdentityRemoved) == ("", "", "YES")
        assert (ds.BitsStored, ds.pixel_array.dtype, ds.pixel_array.max() < 4096) == (12, np.uint16, True)


def test_wild_files_lack_what_archives_lack_and_show_the_same_pixels_and_boxes(wild: Path, cohorts: Cohorts):
    tame = {film.image: film for film in films_of(cohorts["vindr"])}
    films = films_of(wild)
    assert films
    for film in films:
        with config.disable_value_validation():
            ds = dcmread(film.path, stop_before_pixels=True)
            names = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)
        assert names == (film.study, film.series, film.image)
        assert ds.file_meta.TransferSyntaxUID.name == "JPEG 2000 Image Compression (Lossless Only)"
        assert not {"Modality", "SOPClassUID", "ViewPosition", "ImagerPixelSpacing"} & set(ds.dir())
        assert ds.BitsStored == 12
        assert film.lesions == tame[film.image].lesions
        assert np.array_equal(read_film(film).pixels, read_film(tame[film.image]).pixels)
        assert read_film(film).spacing_mm is None


def test_the_serving_reader_gives_the_same_pixels_as_the_adapter(wild: Path):
    films = films_of(wild)
    with Reader(b"k" * 32, workers=1) as reader:
        report = reader.read([Source(film.path, film.image) for film in films])
    assert not report.skipped
    shown = sorted(image.pixels.tobytes() for study in report.studies for image in study.images)
    assert shown == sorted(read_film(film).pixels.tobytes() for film in films)


def table(root: Path, rows: list[list[object]], split: str = "train") -> Path:
    (root / "annotations").mkdir(exist_ok=True)
    with (root / "annotations" / f"{split}.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([list(COLUMNS), *rows])
    return root


HEAD = ["s1", "e1", "i1", "rad1"]
BOX = [1.5, 2.0, 30.0, 40.0]


@pytest.mark.parametrize(("written", "read"), [
    *((name, name) for name in LESIONS), ("Spondylolisthesis", "Spondylolysthesis"), ("Ankylosis", "Other lesions"),
    ("Enthesophytes", "Other lesions"), ("Fracture", "Other lesions"), ("Sclerotic lesion", "Other lesions"),
    ("Subchondral sclerosis", "Other lesions"), ("Foreign body", "Other lesions"), ("osteophytes", "Osteophytes"),
])
def test_every_spelling_is_the_class_it_means(written: str, read: str, tmp_path: Path):
    (film,) = films_of(table(tmp_path, [[*HEAD, written, *BOX]]))
    assert [(one.lesion, one.box) for one in film.lesions] == [(read, (1.5, 2.0, 30.0, 40.0))]


def test_rows_of_an_image_are_one_film_and_no_finding_is_none(tmp_path: Path):
    rows: list[list[object]] = [[*HEAD, "Osteophytes", *BOX], ["s2", "e2", "i2", "rad2", "No finding", "", "", "", ""]]
    rows.append([*HEAD[:3], "rad3", "Other lesions", *BOX])
    table(tmp_path, rows[:2])
    first, second = films_of(table(tmp_path, rows))
    assert (first.image, first.readers, len(first.lesions), first.abnormal) == ("i1", ("rad1", "rad3"), 2, True)
    assert (second.study, second.lesions, second.abnormal) == ("s2", (), False)
    table(tmp_path, rows[1:2], "test")
    assert [film.split for film in films_of(tmp_path)] == ["train", "train", "test"]


WRONG: list[tuple[str, list[list[object]], str, str]] = [
    ("an unknown class", [[*HEAD, "Osteophites", *BOX]], "dataset-cell-invalid", "Did you mean 'Osteophytes'"),
    ("a box without a number", [[*HEAD, "Osteophytes", 1, 2, "", 4]], "dataset-cell-invalid", "line 2 of annotations/train.csv: xmax"),
    ("an inverted box", [[*HEAD, "Osteophytes", 30, 2, 1, 40]], "dataset-box-outside", "line 2"),
    ("an image in two studies", [[*HEAD, "Osteophytes", *BOX], ["s9", *HEAD[1:], "Osteophytes", *BOX]], "dataset-row-twice", "line 3"),
    ("no image", [["s1", "e1", "", "rad1", "No finding", "", "", "", ""]], "dataset-cell-invalid", "image_id is empty"),
]


@pytest.mark.parametrize(("rows", "code", "seen"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_a_table_is_said_with_its_line(rows: list[list[object]], code: str, seen: str, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        films_of(table(tmp_path, rows))
    assert caught.value.code == code
    assert seen in caught.value.message
    assert caught.value.hint


def drop(film: LesionFilm) -> None:
    film.path.unlink()


def cut(film: LesionFilm) -> None:
    film.path.write_bytes(film.path.read_bytes()[:2000])


FILES: list[tuple[Callable[[LesionFilm], None], str]] = [(drop, "dataset-file-missing"), (cut, "dataset-image-unreadable")]


@pytest.mark.parametrize(("damage", "code"), FILES)
def test_a_film_that_cannot_be_read_is_named_by_its_line_not_by_its_path(damage: Callable[[LesionFilm], None], code: str, cohorts: Cohorts,
                                                                        tmp_path: Path):
    root = Path(shutil.copytree(cohorts["vindr"], tmp_path / "vindr"))
    film = films_of(root)[0]
    damage(film)
    with pytest.raises(InputError, match=r"line 2 of annotations/train\.csv") as caught:
        read_film(film)
    assert caught.value.code == code
    assert film.image not in caught.value.message


def test_a_box_beyond_its_film_is_an_error(cohorts: Cohorts, tmp_path: Path):
    root = Path(shutil.copytree(cohorts["vindr"], tmp_path / "vindr"))
    film = films_of(root)[0]
    table(root, [[film.study, film.series, film.image, "rad1", "Osteophytes", 1, 1, 99999, 4]])
    with pytest.raises(InputError, match="leaves the film") as caught:
        read_film(films_of(root)[0])
    assert caught.value.code == "dataset-box-outside"


def test_a_folder_without_tables_is_told_what_is_wanted(tmp_path: Path):
    with pytest.raises(InputError, match=r"neither annotations/train\.csv nor annotations/test\.csv"):
        films_of(tmp_path)
