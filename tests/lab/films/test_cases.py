from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from reports.make_result import done, picture
from spondyl.core import HeatMap, Image, TaskOutput
from spondyl.lab.films.cases import CaseFilm, best_and_worst, case_film, choose
from spondyl.reports.case_picture import CaseBox, case_png
from spondyl.reports.panel import AMBER, TEAL

films = st.lists(st.tuples(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(0, 2)), min_size=1, max_size=30)


@given(films, st.booleans(), st.integers(1, 3))
def test_chosen_cases_are_the_surest_of_their_label_and_kind(rows: list, right: bool, count: int):
    probabilities = np.array([values for values, _ in rows])
    targets = [label for _, label in rows]
    chosen = choose(probabilities, targets, right, count=count)
    for label in range(3):
        places = [place for place in range(len(rows)) if targets[place] == label and (probabilities[place].argmax() == label) == right]
        own = [case for case in chosen if case.target == label]
        assert len(own) == min(count, len(places))
        assert {case.place for case in own} <= set(places)
        left = [probabilities[place].max() for place in places if place not in {case.place for case in own}]
        assert all(case.probability >= max(left, default=0) - 1e-4 for case in own)


def test_of_one_patient_one_film_is_shown():
    chosen = choose([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], [0, 0, 0], True, groups=("a", "a", "b"))
    assert [case.place for case in chosen] == [0, 2]


def test_answers_by_a_threshold_replace_the_likeliest_label():
    (case,) = choose([0.46], [1], True, said=[1])
    assert (case.said, case.probability) == (1, 0.46)


def test_only_chosen_films_are_opened_and_their_pictures_lie_where_the_table_says(tmp_path: Path):
    opened: list[int] = []

    def open_film(place: int) -> CaseFilm:
        opened.append(place)
        return CaseFilm(picture(300, 200))

    table = best_and_worst(tmp_path / "cases", np.array([0.1, 0.2, 0.3, 0.9]), [0, 0, 0, 1], open_film, names="abcd",
                           labels=("normal", "abnormal"), count=1)
    assert opened == [0, 3]
    assert [row["name"] for row in table["best"]] == ["a", "d"]
    assert table["worst"] == []
    assert all((tmp_path / row["picture"]).read_bytes().startswith(b"\x89PNG") for row in table["best"])


def test_true_and_found_boxes_are_drawn_where_they_are_and_look_different():
    image = Image("film", np.zeros((760, 400), np.float32))
    boxes = CaseBox("", (40, 100, 140, 200)), CaseBox("", (200, 300, 300, 500), 0.9)
    drawn = np.asarray(Picture.open(BytesIO(case_png(image, boxes=boxes))))
    assert drawn.shape == (380, 200, 3)
    assert (drawn[150:250, 100] == AMBER).all()
    assert (drawn[50:100, 20] == TEAL).all(axis=1).sum() in range(20, 40)
    assert drawn[110:140, 30:90].max() == 0


@pytest.mark.parametrize("shape", [(2500, 2048), (40, 30), (200, 1500)])
def test_pictures_are_of_a_handy_size_whatever_came_in(shape: tuple[int, int]):
    image = picture(*shape)
    heat = HeatMap("abnormal", image.id, np.ones((4, 4), np.float32), np.array([[shape[1] / 4, 0, 0], [0, shape[0] / 4, 0]]))
    one, two = (Picture.open(BytesIO(case_png(image, maps))).size for maps in ((), (heat,)))
    assert one[1] == two[1] <= 380
    assert one[0] <= 520
    assert two[0] == 2 * one[0] + 6


def test_a_served_answer_becomes_a_case_with_its_boxes_and_maps():
    image = picture(300, 300)
    heat = HeatMap("abnormal", image.id, np.ones((4, 4), np.float32), np.eye(2, 3))
    other = HeatMap("abnormal", "another", np.ones((4, 4), np.float32), np.eye(2, 3))
    film = case_film(image, TaskOutput(done(image), (heat, other)), [CaseBox("true", (0, 0, 9, 9))])
    assert film.maps == (heat,)
    assert film.boxes[0].score is None
    assert len(film.boxes) > 1
    assert all(0 <= box.score <= 1 for box in film.boxes[1:])


def test_a_heat_map_is_drawn_where_it_points_at_whatever_size_the_film_is_shown():
    image = Image("film", np.zeros((1520, 800), np.float32))
    values = np.zeros((19, 10), np.float32)
    values[15, 2] = 1.0
    heat = HeatMap("abnormal", image.id, values, np.array([[80.0, 0, 0], [0, 80.0, 0]]))
    drawn = np.asarray(Picture.open(BytesIO(case_png(image, (heat,))))).astype(int)
    row, column = np.unravel_index(drawn.sum(axis=2).argmax(), drawn.shape[:2])
    assert abs(row - 15.5 * 80 / 4) < 3
    assert abs(column - (200 + 6 + 2.5 * 80 / 4)) < 3
