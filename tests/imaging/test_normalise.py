"""Intensities on a common scale, whatever the scanner's own was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import percentile_scale, scaled_block_mean
from spondyl.imaging.affine import block_mean

FEW = settings(max_examples=40, deadline=None)


@given(st.integers(0, 2**31), st.floats(0.01, 50), st.floats(-20, 20))
@FEW
def test_gain_and_offset_of_the_scanner_do_not_matter(seed: int, gain: float, offset: float):
    pixels = np.random.default_rng(seed).random((20, 30), dtype=np.float32)
    changed = (pixels * np.float32(gain) + np.float32(offset)).astype(np.float32)
    assert percentile_scale(changed) == pytest.approx(percentile_scale(pixels), abs=2e-2 * max(1, abs(offset) / gain * 1e-2))


@given(st.integers(0, 2**31), st.sampled_from([(0.0, 100.0), (1.0, 99.0), (5.0, 90.0)]))
@FEW
def test_the_percentiles_go_to_zero_and_one_and_order_is_kept(seed: int, ends: tuple[float, float]):
    pixels = np.random.default_rng(seed).normal(size=(25, 40)).astype(np.float32)
    scaled = percentile_scale(pixels, *ends)
    low, high = np.percentile(pixels, ends)
    assert scaled.dtype == np.float32
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert (scaled[pixels <= low] == 0).all()
    assert (scaled[pixels >= high] == 1).all()
    inside = (pixels > low) & (pixels < high)
    assert scaled[inside] == pytest.approx((pixels[inside] - low) / (high - low), abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, -4.0])
def test_a_flat_picture_becomes_black(value: float):
    assert not percentile_scale(np.full((5, 6), value, np.float32)).any()


def test_the_scale_may_be_taken_from_a_part():
    pixels = np.zeros((10, 10), np.float32)
    part = np.linspace(0, 2, 50, dtype=np.float32)
    pixels[0, 0] = 1.0
    assert percentile_scale(pixels, 0, 100, sample=part)[0, 0] == pytest.approx(0.5)


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 60), st.integers(1, 9))
@FEW
def test_scaling_and_averaging_in_one_pass_is_doing_one_after_the_other(seed: int, rows: int, columns: int, factor: int):
    pixels = np.random.default_rng(seed).random((rows, columns), dtype=np.float32)
    wanted = block_mean(np.clip((pixels - np.float32(0.2)) / np.float32(0.5), 0, 1), factor)
    assert scaled_block_mean(pixels, 0.2, 0.7, factor) == pytest.approx(wanted, abs=1e-6)


def test_a_film_of_several_strips_is_averaged_like_one_of_one():
    pixels = np.random.default_rng(0).random((700, 900), dtype=np.float32)
    wanted = block_mean(np.clip(pixels, 0, 1), 7)
    assert scaled_block_mean(pixels, 0.0, 1.0, 7) == pytest.approx(wanted, abs=1e-6)


def test_a_range_without_a_width_is_refused():
    with pytest.raises(ValueError, match="a range needs a width"):
        scaled_block_mean(np.zeros((4, 4), np.float32), 0.5, 0.5, 2)
