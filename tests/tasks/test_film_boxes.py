"""Boxes of a frame on the film they came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics import box_iou
from spondyl.tasks.films.boxes import read_boxes
from spondyl.tasks.films.framing import FilmFrame, frame_film

PLAIN = {"least": 0.05, "overlap": 0.5, "most": 100}


def a_frame(rows, columns):
    return frame_film(np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns), FilmFrame(64, 48)).box


def inside(draw, low, high):
    first, second = sorted((draw(st.floats(low, high)), draw(st.floats(low, high))))
    return first, max(second, min(first + 2, high))


@st.composite
def films_and_boxes(draw):
    rows, columns = draw(st.integers(20, 400)), draw(st.integers(20, 400))
    x0, x1 = inside(draw, 0, columns - 3)
    y0, y1 = inside(draw, 0, rows - 3)
    return (rows, columns), (x0, y0, x1 + 1.5, y1 + 1.5)


@settings(max_examples=60, deadline=None)
@given(films_and_boxes())
def test_a_box_on_the_film_survives_the_way_to_the_frame_and_back(drawn):
    shape, box = drawn
    frame = a_frame(*shape)
    seen = frame.forward(np.array(box).reshape(2, 2)).reshape(1, 4)
    (back,) = read_boxes(seen, np.array([[0.01, 0.7]]), frame, PLAIN)
    assert back.box == pytest.approx(box, abs=1e-6)
    assert (back.label, back.score) == (1, pytest.approx(0.7))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_what_is_left_is_left_again_and_in_any_order(seed, count):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 30, (count, 2))
    boxes = np.concatenate([corner, corner + rng.integers(4, 20, (count, 2))], 1).astype(float)
    scores = rng.integers(0, 5, (count, 3)) / 5
    frame = a_frame(128, 96)
    found = read_boxes(boxes, scores, frame, PLAIN)
    shuffled = rng.permutation(count)
    assert read_boxes(boxes[shuffled], scores[shuffled], frame, PLAIN) == found
    again = read_boxes(
        frame.forward(np.array([f.box for f in found]).reshape(-1, 2)).reshape(-1, 4),
        np.array([[f.score * (f.label == c) for c in range(3)] for f in found]).reshape(-1, 3), frame, PLAIN,
    )
    assert [(f.label, f.score) for f in again] == [(f.label, f.score) for f in found]
    for label in range(3):
        own = [f.box for f in found if f.label == label]
        overlap = box_iou(own, own) if own else np.zeros((0, 0))
        assert (overlap - np.eye(len(own)) <= 0.5 + 1e-9).all()
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


def test_what_is_dropped_was_overlapped_by_a_surer_box_of_its_class():
    boxes = np.array([[0, 0, 20, 20], [1, 0, 20, 20], [1, 0, 20, 20]], float)
    scores = np.array([[0.9, 0], [0.8, 0], [0, 0.3]])
    assert [(f.label, f.score) for f in read_boxes(boxes, scores, a_frame(64, 48), PLAIN)] == [(0, 0.9), (1, 0.3)]


def test_boxes_end_at_the_border_of_the_film_and_those_outside_it_are_dropped():
    frame = a_frame(100, 200)  # 48 columns of frame for 200 of film: a band of 24 rows, from row 20
    boxes = np.array([[-5, 10, 30, 60], [0, 0, 40, 19.9]], float)
    (only,) = read_boxes(boxes, np.array([[0.9], [0.8]]), frame, PLAIN)
    assert only.box == pytest.approx((0, 0, 125, 100))


def test_only_so_many_boxes_are_kept():
    boxes = np.stack([np.arange(30.0), np.zeros(30), np.arange(30.0) + 1, np.full(30, 5.0)], 1)
    found = read_boxes(boxes, np.linspace(0.1, 0.9, 30)[:, None], a_frame(64, 48), {**PLAIN, "most": 7})
    assert len(found) == 7
    assert found[0].score == pytest.approx(0.9)
