"""Intensities on a common scale, whatever the scanner's own was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.imaging import percentile_scale

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
