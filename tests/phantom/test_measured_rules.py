"""The rules behind the labels: each at its thresholds, never softer when the number is worse; angles against their definitions."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import require_data
from phantom.measured_subject import bare, subject
from spondyl.metrics.bone_density import t_score, who_class
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.phantom.measured import measure_subject, rules
from spondyl.phantom.measured.density import spine_density

EPS = 1e-6
shares = st.floats(0, 1)


@pytest.mark.parametrize(("area", "share", "grade"), [
    (180, 0.2, 0), (103 + EPS, 1.0, 0), (100, 0.49, 0), (100, 0.5, 1), (98, 0.4, 0), (96, 0.0, 1), (79, 1.0, 1), (75, 0.84, 1),
    (75, 0.85, 2), (71, 0.0, 2), (0, 1.0, 2),
])
def test_the_area_of_the_sac_grades_the_canal_and_the_roots_decide_a_tie(area: float, share: float, grade: int):
    assert rules.canal_grade(area, share) == grade


@given(st.floats(0, 250), st.floats(0, 250), st.floats(0, 60))
def test_less_room_for_the_same_roots_is_never_a_better_grade(first: float, second: float, roots: float):
    small, large = sorted((first, second))
    grades = [rules.canal_grade(area, min(roots / area, 1.0) if area else 1.0) for area in (small, large)]
    assert grades[0] >= grades[1]


@pytest.mark.parametrize(("height", "kept", "grade"), [
    (3 + EPS, 1, 0), (3, 1, 1), (2, 1, 1), (2 - EPS, 1, 2), (6, 0.75, 0), (6, 0.75 - EPS, 2),
])
def test_a_recess_is_graded_by_its_height_and_by_what_is_left_of_its_root(height: float, kept: float, grade: int):
    assert rules.recess_grade(height, kept) == grade


@pytest.mark.parametrize(("room", "grade"), [
    ((6.0, 4.0), 0), ((4.0, 6.0), 0), ((5.99, 5.99), 1), ((3.76, 5.9), 1), ((3.75, 9.0), 2), ((9.0, 3.75), 2), ((0, 0), 2),
])
def test_a_foramen_is_graded_by_the_room_around_its_root_of_five_millimetres(room: tuple[float, float], grade: int):
    assert rules.foramen_grade(room, 5.0) == grade


@given(st.floats(0, 15), st.floats(0, 15), st.floats(0, 5))
def test_a_foramen_with_less_room_is_never_graded_better(deep: float, tall: float, less: float):
    grade = rules.foramen_grade((deep, tall), 5.0)
    assert rules.foramen_grade((max(deep - less, 0), tall), 5.0) >= grade
    assert rules.foramen_grade((deep, max(tall - less, 0)), 5.0) >= grade


@pytest.mark.parametrize(("spur", "loss", "grade"), [
    (0.9, 0.0, 0), (1, 0, 1), (2, 0, 2), (4, 0, 3), (9, 0, 3), (0, 0.1, 1), (0, 0.2, 2), (0, 0.33, 3), (0, 0.66, 3), (0, 0.67, 4),
    (5, 0.5, 4), (4.9, 0.5, 3), (5, 0.49, 3),
])
def test_a_disc_on_a_radiograph_is_graded_by_its_worst_of_spur_and_height(spur: float, loss: float, grade: int):
    assert rules.radiograph_grade(spur, loss) == grade


@given(st.floats(0, 12), st.floats(0, 12), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_longer_spur_and_a_lower_disc_are_never_a_better_grade(spur: float, other: float, loss: float, more: float):
    better = rules.radiograph_grade(min(spur, other), min(loss, more))
    assert better <= rules.radiograph_grade(max(spur, other), max(loss, more))


@pytest.mark.parametrize(("loss", "grade"), [(0.09, 0), (0.1, 1), (0.32, 1), (0.33, 2), (0.66, 2), (0.67, 3)])
def test_height_loss_has_wilke_s_classes(loss: float, grade: int):
    assert rules.wilke_class(loss) == grade


@pytest.mark.parametrize(("slip", "share", "grade"), [
    (2.9, 0.3, 0), (-3, -0.09, 1), (3, 0.25, 1), (9, 0.26, 2), (20, 0.6, 3), (30, 0.8, 4), (40, 1.1, 5),
])
def test_a_slip_of_three_millimetres_is_graded_by_quarters_of_the_plate(slip: float, share: float, grade: int):
    assert rules.meyerding_grade(slip, share) == grade


@pytest.mark.parametrize(("loss", "departure", "grade"), [
    (0.19, 5, 0), (0.2, 1, 1), (0.25, 1, 2), (0.4, 1, 2), (0.41, 0.6, 3), (0.5, 0.59, 0),
])
def test_a_low_vertebra_is_a_fracture_only_where_its_plate_is_broken(loss: float, departure: float, grade: int):
    assert rules.genant_grade(loss, departure) == grade


def test_the_kind_of_a_fracture_says_where_the_height_went():
    assert rules.genant_kind((0.3, 0.15, 0.0), 2) == "wedge"
    assert rules.genant_kind((0.05, 0.3, 0.05), 2) == "biconcave"
    assert rules.genant_kind((0.4, 0.4, 0.35), 3) == "crush"
    assert rules.genant_kind((0.4, 0.4, 0.35), 0) == "none"


def test_the_who_class_holds_from_fifty_and_has_its_borders_in_the_lower_class():
    at = {t: who_class(t, 50) for t in (-0.99, -1.0, -1.01, -2.49, -2.5)}
    assert list(at.values()) == ["normal", "normal", "osteopenia", "osteopenia", "osteoporosis"]
    assert who_class(-4, 49.9) is None
    assert t_score(rules.REFERENCE.mean - 2 * rules.REFERENCE.sd) == pytest.approx(-2)


@pytest.mark.parametrize(("t", "reported", "name"), [(-2.496, -2.5, "osteoporosis"), (-2.494, -2.49, "osteopenia"),
                                                     (-1.004, -1.0, "normal"), (-1.006, -1.01, "osteopenia")])
def test_the_class_is_that_of_the_score_as_it_is_written(t: float, reported: float, name: str):
    bmd = rules.REFERENCE.mean + t * rules.REFERENCE.sd
    found = spine_density([replace(one, bmd_g_cm2=bmd, bmc_g=14 * bmd, area_cm2=14.0, genant=0) for one in
                           measure_subject(bare(subject())).vertebrae], 60.0)
    assert found is not None
    assert (found.t_score, found.who_class) == (reported, name)


def _films(seed: int) -> np.ndarray:
    """Seventeen vertebrae of a wavy spine as corners in a picture."""
    rng = np.random.default_rng(seed)
    tilt = np.radians(rng.uniform(5, 30) * np.sin(np.linspace(0, rng.uniform(2, 8), 17) + rng.uniform(0, 6)))
    y = 40 + 50 * np.arange(17)
    x = 300 + np.cumsum(50 * np.tan(tilt))
    half, tall = np.stack([np.cos(tilt), np.sin(tilt)], -1) * 30, np.stack([-np.sin(tilt), np.cos(tilt)], -1) * 18
    middle = np.stack([x, y], -1)
    return np.stack([middle - half - tall, middle + half - tall, middle - half + tall, middle + half + tall], axis=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_first_aasce_angle_is_the_widest_between_any_two_mid_lines(seed: int):
    corners = _films(seed)
    line = (corners[:, 1] + corners[:, 3] - corners[:, 0] - corners[:, 2]) / 2
    turn = np.degrees(np.arctan2(line[:, 1], line[:, 0]))
    widest = max(abs(a - b) for a, b in combinations(turn, 2))
    first, second, third = aasce_angles(corners, float(corners[:, :, 1].max()))
    assert first == pytest.approx(widest, abs=1e-6)
    assert max(second, third) <= first + 1e-9


@given(st.integers(0, 10_000), st.floats(0.2, 5), st.floats(-300, 300))
@settings(max_examples=30, deadline=None)
def test_aasce_angles_do_not_change_with_the_size_of_the_picture_nor_with_a_shift_across(seed: int, scale: float, shift: float):
    corners = _films(seed)
    rows = float(corners[:, :, 1].max())
    moved = aasce_angles((corners + np.array([shift, 0])) * scale, rows * scale)
    assert moved == pytest.approx(aasce_angles(corners, rows), abs=1e-6)


def test_a_spine_bent_to_one_side_has_its_other_angles_to_its_ends():
    tilt = np.radians(np.linspace(20, -20, 17))
    middle = np.stack([300 + np.cumsum(np.tan(tilt)) * 50, 40 + 50.0 * np.arange(17)], -1)
    half, tall = np.stack([np.cos(tilt), -np.sin(tilt)], -1) * 30, np.array([0, 18.0])
    corners = np.stack([middle - half - tall, middle + half - tall, middle - half + tall, middle + half + tall], axis=1)
    assert aasce_angles(corners, 900) == pytest.approx((40, 0, 0), abs=1e-5)


def test_the_angles_that_came_with_real_films_are_found_again_from_their_corners():
    errors = []
    with (require_data("aasce") / "landmarks.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            corners = np.array([float(value) for name, value in row.items() if name.startswith("v")]).reshape(17, 4, 2)
            given = [float(row[f"cobb_{k}_deg"]) for k in (1, 2, 3)]
            errors.append(np.abs(np.array(aasce_angles(corners, float(row["height_px"]))) - given))
    assert (np.mean(errors, axis=0) < (0.05, 0.05, 0.5)).all()
