from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.core import Geometry, Image
from spondyl.imaging.affine import apply_affine
from spondyl.phantom.measured import SubjectTruth
from spondyl.tasks.mri_stenosis.answers import pattern_of, place_in_map, weighted
from spondyl.tasks.mri_stenosis.assembly import AXIAL, FLUID, T1, assemble, offset
from spondyl.tasks.mri_stenosis.crops import CropPlan, LevelCrops, level_crops, network_inputs
from spondyl.tasks.mri_stenosis.space import LevelFrame, crop_map, height_over, to_patient, to_pixels
from tasks.mr_studies import drawn, mirrored

ANGLES = st.floats(-40, 40)
PLAN = CropPlan()


def turned(x: float, z: float, spacing: tuple[float, float]) -> Image:
    """A sagittal slice turned about the patient's x and z axes."""
    a, b = np.radians([x, z])
    rotation = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    across, down = rotation @ [0.0, 1, 0], rotation @ [0.0, 0, -1]
    return Image("i", np.zeros((80, 90), np.float32), spacing, None, "sagittal", "t1",
                 Geometry((5.0, -40.0, 60.0), tuple(across.tolist()), tuple(down.tolist())))


def perfect_frames(truth: SubjectTruth) -> list[LevelFrame]:
    """Frames of the five lowest discs as they were built."""
    frames = []
    for disc in truth.discs[:5]:
        above_front, above_back, below_back, below_front = np.array(disc.corners_mm)
        front, rear = (above_front + below_front) / 2, (above_back + below_back) / 2
        back = (rear - front) * [0, 1, 1]
        back /= np.linalg.norm(back)
        left = np.array([1.0, 0.0, 0.0])
        frames.append(LevelFrame(disc.from_bottom, rear, left, back, np.cross(left, back)))
    return frames


def crops_of(margin: int = 0, mirror: bool = False) -> list[LevelCrops]:
    own = drawn()
    assembly = assemble(mirrored(own.study) if mirror else own.study)
    frames = perfect_frames(own.truth)
    if mirror:
        frames = [LevelFrame(one.number, one.origin * [-1, 1, 1], one.left, one.back, one.up) for one in frames]
    return level_crops(frames, {role: assembly.of(role) for role in (T1, FLUID, AXIAL)}, PLAN, margin)


@given(ANGLES, ANGLES, st.floats(0.3, 2), st.floats(0.3, 2), st.tuples(st.floats(0, 90), st.floats(0, 80)))
def test_pixels_survive_the_way_to_the_patient_and_back(x: float, z: float, row: float, column: float, point: tuple[float, float]):
    image = turned(x, z, (row, column))
    place = to_patient(image, np.array(point))
    assert np.allclose(to_pixels(image, place), point, atol=1e-6)
    assert abs(float(height_over(image, place))) < 1e-6


@given(ANGLES, ANGLES, st.floats(0.3, 2))
def test_a_crop_has_its_size_in_millimetres_and_its_middle_where_it_was_asked(x: float, z: float, spacing: float):
    image = turned(x, z, (spacing, spacing))
    middle = to_patient(image, np.array([40.0, 30.0]))
    linear = crop_map(image, middle, np.array([0.0, 1, 0]), np.array([0.0, 0, -1]), (64, 64), 0.6)
    assert np.allclose(apply_affine(linear, np.array([32.0, 32.0])), [40, 30], atol=1e-6)
    ends = to_patient(image, apply_affine(linear, np.array([[0.0, 32], [64, 32], [32, 0], [32, 64]])))
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(38.4)
    assert np.linalg.norm(ends[3] - ends[2]) == pytest.approx(38.4)


