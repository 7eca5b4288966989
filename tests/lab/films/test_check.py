"""The check of a data set: what it counts, what it lists, and what it stops."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom.dicom_files import plasma
from lab.films.film_folders import write_dicom, write_vindr
from spondyl.core import InputError
from spondyl.lab.films.cache import FilmCache, open_cache
from spondyl.lab.films.check import check_data, words
from spondyl.lab.films.records import FilmSet
from spondyl.lab.films.sets import film_set
from spondyl.reports.film_sheet import SheetFilm, film_sheet
from spondyl.tasks.films.framing import FilmFrame


@pytest.fixture
def films(tmp_path: Path) -> FilmSet:
    """24 films: 6 of validation, 4 of test."""
    write_vindr(tmp_path / "data", 10)
    write_vindr(tmp_path / "data", 2, split="test", first=10)
    return film_set("xray-lesions", tmp_path / "data", "", 0.3, 1)


def opened(films: FilmSet, root: Path) -> FilmCache:
    return open_cache(films.films, FilmFrame(32, 24), root / "cache")


def test_everything_is_counted_by_split_and_shown(films: FilmSet, tmp_path: Path):
    cache = opened(films, tmp_path)
    check = check_data(films, cache, tmp_path / "check")
    assert {split: sum(row.values()) for split, row in check.films.items()} == {"train": 14, "val": 6, "test": 4}
    assert (check.groups, check.studies) == ({"train": 7, "val": 3, "test": 2},) * 2
    assert sum(row["abnormal"] for row in check.films.values()) == sum(film.target for film in films.films)
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-3) for row in check.share.values())
    assert sum(row["unknown"] for row in check.views.values()) == sum(film.view is None for film in cache.films)
    assert sum(row[name]["boxes"] for row in check.boxes.values() for name in films.classes) == sum(len(f.boxes) for f in films.films)
    assert check.shapes[0] <= check.shapes[1]
    assert (check.skipped, check.repeated, check.blank, check.written) == ((), (), (), ())
    kept = json.loads((tmp_path / "check" / "data_check.json").read_text())
    assert kept == json.loads(json.dumps(check.as_json()))
    assert kept["films"]["val"] == dict(check.films["val"])
    with Image.open(tmp_path / "check" / "classes.png") as sheet:
        assert min(sheet.size) > 300
    said = words(check)
    assert "train: 14 films of 7 studies; normal" in said
    assert all(notice in said for notice in films.notices)


def test_one_picture_in_two_splits_stops(films: FilmSet, tmp_path: Path):
    first, other = (films.films[films.of(split)[0]] for split in ("train", "test"))
    other.path.write_bytes(first.path.read_bytes())
    with pytest.raises(InputError, match="two splits share 1 picture; the first:") as caught:
        check_data(films, opened(films, tmp_path), tmp_path / "check")
    assert caught.value.code == "dataset-leak"
    assert first.name in caught.value.message
    assert other.name in caught.value.message


def test_the_same_picture_within_a_split_is_listed(films: FilmSet, tmp_path: Path):
    places = films.of("train")[:2]
    first, second = (films.films[place] for place in places)
    second.path.write_bytes(first.path.read_bytes())
    clean = replace(films, films=tuple(replace(film, boxes=()) if film is second else film for film in films.films))
    check = check_data(clean, opened(clean, tmp_path), tmp_path / "check")
    assert [(pair.first, pair.second, pair.kind) for pair in check.repeated] == [(first.name, second.name, "identical")]
    assert "The same picture again within a split: 1 film" in words(check)


def test_nearly_the_same_picture_in_two_splits_is_listed_and_told(films: FilmSet, tmp_path: Path):
    first, other = (films.films[films.of(split)[0]] for split in ("train", "test"))
    stored = plasma(60, 44, seed=77)
    write_dicom(first.path, stored)
    write_dicom(other.path, np.asarray(4095 - (stored >> 3 << 3), np.uint16))
    check = check_data(films, opened(films, tmp_path), tmp_path / "check")
    pair = check.near[0]
    assert (pair.first, pair.second, pair.kind, pair.splits) == (first.name, other.name, "inverted", ("train", "test"))
    assert check.near_count == len(check.near) >= 1
    assert "Nearly the same picture in two splits" in words(check)


def test_what_was_left_out_and_what_is_of_one_grey_is_told(films: FilmSet, tmp_path: Path):
    gone, blank = (films.films[place] for place in films.of("train")[:2])
    gone.path.write_bytes(b"no film")
    write_dicom(blank.path, np.full((60, 44), 700, np.uint16))
    check = check_data(films, opened(films, tmp_path), tmp_path / "check")
    assert [one.name for one in check.skipped] == [gone.name]
    assert check.blank == (blank.name,)
    assert f"Left out: {gone.name}: " in words(check)
    assert "Of one grey: 1 film" in words(check)


def test_nothing_to_learn_from_or_to_choose_on_stops(films: FilmSet, tmp_path: Path):
    for kept, code in (("train", "dataset-split-empty"), ("val", "dataset-split-empty")):
        some = replace(films, films=tuple(film for film in films.films if film.split == kept))
        with pytest.raises(InputError) as caught:
            check_data(some, opened(some, tmp_path), tmp_path / "check")
        assert caught.value.code == code
    normal = replace(films, films=tuple(replace(film, target=0, boxes=()) for film in films.films))
    with pytest.raises(InputError, match="every film of train is normal") as caught:
        check_data(normal, opened(normal, tmp_path), tmp_path / "check")
    assert caught.value.code == "dataset-one-class"


def test_a_sheet_has_a_column_for_each_class_even_without_a_film():
    film = SheetFilm(np.full((40, 30), 0.5, np.float32), np.array([[3.0, 4.0, 20.0, 30.0]]), ("slip",))
    with Image.open(BytesIO(film_sheet([("some", [film, film]), ("none", [])]))) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    amber = (pixels[..., 0] > 200) & (pixels[..., 2] < 120)
    assert amber.any()
    assert not amber[:, 300:].any()
    assert (np.abs(pixels - 128).max(axis=2) <= 1).sum() > 2 * 250 * 340
