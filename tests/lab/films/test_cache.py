"""The cache holds what serving would make of each file, decodes a file once, and says which it left out."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom.dicom_files import plasma
from lab.films.film_folders import write_dicom, write_grades, write_vindr
from spondyl.core import InputError
from spondyl.dicom import Reader, Source
from spondyl.lab.films.cache import FilmCache, open_cache
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.rows import WHITE
from spondyl.lab.films.sets import film_set
from spondyl.tasks.films.framing import FilmFrame, frame_film

FRAME = FilmFrame(32, 24)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_vindr(tmp_path / "data", 12)
    return tmp_path / "data"


@pytest.fixture
def films(root: Path) -> tuple[FilmRecord, ...]:
    return film_set("xray-lesions", root, "", 0.2, 1).films


class Steps:
    """Counts the files that were decoded."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.seen: list[int] = []
        self.stop_at = stop_at

    def __call__(self, what: str, done: int, of: int) -> None:
        self.seen.append(done)
        if done >= self.stop_at:
            raise KeyboardInterrupt

    @property
    def decoded(self) -> int:
        return len(self.seen) - 1


def same(first: FilmCache, second: FilmCache) -> bool:
    return (first.films == second.films and first.image_ids == second.image_ids and np.array_equal(first.pixels, second.pixels)
            and np.array_equal(first.to_frame, second.to_frame) and np.array_equal(first.shapes, second.shapes))


def test_a_cached_film_is_what_serving_makes_of_the_same_file(films: tuple[FilmRecord, ...], tmp_path: Path):
    write_grades(tmp_path / "graded", [("train", 1)])
    both = (*films, *film_set("xray-grade", tmp_path / "graded", "", 0.2, 1).films)
    cache = open_cache(both, FRAME, tmp_path / "cache")
    with Reader(b"k" * 32, workers=1) as reader:
        report = reader.read([Source(film.path, film.name) for film in both])
    assert not report.skipped
    images = {image.id: image for study in report.studies for image in study.images}
    assert set(cache.image_ids) == images.keys()
    for place, name in enumerate(cache.image_ids):
        image = images[name]
        framed = frame_film(image.pixels, FRAME)
        assert np.abs(cache.pixels[place] / WHITE - framed.pixels).max() <= 1 / WHITE
        assert tuple(cache.shapes[place]) == image.shape
        corners = np.array([[0.0, 0.0], [image.shape[1], image.shape[0]]])
        assert cache.to_frame[place] @ [*corners[1], 1] == pytest.approx(framed.box.forward(corners)[1])
        assert framed.box.back(cache.to_frame[place] @ [*corners[1], 1]) == pytest.approx(corners[1])


def test_views_come_from_the_source_or_else_from_the_file(films: tuple[FilmRecord, ...], tmp_path: Path):
    cache = open_cache([replace(film, view="lateral" if place == 1 else None) for place, film in enumerate(films)], FRAME, tmp_path)
    assert [film.view for film in cache.films[:4]] == [None, "lateral", "frontal", None]


def test_a_file_is_decoded_once_and_again_only_when_it_changed(films: tuple[FilmRecord, ...], tmp_path: Path):
    first = open_cache(films, FRAME, tmp_path, steps := Steps())
    assert steps.decoded == len(films)
    assert same(open_cache(films, FRAME, tmp_path, steps := Steps()), first)
    assert steps.decoded == 0
    films[3].path.touch()
    open_cache(films, FRAME, tmp_path, steps := Steps())
    assert steps.decoded == 0
    write_dicom(films[3].path, plasma(44, 33, seed=99))
    changed = open_cache(films, FRAME, tmp_path, steps := Steps())
    assert steps.decoded == 1
    assert [a == b for a, b in zip(changed.image_ids, first.image_ids, strict=True)].count(False) == 1
    fresh = open_cache(films, FRAME, tmp_path / "fresh")
    assert same(changed, fresh)


def test_other_frames_do_not_meet(films: tuple[FilmRecord, ...], tmp_path: Path):
    wide = open_cache(films, FilmFrame(24, 40), tmp_path)
    tall = open_cache(films, FRAME, tmp_path)
    bright = open_cache(films, replace(FRAME, high=90.0), tmp_path)
    assert (wide.pixels.shape[1:], tall.pixels.shape[1:]) == ((24, 40), (32, 24))
    assert bright.pixels.mean() > tall.pixels.mean()


def test_another_choice_of_the_films_finds_the_same_rows(films: tuple[FilmRecord, ...], tmp_path: Path):
    whole = open_cache(films, FRAME, tmp_path)
    some = open_cache(films[::-2], FRAME, tmp_path, steps := Steps())
    assert steps.decoded == 0
    assert np.array_equal(some.pixels, whole.pixels[::-2])
    assert some.image_ids == whole.image_ids[::-2]


