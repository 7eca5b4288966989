"""The parts of the renderer against their definitions, and the pictures made for refusing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import NotFoundError
from spondyl.phantom import Acquisition, draw_subject
from spondyl.phantom.canvas import Canvas, Frame, Texture, blur, coverage, ellipse
from spondyl.phantom.others import KINDS, draw_other, kind, render_xray
from spondyl.phantom.tissue import FAT_T1_MS, FAT_T2_MS, TISSUES, fat_signal, marrow_signal, signal


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.tuples(st.floats(0.2, 2.0), st.floats(0.2, 2.0)), st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_a_pixel_s_body_point_lies_at_that_pixel(angle: float, spacing: tuple[float, float], centre: tuple[float, float]):
    frame = Frame(12, 17, spacing, centre, angle, (3, 5))
    x, y = frame.to_body()
    pixels = frame.to_pixels(np.stack([x.ravel(), y.ravel()], axis=1))
    rows, columns = np.mgrid[:12, :17]
    assert pixels == pytest.approx(np.stack([columns.ravel() + 3, rows.ravel() + 5], axis=1), abs=1e-3)


def test_painted_area_is_the_shape_s_area():
    canvas = Canvas(Frame(200, 200, (0.5, 0.5)))
    canvas.paint(ellipse(canvas.x, canvas.y, 30.0, 30.0), 1.0)
    assert canvas.signal.sum() * 0.25 == pytest.approx(np.pi * 30**2, rel=0.01)
    assert coverage(np.array([-5.0, 0.0, 5.0]), 1.0).tolist() == [1.0, 0.5, 0.0]


def test_blur_keeps_the_sum_and_matches_a_slow_convolution():
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    wide = blur(point, 1.5)
    rows, columns = np.mgrid[-10:11, -10:11]
    slow = np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))
    assert wide.sum() == pytest.approx(1, abs=1e-5)
    assert wide == pytest.approx(slow / slow.sum(), abs=2e-3)


def test_a_texture_is_fixed_to_the_body():
    texture = Texture(seed=7, stream=1, scale_mm=5.0)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-150, 150, (2, 4000)).astype(np.float32)
    whole = texture.at(x, y)
    assert np.array_equal(whole[10:20], Texture(7, 1, 5.0).at(x[10:20], y[10:20]))
    assert abs(whole.mean()) < 0.15
    assert 0.6 < whole.std() < 1.3


def test_signals_follow_the_two_pool_equation():
    scan = Acquisition("t2", field_tesla=3.0, tr_ms=3500, te_ms=110)
    csf = TISSUES["csf"]
    slow = csf.density * (1 - np.exp(-3500 / (csf.t1_ms * csf.t1_factor_3t))) * np.exp(-110 / csf.t2_ms)
    assert signal(csf, scan) == pytest.approx(slow)
    fat = (1 - np.exp(-3500 / FAT_T1_MS[3.0])) * np.exp(-110 / FAT_T2_MS)
    assert fat_signal(scan) == pytest.approx(fat)
    assert (round(fat_signal(scan), 2), round(signal(csf, scan), 2)) == (0.44, 0.52)  # the figures of the physics sheet
    assert signal(TISSUES["muscle"], scan) < 0.08


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_stir_nulls_fat_at_either_field(field: float):
    assert fat_signal(Acquisition("stir", field_tesla=field, tr_ms=4000, te_ms=50)) == pytest.approx(0, abs=1e-6)


def test_modic_types_look_as_they_are_defined():
    t1, t2 = Acquisition("t1", tr_ms=550, te_ms=11), Acquisition("t2")
    change = {k: (marrow_signal(0.45, k, t1) / marrow_signal(0.45, 0, t1), marrow_signal(0.45, k, t2) / marrow_signal(0.45, 0, t2))
              for k in (1, 2, 3)}
    assert change[1][0] < 0.9 < 1.1 < change[1][1]
    assert min(change[2]) > 1.1
    assert max(change[3]) < 0.5


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_other_picture_is_varied_and_replayable(name: str):
    first, again, other = (draw_other(np.random.default_rng(seed), name) for seed in (1, 1, 2))
    assert first.dtype == np.float32
    assert first.ndim == 2
    assert 120 <= min(first.shape) <= max(first.shape) <= 640
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_misspelt_kind_is_told_the_right_one_and_a_name_is_claimed_once():
    with pytest.raises(NotFoundError, match="Did you mean 'axial_mr'"):
        draw_other(np.random.default_rng(0), "axial_mri")
    with pytest.raises(ValueError, match="claimed twice"):
        kind("chest")(lambda rng: np.zeros((2, 2), np.float32))


def test_an_unknown_view_of_a_film_is_an_error():
    with pytest.raises(ValueError, match="'ap' or 'lateral'"):
        render_xray(draw_subject(np.random.default_rng(0)), "oblique", Acquisition())
