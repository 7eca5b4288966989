"""Which images of a study are taken for films, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from films_bundle import GATE, film_image, film_study, lesion_bundle
from spondyl.core import Image, Refusal, Series, Study
from spondyl.inference import Engine, open_engine
from spondyl.tasks.films.gate import POSES, VIEWS, Admitted, admit, check_pose, look
from spondyl.tasks.films.members import Frames
from spondyl.tasks.films.selecting import MOST_FILMS, RADIOGRAPHS, films_of


def logits(pose: str, view: str = "frontal", sure: float = 8.0) -> np.ndarray:
    row = np.zeros(len(POSES) + len(VIEWS), np.float32)
    row[POSES.index(pose)] = row[len(POSES) + VIEWS.index(view)] = sure
    return row


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_engine(lesion_bundle(tmp_path_factory.mktemp("gate") / "bundle"), "onnxruntime")


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., Engine]:
    """An engine whose gate has these settings."""

    def made(**settings: float) -> Engine:
        return open_engine(lesion_bundle(tmp_path / "bundle", gate={**GATE, **settings}), "onnxruntime")

    return made


def through(engine: Engine, *images: Image) -> Admitted:
    return admit(images, engine, Frames())


@pytest.mark.parametrize("view", VIEWS)
def test_an_upright_film_passes_and_its_view_is_named(view: str):
    seen = look(logits("film", view))
    check_pose(seen, 0.5)
    assert seen.view == view
    assert sum(seen.poses.values()) == pytest.approx(1)
    assert sum(seen.views.values()) == pytest.approx(1)


def test_every_other_pose_is_refused_in_its_own_words():
    said = {}
    for pose in POSES[1:]:
        with pytest.raises(Refusal) as caught:
            check_pose(look(logits(pose)), 0.5)
        assert caught.value.message
        assert caught.value.hint
        said[pose] = caught.value.code
    assert said == {"upside_down": "film-upside-down", "on_its_side": "film-on-its-side", "other": "not-a-lumbar-film"}


@pytest.mark.parametrize("pose", POSES[1:])
def test_a_picture_in_another_pose_is_refused_through_the_network(engine: Engine, pose: str):
    with pytest.raises(Refusal) as caught:
        through(engine, film_image(pose=pose))
    assert caught.value.code == {"upside_down": "film-upside-down", "on_its_side": "film-on-its-side"}.get(pose, "not-a-lumbar-film")


def test_a_refused_film_of_a_study_is_left_out_with_its_reason_and_the_others_are_answered(engine: Engine):
    good, bad = film_image(tagged="ap"), film_image(pose="upside_down", tagged="ap")
    admitted = through(engine, bad, good)
    assert [film.image for film in admitted.films] == [good]
    assert [notice.code for notice in admitted.notices] == ["image-left-out"]
    assert "stands on its head" in admitted.notices[0].message
    assert (admitted.notices[0].reason, admitted.notices[0].images) == ("film-upside-down", (bad.id,))


def test_a_film_that_was_decoded_at_less_is_answered_and_said(engine: Engine):
    whole, coarse = film_image(tagged="ap"), replace(film_image(tagged="ap", seed=1), decoded_scale=2)
    assert not through(engine, whole).notices
    (notice,) = through(engine, whole, coarse).notices
    assert (notice.code, notice.images) == ("film-decoded-coarse", (coarse.id,))
    assert notice.message.startswith("1 of 2 films were")


def test_the_view_comes_from_the_file_where_it_says_and_else_from_the_picture(engine: Engine):
    told, guessed = film_image("frontal", tagged="ap"), film_image("lateral", seed=1)
    admitted = through(engine, guessed, told)
    assert [(film.image, film.view) for film in admitted.films] == [(told, "frontal"), (guessed, "lateral")]
    assert [notice.code for notice in admitted.notices] == ["view-guessed"]
    assert [film.note.view for film in admitted.films] == ["ap", "lateral"]


def test_a_view_in_the_file_holds_against_the_picture_and_the_contradiction_is_said(gate: Callable[..., Engine]):
    admitted = through(gate(sure_view=0.9), film_image("lateral", tagged="ap"))
    assert (admitted.films[0].view, admitted.films[0].doubtful) == ("frontal", True)
    assert [notice.code for notice in admitted.notices] == ["view-doubtful"]


def test_a_view_that_was_guessed_without_being_sure_calls_for_a_second_look(gate: Callable[..., Engine]):
    (film,) = through(gate(sure_view=1.1), film_image("lateral")).films
    assert (film.view, film.doubtful) == ("lateral", True)


def test_films_are_answered_in_one_order_whatever_order_they_came_in(engine: Engine):
    images = [film_image(view, seed=seed) for seed in range(3) for view in VIEWS]
    forth, back = through(engine, *images), through(engine, *images[::-1])
    assert [film.image.id for film in forth.films] == [film.image.id for film in back.films]
    assert [film.view for film in forth.films] == ["frontal"] * 3 + ["lateral"] * 3


@pytest.mark.parametrize("modality", RADIOGRAPHS)
def test_radiographs_and_pictures_are_looked_at(modality: str):
    assert len(films_of(film_study(film_image(), film_image(seed=1), modality=modality)).images) == 2


@pytest.mark.parametrize("modality", ["MR", "CT", "SR", "US", "MG", "BMD", "SEG"])
def test_other_modalities_are_refused_by_name(modality: str):
    with pytest.raises(Refusal, match=f"modality {modality}") as caught:
        films_of(film_study(film_image(), modality=modality))
    assert caught.value.code == "not-a-radiograph"


def test_a_slice_beside_a_film_is_left_out_and_said():
    film, other = film_image(), film_image(seed=2)
    study = Study("k" * 20, (Series("a", "MR", (other,)), Series("b", "DX", (film,))))
    selection = films_of(study)
    assert selection.images == (film,)
    assert [(notice.code, notice.reason, notice.images) for notice in selection.notices] == [
        ("image-left-out", "not-a-radiograph", (other.id,))]


def plain(pixels: np.ndarray, **changes: object) -> Image:
    return Image("i" * 32, np.ascontiguousarray(pixels, np.float32), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (plain(np.zeros((200, 150))), "all-black"),
        (plain(np.full((200, 150), 0.5)), "no-contrast"),
        (plain(np.eye(80)), "picture-too-small"),
        (plain(film_image().pixels, colour=True), "colour-picture"),
    ],
)
def test_pictures_that_can_be_no_film_are_refused_before_any_network_sees_them(image: Image, code: str):
    with pytest.raises(Refusal) as caught:
        films_of(film_study(image))
    assert caught.value.code == code
    assert caught.value.hint


def test_the_same_film_twice_is_answered_once_and_too_many_are_cut_with_a_word():
    image = film_image()
    assert films_of(film_study(image, image)).images == (image,)
    many = [film_image(seed=seed) for seed in range(MOST_FILMS + 3)]
    selection = films_of(film_study(*many))
    assert {one.id for one in selection.images} == {one.id for one in many[:MOST_FILMS]}, "the first ones of the study"
    assert [(notice.code, set(notice.images)) for notice in selection.notices] == [
        ("films-left-out", {one.id for one in many[MOST_FILMS:]})]
    first = many[:MOST_FILMS]
    assert films_of(film_study(*first[::-1])).images == selection.images
