"""A frame holds the whole content, undistorted, and every place in it is found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import content_box, letterbox
from spondyl.tasks.mri_discs.frame import locator_frame, normalised

FEW = settings(max_examples=60, deadline=None)
sizes = st.integers(16, 700)


@given(sizes, sizes, st.data(), st.sampled_from([(192, 192), (128, 128), (80, 112), (1, 300)]))
@FEW
def test_any_box_survives_the_map_there_and_back(rows: int, columns: int, data: st.DataObject, shape: tuple[int, int]):
    x0, y0 = data.draw(st.floats(0, columns - 1)), data.draw(st.floats(0, rows - 1))
    x1, y1 = data.draw(st.floats(x0 + 0.5, columns)), data.draw(st.floats(y0 + 0.5, rows))
    frame = letterbox((0, 0, columns, rows), shape)
    corners = np.array([[x0, y0], [x1, y1]])
    inside = frame.forward(corners)
    assert (inside >= -1e-9).all()
    assert (inside <= np.array([shape[1], shape[0]]) + 1e-9).all()
    assert frame.back(inside) == pytest.approx(corners, abs=1e-6)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 500), st.floats(1, 500))
@FEW
def test_the_content_is_centred_fills_one_side_and_keeps_its_aspect(x: float, y: float, width: float, height: float):
    frame = letterbox((x, y, x + width, y + height), (96, 64))
    low, high = frame.forward(np.array([[x, y], [x + width, y + height]]))
    assert (low + high) / 2 == pytest.approx([32, 48], abs=1e-6)
    assert (high - low)[0] / (high - low)[1] == pytest.approx(width / height, rel=1e-9)
    assert max((high - low)[0] / 64, (high - low)[1] / 96) == pytest.approx(1)


def test_a_box_without_area_has_no_frame():
    with pytest.raises(ValueError, match="needs an area"):
        letterbox((3, 3, 3, 9), (8, 8))


def test_the_sampled_frame_shows_the_picture_where_the_map_says_and_black_outside():
    pixels = np.zeros((40, 20), np.float32)
    pixels[10, 5] = 1.0
    frame = letterbox((0, 0, 20, 40), (40, 40))
    seen = frame.sample(pixels)
    column, row = frame.forward(np.array([5.5, 10.5])) - 0.5
    assert (row, column) == (10.0, 15.0)
    assert seen[10, 15] == pytest.approx(1)
    assert seen[:, :9].max() == 0


@given(st.tuples(*[st.integers(0, 60)] * 4), st.integers(0, 1000))
@FEW
def test_the_content_of_a_padded_picture_is_the_picture(pad: tuple[int, int, int, int], seed: int):
    top, right, bottom, left = pad
    inner = np.random.default_rng(seed).uniform(0.2, 1.0, (120, 90)).astype(np.float32)
    pixels = np.pad(inner, ((top, bottom), (left, right)))
    assert content_box(pixels, 0.04) == (left, top, left + 90, top + 120)


def test_faint_noise_around_the_content_does_not_count():
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 0.01, (200, 200)).astype(np.float32)
    pixels[40:160, 60:150] = rng.uniform(0.3, 1, (120, 90))
    assert content_box(pixels) == (60, 40, 150, 160)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_picture_without_contrast_is_its_own_content(value: float):
    assert content_box(np.full((30, 50), value, np.float32)) == (0, 0, 50, 30)


def test_a_border_changes_nothing_that_the_networks_see():
    rng = np.random.default_rng(1)
    inner = rng.uniform(0.2, 1.0, (200, 160)).astype(np.float32)
    pixels = np.pad(inner, ((30, 5), (0, 70)))
    plain, padded = (locator_frame(p, 64).sample(normalised(p)) for p in (inner, pixels))
    assert padded[4:-4, 12:-12] == pytest.approx(plain[4:-4, 12:-12], abs=1e-5)
