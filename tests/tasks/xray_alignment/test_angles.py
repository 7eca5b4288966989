"""Angles and their error bars, against what happens when corners are moved by chance."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.metrics.spine_curves import aasce_angles, cobb_angles, smoothed, smoothed_plates
from spondyl.tasks.xray_alignment.angles import LEAST_SD_DEG, curve_sds, measure_angles, mid_sd

from .columns import FILM, column, spine

SETTINGS = {"plate_strength": 0.1, "mid_strength": 0.05, "plate_factor": 1.6449, "mid_factor": 1.6449}


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_the_error_of_a_curve_is_that_of_moved_corners(strength: float):
    corners, sd = spine(tilt_deg=20.0), 1.0
    (first, *_) = curves = cobb_angles(smoothed_plates(corners, strength))
    told = curve_sds(column(corners, sd).corners, tuple(curves), strength)[0]
    rng, angles = np.random.default_rng(0), []
    for _ in range(800):
        moved = smoothed_plates(corners + rng.normal(0, sd, corners.shape), strength)
        up, down = moved[first.upper], moved[first.lower]
        ends = [np.degrees(np.arctan2(*(one[1] - one[0])[::-1])) for one in (up[:2], down[2:])]
        angles.append(ends[1] - ends[0])
    assert np.sqrt(told**2 - LEAST_SD_DEG**2) == pytest.approx(np.std(angles), rel=0.1)


def test_the_error_of_mid_lines_is_that_of_moved_corners():
    corners, sd = spine(tilt_deg=25.0), 0.5
    told = mid_sd(column(corners, sd).corners, smoothed(corners, 0.05), 0.05)
    rng = np.random.default_rng(1)
    angles = [aasce_angles(smoothed(corners + rng.normal(0, sd, corners.shape), 0.05), FILM[0])[0] for _ in range(600)]
    assert np.sqrt(told**2 - LEAST_SD_DEG**2) == pytest.approx(np.std(angles), rel=0.25)


def test_sure_corners_give_the_angles_that_were_drawn():
    corners = spine(tilt_deg=20.0)
    angled = measure_angles(column(corners, 1e-6).corners, FILM[0], {**SETTINGS, "plate_strength": 0.0, "mid_strength": 0.0})
    assert angled.curves[0].angle_deg == pytest.approx(40.0, abs=0.1)
    assert angled.mid_lines == pytest.approx(aasce_angles(corners, FILM[0]))
    assert angled.widest == (angled.curves[0].angle_deg, pytest.approx(1.6449 * LEAST_SD_DEG, abs=1e-3))


def test_a_straight_spine_has_no_curve_and_still_an_error():
    angled = measure_angles(column(spine(tilt_deg=0.0)).corners, FILM[0], SETTINGS)
    assert angled.curves == ()
    assert angled.widest[0] == 0
    assert angled.widest[1] > 1


@pytest.mark.parametrize("count", [1, 2])
def test_too_short_a_column_has_no_angle(count: int):
    angled = measure_angles(column(spine(count)).corners, FILM[0], SETTINGS)
    assert (angled.curves, angled.mid_lines) == ((), None)