def test_a_mark_lies_at_the_same_place_of_every_series_that_shows_it():
    """The canal's middle, carried from the built volume through the crops: bright on T2, and within the axial halves."""
    own = drawn()
    canal = {one.from_bottom: np.array(one.point_mm) for one in own.truth.stenosis if one.condition == "spinal_canal_stenosis"}
    for frame, crops in zip(perfect_frames(own.truth), crops_of(), strict=True):
        u, v, w = frame.local(canal[frame.number])
        assert abs(u) < 3
        assert 2 < v < 16
        assert abs(w) < 5
        there = np.flatnonzero([seen is not None for seen in crops.sagittal_maps[1]])
        slot = int(there[np.argmin(np.abs(crops.across_mm[there] - u))])
        x = 32 + (v - PLAN.sagittal_middle_mm[0]) / PLAN.sagittal_mm
        y = 32 - (w - PLAN.sagittal_middle_mm[1]) / PLAN.sagittal_mm
        here = crops.sagittal[slot, :, int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean(axis=(1, 2))
        assert here[1] > here[0]  # fluid: bright on T2, dark on T1
        assert crops.seen.all()


def test_a_mirrored_patient_gets_its_halves_exchanged():
    for one, other in zip(crops_of(), crops_of(mirror=True), strict=True):
        assert np.array_equal(one.axial[:, 0], other.axial[:, 1])
        assert np.array_equal(one.axial[:, 1], other.axial[:, 0])
        there = [slot for slot, seen in enumerate(one.sagittal_maps[0]) if seen]
        assert np.allclose(one.across_mm[there], -other.across_mm[there][::-1], atol=1e-4)
        assert np.array_equal(one.sagittal[there], other.sagittal[there][::-1])


def test_training_sees_what_serving_sees():
    """To one grey value of 255: the places of the same pixels are added up from another corner."""
    for served, taught in zip(crops_of(), crops_of(margin=4), strict=True):
        for one, other in ((served.sagittal, taught.sagittal), (served.axial, taught.axial)):
            away = np.abs(one.astype(int) - other[..., 4:-4, 4:-4].astype(int))
            assert away.max() <= 1
            assert (away > 0).mean() < 0.01


def test_a_level_says_which_series_show_it():
    own = drawn()
    assembly = assemble(own.study)
    stacks = {T1: assembly.of(T1), FLUID: (), AXIAL: ()}
    crops = level_crops(perfect_frames(own.truth), stacks, PLAN)
    assert all(one.seen.tolist() == [True, False, False] for one in crops)
    assert {pattern_of(one.seen) for one in crops} == {"t1_only"}
    inputs = network_inputs(crops, [1, 2, 3, 4, 5])
    assert inputs["sagittal_seen"][:, :, 1].sum() == 0
    assert not inputs["axial"].any()


def test_slices_of_both_series_are_seen_where_they_lie_between_each_other():
    """T2 planned half a step beside T1: no slice has a twin, and none is lost."""
    assembly = assemble(drawn().study)
    stacks = {role: assembly.of(role) for role in (T1, FLUID, AXIAL)}
    first = stacks[T1][0].images
    step = abs(offset(first[1], "sagittal") - offset(first[0], "sagittal"))
    places = [(image, image.geometry) for image in stacks[FLUID][0].images if image.geometry]
    moved = [replace(image, geometry=replace(own, position=(own.position[0] + step / 2, *own.position[1:]))) for image, own in places]
    stacks[FLUID] = (replace(stacks[FLUID][0], images=tuple(moved)),)
    frames = perfect_frames(drawn().truth)
    for frame, crops in zip(frames, level_crops(frames, stacks, replace(PLAN, reach_mm=14.0)), strict=True):
        near = [sum(abs(float(height_over(image, frame.origin))) < 13 for image in images) for images in (first, moved)]
        shown = [sum(seen is not None for seen in maps) for maps in crops.sagittal_maps]
        assert min(near) >= 3
        assert all(have >= there for have, there in zip(shown, near, strict=True))


def test_more_slices_than_slots_are_thinned_evenly():
    own = drawn()
    assembly = assemble(own.study)
    few = replace(PLAN, sagittal_slots=5)
    for crops in level_crops(perfect_frames(own.truth), {role: assembly.of(role) for role in (T1, FLUID, AXIAL)}, few):
        seen = crops.across_mm[[m is not None for m in crops.sagittal_maps[0]]]
        assert 3 <= len(seen) <= 5
        assert np.ptp(seen) > 35


def test_the_weighted_posterior_is_the_formula():
    assert weighted(np.array([[0.7, 0.2, 0.1]])).round(6).tolist() == [[round(v / 1.5, 6) for v in (0.7, 0.4, 0.4)]]


@given(st.lists(st.floats(0.001, 1), min_size=3, max_size=3))
def test_the_weighted_posterior_never_lowers_severe(chances: list[float]):
    p = np.array(chances) / sum(chances)
    assert weighted(p)[2] >= p[2] - 1e-12
    assert weighted(p).sum() == pytest.approx(1)


def test_a_point_is_the_middle_of_the_attention_on_a_slice_that_may_be_named():
    attention = np.zeros((3, 16, 16))
    attention[0, 2, 2] = 0.6
    attention[1, 10, 4:6] = 0.15
    places = np.array([-20.0, 0.0, 20.0])
    assert place_in_map(attention, np.array([True, True, True]), places, 64) == (0, 10.0, 10.0)
    assert place_in_map(attention, np.array([False, True, True]), places, 64) == (1, 20.0, 42.0)
    assert place_in_map(attention, np.array([False] * 3), places, 64) is None


def test_neighbouring_slices_decide_together():
    attention = np.zeros((4, 16, 16))
    attention[:3, 8, 8] = 0.3, 0.4, 0.3
    attention[3, 2, 2] = 0.35
    found = place_in_map(attention, np.array([True] * 4), np.array([-4.0, 0.0, 4.0, 30.0]), 64)
    assert found == (1, 34.0, 34.0)
