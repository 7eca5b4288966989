"""Frames go both ways, and greys are made even whatever the exposure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.tasks.xray_alignment.corners import moments
from spondyl.tasks.xray_alignment.frames import close_frame, even, film_frame, looked_at, reduced, scaled, vertebra_frame

from .columns import FILM, spine


@given(st.floats(-0.6, 0.6), st.floats(20, 300), st.floats(0.4, 1.0))
def test_a_vertebra_stands_upright_in_the_middle_of_its_frame(tilt: float, width: float, share: float):
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    box = np.array([[-0.5, -share / 2], [0.5, -share / 2], [-0.5, share / 2], [0.5, share / 2]]) * width @ turn.T + [400.0, 300.0]
    frame = vertebra_frame(box, (80, 96))
    inside = frame.forward(box)
    assert inside.mean(axis=0) == pytest.approx([48, 40])
    assert inside[0, 1] == pytest.approx(inside[1, 1])
    assert inside[1, 0] - inside[0, 0] == pytest.approx(48)
    assert frame.back(inside) == pytest.approx(box)


def test_the_close_frame_holds_the_column():
    corners = spine() * 3
    inside = close_frame(corners, FILM).forward(corners)
    assert (inside >= 0).all()
    assert (inside <= [FILM[1], FILM[0]]).all()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_part_of_a_film_looks_as_it_does_on_the_whole(seed: int):
    rng = np.random.default_rng(seed)
    pixels = rng.random((300, 200), np.float32)
    corners = spine(3)[1] * rng.uniform(0.5, 1.2)
    frame = vertebra_frame(corners, (32, 48))
    assert np.abs(looked_at(pixels, frame) - frame.sample(pixels)).max() < 0.02


@given(st.floats(0.3, 1.0), st.floats(0.0, 0.4))
def test_even_greys_do_not_depend_on_the_exposure(gain: float, offset: float):
    picture = np.random.default_rng(0).random((64, 48), np.float32)
    assert np.abs(even(picture, 0.1) - even(np.float32(gain) * picture + np.float32(offset), 0.1)).max() < 0.07


def test_a_large_film_is_reduced_and_corners_come_back_by_the_factor():
    pixels = np.zeros((6400, 100), np.float32)
    small, factor = reduced(pixels)
    assert (small.shape, factor) == ((1280, 20), 5)
    assert reduced(small)[1] == 1


def test_scaling_keeps_what_lies_beyond_the_range():
    pixels = np.tile(np.linspace(0.2, 0.4, 400, dtype=np.float32), (400, 1))
    pixels[:2, :2] = 1.0
    assert scaled(pixels).max() > 3


def test_moments_are_the_mean_and_the_spread_of_a_map():
    y, x = np.mgrid[0:40, 0:48] + 0.5
    bell = np.exp(-((x - 20.3) ** 2) / (2 * 2.0**2) - ((y - 11.7) ** 2) / (2 * 1.5**2))
    chances = np.tile(bell / bell.sum(), (2, 4, 1, 1)).astype(np.float32)
    own, mirrored = moments(chances, 1, (80, 96))
    assert own[0, 0, :2] == pytest.approx([40.6, 23.4], abs=0.05)
    assert own[0, 0, [2, 5]] == pytest.approx([16.0, 9.0], rel=0.03)
    assert mirrored[0, 1, 0] == pytest.approx(96 - 40.6, abs=0.05)


def test_the_whole_film_fits_its_frame():
    assert film_frame((1000, 300), FILM).forward(np.array([[150.0, 500.0]])) == pytest.approx(np.array([[128.0, 256.0]]))
