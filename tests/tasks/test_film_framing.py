"""One preprocessing: what a network sees of a film, quick and by the words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import affine_sample, letterbox, percentile_scale
from spondyl.imaging.affine import block_mean
from spondyl.tasks.films.framing import SAMPLE_STEP, FilmFrame, frame_film


@given(st.integers(0, 2**31), st.integers(40, 400), st.integers(40, 400), st.sampled_from([(48, 32), (96, 64), (32, 80)]))
@settings(max_examples=30, deadline=None)
def test_a_film_is_scaled_by_its_percentiles_and_then_fitted(seed: int, rows: int, columns: int, shape: tuple[int, int]):
    pixels = np.random.default_rng(seed).random((rows, columns), dtype=np.float32)
    framed = frame_film(pixels, FilmFrame(*shape, 2.0, 97.0))
    scaled = percentile_scale(pixels, 2.0, 97.0, pixels[::SAMPLE_STEP, ::SAMPLE_STEP])
    box = letterbox((0, 0, columns, rows), shape)
    factor = max(1, int(max(columns / shape[1], rows / shape[0])))
    wanted = affine_sample(block_mean(scaled, factor), box.to_source / factor, shape)
    assert framed.pixels.shape == shape
    assert framed.pixels == pytest.approx(wanted, abs=2e-6)
    assert framed.box.to_source == pytest.approx(box.to_source)


@pytest.mark.parametrize("size", [30, 300])
def test_a_flat_film_is_black(size: int):
    framed = frame_film(np.full((size, size), 0.3, np.float32), FilmFrame(16, 16))
    assert not framed.pixels.any()


def test_the_way_back_leads_to_the_films_own_pixels():
    pixels = np.zeros((300, 200), np.float32)
    pixels[120:132, 60:72] = 1.0
    framed = frame_film(pixels, FilmFrame(75, 50, 0.0, 100.0))
    row, column = np.argwhere(framed.pixels > 0.9).mean(axis=0)
    assert framed.box.back(np.array([column + 0.5, row + 0.5])) == pytest.approx([66, 126], abs=2)
