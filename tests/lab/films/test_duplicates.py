"""Doubles are found however they were saved, and strangers are not taken for doubles."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spondyl.imaging import invert
from spondyl.lab.films.duplicates import SHAPE, Pair, identical_pairs, near_pairs, thumbnails
from spondyl.lab.films.rows import WHITE
from spondyl.tasks.films.framing import FilmFrame, frame_film

FRAME = FilmFrame(192, 128)
Film = NDArray[np.float32]


def spine(seed: int) -> Film:
    """Something like a spine: a bright column of blocks whose places and sizes differ from patient to patient, with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(300, 420)), int(rng.integers(180, 260))
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    centre = columns * rng.uniform(0.4, 0.6)
    film = 0.25 + 0.15 * np.cos((x - centre) / columns * 3) + 0.02 * rng.normal(size=(rows, columns))
    top = rng.uniform(5, 25)
    for _ in range(9):
        height, width, lean = rng.uniform(20, 36), rng.uniform(24, 46), rng.uniform(-12, 12)
        inside = (y > top) & (y < top + height) & (np.abs(x - centre - lean) < width / 2)
        film[inside] += rng.uniform(0.2, 0.45)
        top += height + rng.uniform(3, 12)
    for _ in range(6):
        film += 0.15 * np.exp(-((x - rng.uniform(0, columns)) ** 2 + (y - rng.uniform(0, rows)) ** 2) / rng.uniform(100, 600))
    return np.asarray(np.clip(film, 0, 1), np.float32)


def as_jpeg(film: Film) -> Film:
    file = BytesIO()
    Image.fromarray((film * 255).astype(np.uint8)).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file), np.float32) / np.float32(255)


def halved(film: Film) -> Film:
    picture = Image.fromarray(film)
    return np.asarray(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR), np.float32)


def thumbs_of(films: list[Film]) -> NDArray[np.float32]:
    framed = [frame_film(np.ascontiguousarray(film), FRAME) for film in films]
    return thumbnails(np.stack([np.rint(one.pixels * WHITE).astype(np.uint16) for one in framed]),
                      np.stack([invert(one.box.to_source) for one in framed]), np.array([film.shape for film in films]))


def pairs_of(films: list[Film], groups: list[str]) -> list[Pair]:
    return near_pairs(thumbs_of(films), groups, [str(place) for place in range(len(films))])


@pytest.mark.parametrize(("change", "kind"), [
    (as_jpeg, "near"), (halved, "near"), (lambda film: film**0.8, "near"), (lambda film: np.round(film * 31) / 31, "near"),
    (lambda film: np.clip(film * 1.2 - 0.1, 0, 1), "near"), (lambda film: film[2:-2, 1:-1], "near"),
    (lambda film: film[:, ::-1], "mirrored"),
    (lambda film: 1 - film, "inverted"), (lambda film: 1 - film[:, ::-1], "mirrored and inverted"),
], ids=["jpeg", "half", "gamma", "five bits", "window", "cropped", "mirrored", "inverted", "both"])
def test_a_double_is_found_however_it_was_saved(change: Callable[[Film], Film], kind: str):
    films = [spine(seed) for seed in range(6)]
    doubles = [np.asarray(change(film), np.float32) for film in films]
    found = pairs_of([*films, *doubles], ["train"] * 6 + ["test"] * 6)
    doubled = {(pair.first, pair.second, pair.kind) for pair in found}
    assert doubled <= {(place, place + 6, kind) for place in range(6)}
    assert len(doubled) >= (5 if "inverted" in kind else 6)  # the darkest bone of an inverted film is cut by the percentiles
    assert [pair.likeness for pair in found] == sorted((pair.likeness for pair in found), reverse=True)


def test_strangers_are_not_doubles():
    assert not pairs_of([spine(seed) for seed in range(60)], ["train", "test"] * 30)


def test_films_of_one_group_are_not_compared_and_identical_ones_are_another_matter():
    film = spine(1)
    assert not pairs_of([film, as_jpeg(film)], ["train", "train"])
    assert not near_pairs(thumbs_of([film, film]), ["train", "test"], ["same", "same"])
    assert len(near_pairs(thumbs_of([film, film]), ["train", "test"], ["this", "that"])) == 1


def test_films_of_one_grey_are_like_nothing():
    blank = np.full((90, 70), 0.5, np.float32)
    thumbs = thumbs_of([blank, blank, np.zeros((20, 20), np.float32)])
    assert thumbs.shape == (3, *SHAPE)
    assert not thumbs.any()
    assert not pairs_of([blank, blank], ["train", "test"])


def test_every_copy_is_paired_with_the_first_of_its_content():
    assert [(pair.first, pair.second) for pair in identical_pairs(["a", "b", "a", "c", "a", "b"])] == [(0, 2), (0, 4), (1, 5)]
