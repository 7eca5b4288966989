"""Cobb's angle by a slow definition, and what does not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.metrics.spine_curves import LEAST_CURVE_DEG, Curve, aasce_angles, cobb_angles, plate_tilts, smoothed, smoothed_plates

FEW = settings(max_examples=60, deadline=None)
BOX = np.array([[-20.0, -12.0], [20.0, -12.0], [-20.0, 12.0], [20.0, 12.0]])


def spine(tilts: list[float], step: float = 34.0) -> NDArray[np.float64]:
    """Vertebrae one below the other, each turned by its tilt (degrees, clockwise on the picture), its middle where the last one leads."""
    corners, middle = [], np.array([200.0, 60.0])
    for tilt in tilts:
        turn = np.radians(tilt)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corners.append(BOX @ matrix.T + middle)
        middle = middle + matrix @ np.array([0.0, step])
    return np.array(corners)


def slowly(corners: NDArray[np.float64]) -> float:
    """Widest angle between an upper plate and a lower plate further down, plate by plate."""
    upper, lower = plate_tilts(corners)
    return max(abs(lower[j] - upper[i]) for i in range(len(corners)) for j in range(i + 1, len(corners)))


tilts = st.lists(st.floats(-35, 35), min_size=3, max_size=20, unique=True)
"""All different: between equal angles it is chance which vertebra ends a curve."""


@given(tilts)
@FEW
def test_the_largest_curve_is_the_widest_angle_between_plates(row: list[float]):
    corners = spine(row)
    curves = cobb_angles(corners)
    widest = slowly(corners)
    if not curves:
        assert widest < 1
        return
    assert max(curve.angle_deg for curve in curves) == pytest.approx(widest)
    for curve in curves:
        assert 0 <= curve.upper < curve.lower < len(corners)
        assert curve.upper <= curve.apex <= curve.lower
        assert abs(curve.signed_deg) == pytest.approx(curve.angle_deg)
    assert [curve.angle_deg for curve in curves] == sorted((curve.angle_deg for curve in curves), reverse=True)
    for other in curves[1:]:
        assert other.angle_deg >= LEAST_CURVE_DEG
        assert np.sign(other.signed_deg) == -np.sign(curves[0].signed_deg)


@given(tilts, st.floats(0.2, 5), st.floats(-300, 300), st.floats(-20, 20))
@FEW
def test_size_shift_and_a_turn_of_the_film_change_no_angle(row: list[float], scale: float, shift: float, turn: float):
    corners = spine(row)
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    before, after = cobb_angles(corners), cobb_angles(scale * corners @ matrix.T + shift)
    largest = [max((curve.angle_deg for curve in curves), default=0.0) for curves in (before, after)]
    assert largest[1] == pytest.approx(largest[0], abs=1e-6)


@given(tilts)
@FEW
def test_a_mirrored_spine_has_the_same_curves_on_the_other_side(row: list[float]):
    corners = spine(row)
    mirrored = (corners * [-1, 1] + [400, 0])[:, [1, 0, 3, 2]]
    for one, other in zip(cobb_angles(corners), cobb_angles(mirrored), strict=True):
        assert other.angle_deg == pytest.approx(one.angle_deg)
        assert other.signed_deg == pytest.approx(-one.signed_deg)
        assert (other.upper, other.lower) == (one.upper, one.lower)


def test_a_c_shaped_spine_has_one_curve_with_its_apex_in_the_middle_on_the_side_that_it_bulges_to():
    (curve,) = cobb_angles(spine([-20, -15, -10, -5, 0, 5, 10, 15, 20]))
    assert curve.angle_deg == pytest.approx(40)
    assert (curve.upper, curve.apex, curve.lower) == (0, 4, 8)
    assert curve.bulge == 1
    (other,) = cobb_angles(spine([20, 15, 10, 5, 0, -5, -10, -15, -20]))
    assert (other.bulge, other.signed_deg) == (-1, pytest.approx(-40))


def test_an_s_shaped_spine_has_two_curves_that_turn_against_each_other():
    first, second = cobb_angles(spine([-15, -8, 0, 8, 15, 8, 0, -8, -12]))
    assert (first.angle_deg, second.angle_deg) == (pytest.approx(30), pytest.approx(27))
    assert np.sign(first.signed_deg) == -np.sign(second.signed_deg)
    assert first.lower <= second.upper


@pytest.mark.parametrize("row", [[0.0] * 6, [0.3, 0.0, -0.2, 0.1], [10.0], [5.0, -5.0]])
def test_a_straight_spine_and_one_of_two_vertebrae_have_none(row: list[float]):
    assert cobb_angles(spine(row)) == []


def test_a_curve_says_what_it_is():
    (curve,) = cobb_angles(spine([-10, 0, 10]))
    assert isinstance(curve, Curve)
    assert curve == Curve(pytest.approx(20), pytest.approx(20), 0, 2, 1, 1)


@given(tilts, st.floats(0.01, 20))
@FEW
def test_smoothing_keeps_sizes_and_middles_and_the_line_through_the_tilts(row: list[float], strength: float):
    corners = spine(row)
    plain = smoothed(corners, strength)
    assert plain.mean(axis=1) == pytest.approx(corners.mean(axis=1))
    assert np.linalg.norm(plain[:, 1] - plain[:, 0], axis=1) == pytest.approx(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1))
    before, after = plate_tilts(corners)[0], plate_tilts(plain)[0]
    places = np.arange(len(row))
    assert np.polyfit(places, after, 1) == pytest.approx(np.polyfit(places, before, 1), abs=1e-6), "Whittaker keeps straight lines"
    assert np.square(np.diff(after, 2)).sum() <= np.square(np.diff(before, 2)).sum() + 1e-6


def test_no_strength_changes_nothing_and_an_even_curve_is_smooth_already():
    corners = spine([-20, -10, 0, 10, 20])
    assert np.array_equal(smoothed(corners, 0), corners)
    assert smoothed(corners, 5.0) == pytest.approx(corners)


def test_smoothing_takes_the_upward_bias_of_a_widest_mid_line_angle_away():
    rng = np.random.default_rng(0)
    true = spine(list(12 * np.sin(np.arange(17) / 2.2)))
    wanted = aasce_angles(true, 700)[0]
    plain, smooth = [], []
    for _ in range(80):
        noisy = true + rng.normal(0, 1.4, true.shape)
        plain.append(aasce_angles(noisy, 700)[0] - wanted)
        smooth.append(aasce_angles(smoothed(noisy, 0.1), 700)[0] - wanted)
    assert np.mean(plain) > 1.5
    assert abs(np.mean(smooth)) < 0.6 * np.mean(plain)


def test_smoothing_plates_is_whittaker_s_least_sum_and_keeps_their_middles() -> None:
    rng = np.random.default_rng(5)
    corners = np.array([[0.0, 0.0], [40.0, 0.0], [0.0, 20.0], [40.0, 20.0]]) + np.arange(12)[:, None, None] * [0.0, 30.0]
    corners = corners + rng.normal(0, 1.5, corners.shape)
    turned = smoothed_plates(corners, 0.3)
    before, after = (np.radians(np.stack(plate_tilts(points), axis=1).ravel()) for points in (corners, turned))

    def cost(tilts: NDArray[np.float64]) -> float:
        return float(((tilts - before) ** 2).sum() + 0.3 * (np.diff(tilts, 2) ** 2).sum())

    assert all(cost(after) < cost(after + rng.normal(0, 0.01, after.shape)) for _ in range(50))
    assert turned.reshape(-1, 2, 2).mean(axis=1) == pytest.approx(corners.reshape(-1, 2, 2).mean(axis=1))
    assert np.array_equal(smoothed_plates(corners, 0.0).round(9), corners.round(9))


@pytest.mark.parametrize("turn", [26.0, -26.0])
def test_a_curve_between_neighbours_bulges_as_its_sign_says_and_mirrors(turn: float) -> None:
    corners = spine([0.0, 0.0, 0.0, turn, turn])
    (first, *_) = cobb_angles(corners)
    assert first.bulge == np.sign(first.signed_deg)
    (mirrored, *_) = cobb_angles((corners * [-1, 1])[:, [1, 0, 3, 2]])
    assert (mirrored.bulge, mirrored.signed_deg) == (-first.bulge, pytest.approx(-first.signed_deg))