@pytest.mark.parametrize("tear", [b"", b"half a row", b'{"sha256": "00'])
def test_a_run_that_is_stopped_goes_on_behind_the_last_whole_row(films: tuple[FilmRecord, ...], tmp_path: Path, tear: bytes):
    with pytest.raises(KeyboardInterrupt):
        open_cache(films, FRAME, tmp_path / "stopped", Steps(stop_at=5))
    (home,) = (tmp_path / "stopped").iterdir()
    for name in ("rows.u16", "rows.jsonl"):
        (home / name).write_bytes((home / name).read_bytes() + tear)
    again = open_cache(films, FRAME, tmp_path / "stopped", steps := Steps())
    assert steps.decoded == len(films) - 5
    assert same(again, open_cache(films, FRAME, tmp_path / "whole"))


def test_several_processes_make_the_same_cache(films: tuple[FilmRecord, ...], tmp_path: Path):
    alone, crew = open_cache(films, FRAME, tmp_path / "1"), open_cache(films, FRAME, tmp_path / "2", jobs=2)
    assert same(alone, crew)
    assert crew.file.name == "rows.u16"


def test_a_cache_travels_by_the_name_of_its_file(films: tuple[FilmRecord, ...], tmp_path: Path):
    cache = open_cache(films, FilmFrame(256, 256), tmp_path)
    packed = pickle.dumps(cache)
    assert len(packed) < cache.pixels.nbytes / 20
    assert same(pickle.loads(packed), cache)


def test_places_are_those_of_the_split(films: tuple[FilmRecord, ...], tmp_path: Path):
    cache = open_cache(films, FRAME, tmp_path)
    assert {cache.films[place].split for place in cache.places("val")} == {"val"}
    assert sum(len(cache.places(split)) for split in ("train", "val", "test")) == len(films)


def damages(films: tuple[FilmRecord, ...]) -> Iterator[tuple[str, tuple[FilmRecord, ...]]]:
    """The films with one of them damaged, and the code that it has then."""
    film, rest = films[2], (*films[:2], *films[3:])
    yield "dataset-file-missing", (replace(film, path=film.path.with_name("gone")), *rest)
    broken = film.path.with_name("broken.dicom")
    broken.write_bytes(film.path.read_bytes()[:900])
    yield "dataset-image-unreadable", (replace(film, path=broken), *rest)
    outside = replace(films[1].boxes[0], box=(1.0, 2.0, 500.0, 9.0))
    yield "dataset-box-outside", (replace(film, boxes=(outside,)), *rest)


def test_films_that_cannot_be_used_are_left_out_and_listed(films: tuple[FilmRecord, ...], tmp_path: Path):
    for code, damaged in damages(films):
        cache = open_cache(damaged, FRAME, tmp_path / "cache")
        assert [film.name for film in cache.films] == [film.name for film in damaged[1:]]
        assert [(one.name, one.code) for one in cache.skipped] == [(damaged[0].name, code)]
        assert str(tmp_path) not in cache.skipped[0].message
        assert len(cache.pixels) == len(cache.image_ids) == len(cache.to_frame) == len(cache.films)


def test_more_than_one_in_twenty_stops_and_names_the_first(films: tuple[FilmRecord, ...], tmp_path: Path):
    assert len(films) == 24
    for count, stops in ((1, False), (2, True), (7, True)):
        damaged = tuple(replace(film, path=tmp_path / "gone") if place < count else film for place, film in enumerate(films))
        if not stops:
            assert len(open_cache(damaged, FRAME, tmp_path).skipped) == count
            continue
        with pytest.raises(InputError, match=f"{count} of 24 films cannot be used, more than 5%") as caught:
            open_cache(damaged, FRAME, tmp_path)
        assert caught.value.code == "dataset-unreadable-many"
        assert films[1].name in caught.value.message
        assert ("..." in caught.value.message) == (count > 5)
        assert films[6].name not in caught.value.message


def test_two_copies_of_one_file_are_two_films(films: tuple[FilmRecord, ...], tmp_path: Path):
    copy = films[0].path.with_name("copy.dicom")
    copy.write_bytes(films[0].path.read_bytes())
    cache = open_cache((films[0], replace(films[0], name="copy", path=copy), *films[1:]), FRAME, tmp_path)
    assert len(cache.films) == len(films) + 1
    assert np.array_equal(cache.pixels[0], cache.pixels[1])
    assert cache.files[0] == cache.files[1]


def test_films_are_found_by_content_when_rows_lie_in_another_order(films: tuple[FilmRecord, ...], tmp_path: Path):
    chosen = films[3:9]
    folder = tmp_path / "cache"
    first, before = open_cache(films, FRAME, folder), open_cache(chosen, FRAME, folder)
    (home,) = folder.iterdir()
    for name in ("rows.u16", "rows.jsonl"):
        (home / name).unlink()
    open_cache(films[::-1], FRAME, folder)
    assert same(open_cache(films, FRAME, folder), first)
    mirrored = tuple(films[len(films) - 1 - place] for place in range(3, 9))  # the row numbers that were chosen before
    assert np.array_equal(open_cache(mirrored, FRAME, folder).pixels, first.pixels[len(films) - 9 : len(films) - 3][::-1])
    assert same(open_cache(chosen, FRAME, folder), before)
