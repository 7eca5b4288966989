"""Frames hold what they promise, and every place in them is found again; regions meet; a curve is an angle between plates."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.metrics.bone_density import REGION
from spondyl.tasks.dxa_osteoporosis.panel import Panel
from spondyl.tasks.dxa_osteoporosis.space import (
    CROP_HEIGHT,
    CROP_WIDTH,
    LENGTH_SHARE,
    NAMES,
    Frames,
    Vertebra,
    curvature_deg,
    regions,
    scan_frame,
    spine_frame,
    vertebra_frame,
)
from tasks.dxa.density_scans import FRAMES, boxes, scan, shifted, true_vertebrae

FEW = settings(max_examples=60, deadline=None)
places = st.tuples(st.floats(20, 300), st.floats(20, 300))
steps = st.tuples(st.floats(-25, 25), st.floats(12, 60))


def turned(found: tuple[Vertebra, ...], degrees: float) -> tuple[Vertebra, ...]:
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return tuple(Vertebra(one.name, one.corners @ turn + 500) for one in found)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(32, 900), st.integers(32, 900), st.data())
@FEW
def test_every_place_of_a_scan_lies_in_its_frame_and_is_found_again(x: int, y: int, width: int, height: int, data: st.DataObject):
    frame = scan_frame(Panel((x, y, x + width, y + height), 0.5), FRAMES.scan)
    point = np.array([data.draw(st.floats(x, x + width)), data.draw(st.floats(y, y + height))])
    inside = frame.forward(point)
    assert (inside >= -1e-9).all()
    assert (inside <= np.array([FRAMES.scan[1], FRAMES.scan[0]]) + 1e-9).all()
    assert frame.back(inside) == pytest.approx(point, abs=1e-6)


def test_greys_stay_as_they_are():
    frame = scan_frame(Panel((0, 0, 96, 80), 1.0), (80, 96))
    pixels = np.random.default_rng(0).uniform(0.2, 0.3, (80, 96)).astype(np.float32)
    assert frame.sample(pixels) == pytest.approx(pixels, abs=1e-6)


@given(places, steps)
@FEW
def test_the_spine_stands_upright_in_the_middle_whichever_way_it_leaned(top: tuple[float, float], step: tuple[float, float]):
    found = boxes(top=top, step=step)
    frame = spine_frame(found, FRAMES.spine)
    rows, columns = FRAMES.spine
    apart = rows * LENGTH_SHARE / 4
    for k, one in enumerate(found):
        assert frame.forward(one.centre) == pytest.approx([columns / 2, rows / 2 + (k - 1.5) * apart], abs=1e-6)
        assert frame.back(frame.forward(one.corners)) == pytest.approx(one.corners, abs=1e-6)
    linear = frame.to_source[:, :2]
    assert linear.T @ linear == pytest.approx(np.linalg.det(linear) * np.eye(2)), "turned and scaled, neither sheared nor mirrored"


@given(places, steps, st.sampled_from([keep for n in (2, 3) for keep in combinations(REGION, n)]))
@FEW
def test_a_vertebra_that_was_not_found_moves_nothing(top: tuple[float, float], step: tuple[float, float], kept: tuple[str, ...]):
    found = boxes(top=top, step=step)
    whole, less = (spine_frame([one for one in found if one.name in names], FRAMES.spine) for names in (REGION, kept))
    assert less.to_source == pytest.approx(whole.to_source, abs=1e-6)


@given(st.floats(-20, 20), st.floats(-20, 20))
@FEW
def test_what_lies_above_and_below_the_region_moves_nothing(dx: float, dy: float):
    found = boxes(NAMES, top=(80.0, 20.0))
    moved = [one if one.name in REGION else shifted(one, dx, dy) for one in found]
    assert spine_frame(moved, FRAMES.spine).to_source == pytest.approx(spine_frame(found, FRAMES.spine).to_source)
    assert spine_frame(found[2:6], FRAMES.spine).to_source == pytest.approx(spine_frame(found, FRAMES.spine).to_source)


def test_with_one_vertebra_of_the_region_its_neighbours_tell_the_way():
    found = boxes(NAMES, top=(80.0, 20.0))
    less = [one for one in found if one.name in ("T11", "T12", "L1")]
    assert spine_frame(less, FRAMES.spine).to_source == pytest.approx(spine_frame(found, FRAMES.spine).to_source, abs=1e-6)


@given(places, steps)
@FEW
def test_regions_share_their_borders_and_hold_their_bodies(top: tuple[float, float], step: tuple[float, float]):
    found = boxes(NAMES[1:7], top=top, step=step)
    table = regions(found)
    assert tuple(table) == REGION
    for upper, lower in pairwise(REGION):
        assert table[upper][[3, 2]] == pytest.approx(table[lower][[0, 1]])
    for one in found[1:5]:
        assert table[one.name].mean(axis=0) == pytest.approx(one.centre)
        tall = np.linalg.norm(table[one.name][3] - table[one.name][0])
        assert tall == pytest.approx(float(np.hypot(*step))), "from the middle of a disc to the middle of the next"


def test_where_a_neighbour_was_not_found_a_region_ends_about_half_a_disc_beyond_its_plate():
    found = boxes(("L1", "L2", "L3", "L4"), step=(0.0, 28.0), size=(40.0, 22.0))
    whole = regions(found)
    for kept in (("L2", "L3"), ("L1", "L3"), ("L2", "L4")):
        for name, box in regions([one for one in found if one.name in kept]).items():
            assert box == pytest.approx(whole[name], abs=1.5), "discs of these are 6 pixels high"
    assert regions(found)["L1"][0, 1] < found[0].corners[0, 1]
    assert regions(found)["L4"][3, 1] > found[3].corners[3, 1]


def test_regions_leave_what_was_found_as_it_was():
    found = boxes(NAMES)
    before = [one.corners.copy() for one in found]
    regions(found)
    assert all(np.array_equal(one.corners, was) for one, was in zip(found, before, strict=True))


@pytest.mark.parametrize("patient", range(2))
def test_regions_are_those_that_the_machine_measures(patient: int):
    own = scan(patient)
    table = regions(true_vertebrae(patient, own))
    for region in own.regions:
        assert np.abs(table[region.level] - np.array(region.corners)).max() * own.acquisition.pixel_mm < 4


@given(st.floats(-30, 30), st.floats(20, 80), st.floats(15, 60), places)
@FEW
def test_a_region_fills_its_share_of_a_vertebra_s_frame(degrees: float, width: float, height: float, at: tuple[float, float]):
    a = np.radians(degrees)
    own = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    box = own @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + at
    frame = vertebra_frame(box, FRAMES.vertebra)
    rows, columns = FRAMES.vertebra
    half = np.array([columns / CROP_WIDTH, rows / CROP_HEIGHT]) / 2
    assert frame.forward(box) == pytest.approx(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + [columns / 2, rows / 2], abs=1e-6)
    assert frame.back(frame.forward(box)) == pytest.approx(box, abs=1e-6)


@given(places, steps, st.floats(-60, 60))
@FEW
def test_a_straight_spine_is_not_curved_however_it_leans(top: tuple[float, float], step: tuple[float, float], degrees: float):
    assert curvature_deg(turned(boxes(NAMES, top=top, step=step), degrees)) == pytest.approx(0, abs=1e-6)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.floats(-40, 40))
@FEW
def test_the_curve_is_the_largest_angle_between_a_plate_and_one_further_down(tilts: list[float], degrees: float):
    found = tuple(Vertebra(name, turned((boxes((name,))[0],), tilt)[0].corners) for name, tilt in zip(NAMES, tilts, strict=False))
    wanted = max(abs(one - other) for one in tilts for other in tilts)
    assert curvature_deg(found) == pytest.approx(wanted, abs=1e-6)
    assert curvature_deg(turned(found, degrees)) == pytest.approx(wanted, abs=1e-6)
    mirrored = tuple(Vertebra(one.name, (one.corners * [-1, 1])[[1, 0, 3, 2]]) for one in found)
    assert curvature_deg(mirrored) == pytest.approx(wanted, abs=1e-6)


def test_a_wedge_alone_is_a_curve_and_nothing_at_all_is_none():
    wedge = Vertebra("L2", np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 40 * np.tan(np.radians(12)) + 20], [0.0, 20.0]]))
    assert curvature_deg([wedge]) == pytest.approx(12)
    assert curvature_deg([]) == 0


@given(st.floats(-30, 30))
@FEW
def test_a_vertebra_keeps_its_size_when_it_is_turned(degrees: float):
    (one,) = turned(boxes(("L3",), size=(44.0, 23.0)), degrees)
    assert (one.width, one.height) == (pytest.approx(44), pytest.approx(23))
    assert one.centre == pytest.approx(one.corners.mean(axis=0))


def test_frames_come_back_from_a_bundle_s_settings():
    for frames in (FRAMES, Frames((96, 80), (64, 40), (24, 32))):
        assert Frames.of(frames.as_dict()) == frames
