"""The film bundles that ship, on digital patients that nobody trained them on. In-silico: these are not figures of patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.core import Image, Series, Study, StudyResult
from spondyl.core.identity import pixel_hash
from spondyl.datasets import miniatures
from spondyl.datasets.making.order import Scale
from spondyl.inference import Shelf
from spondyl.lab.films.asking import TASKS, open_film
from spondyl.lab.films.records import FilmRecord
from spondyl.lab.films.sets import film_set
from spondyl.lab.films.trust import strength
from spondyl.tasks.port import process_study

SEED = 20261130
LARGEST_MB = 12


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[FilmRecord, ...]:
    """Films of ten patients, all grades among them."""
    root = tmp_path_factory.mktemp("graded")
    miniatures.make("grades", root, 10, SEED, role="test", scale=Scale(fine_mm=1.4, trunk_mm=4.0, film_mm=0.5))
    return film_set("xray-grade", root, "", 0.0, 0).films


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf([])


def upside_down(image: Image) -> Image:
    pixels = np.ascontiguousarray(image.pixels[::-1])
    return replace(image, id=pixel_hash(pixels), pixels=pixels)


def answer(image: Image, task: str, shelf: Shelf) -> StudyResult:
    return process_study(Study("film", (Series("film", "DX", (image,)),)), TASKS[task], shelf).result


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_shipped_film_bundle_is_small_says_in_silico_and_knows_when_its_gate_is_unsure(task: str, shelf: Shelf):
    bundle = shelf.open(task).bundle
    assert bundle.note.evidence == "in-silico"
    assert "Research software. Not a diagnosis." in bundle.card
    assert {"sure", "sure_view"} <= bundle.settings["gate"].keys()
    assert sum(file.stat().st_size for file in bundle.folder.iterdir()) < LARGEST_MB * 1e6


@pytest.mark.parametrize("task", sorted(TASKS))
def test_films_are_answered_the_right_way_up_and_refused_upside_down(task: str, films: tuple[FilmRecord, ...], shelf: Shelf):
    images = [open_film(film) for film in films[:6]]
    upright = [answer(image, task, shelf).status for image in images]
    refusals = [answer(upside_down(image), task, shelf).refusal or {} for image in images]
    assert upright.count("done") >= 5
    assert [refusal.get("code") for refusal in refusals].count("film-upside-down") >= 5


@pytest.mark.parametrize(("task", "finding"), [("xray-grade", "degeneration_grade"), ("xray-lesions", "abnormal")])
def test_worn_spines_are_called_so_more_than_healthy_ones(task: str, finding: str, films: tuple[FilmRecord, ...], shelf: Shelf):
    said: dict[bool, list[float]] = {True: [], False: []}
    for film in films:
        own = [one for one in answer(open_film(film), task, shelf).findings if one.finding == finding and one.box is None]
        if film.target != 2 and own:
            said[film.target > 2].append(strength(own[0]))
    assert min(map(len, said.values())) >= 2
    assert np.mean(said[True]) > np.mean(said[False]) + 0.25
