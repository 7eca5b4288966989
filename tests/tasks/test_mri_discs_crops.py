"""A crop shows its disc upright, in the middle and at the size of its neighbourhood, however the patient lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.imaging import apply_affine, invert
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.crops import Pose, crop_map, crops, poses
from tasks.spines import T2, found, pixels_of, truth_of

SHAPE, HEIGHT_UNITS, BACK_SHIFT = (80, 112), 1.7, 0.1
TURNS = (-20.0, -10.0, 0.0, 10.0, 20.0)
SEEDS = range(6)


def turns_in_the_crop(seed: int, rotation_deg: float) -> list[float]:
    """Turn of each lumbar disc's mid-line against the rows of its crop, degrees."""
    truth = truth_of(seed, replace(T2, rotation_deg=rotation_deg, rows=520, columns=520))
    turned = []
    for disc, place in list(zip(truth.discs, poses([found(d) for d in truth.discs]), strict=True))[:5]:
        above_front, above_back, below_back, below_front = np.array(disc.corners) + 0.5
        to_crop = invert(crop_map(place, SHAPE, HEIGHT_UNITS, BACK_SHIFT))
        front, back = apply_affine(to_crop, np.array([(above_front + below_front) / 2, (above_back + below_back) / 2]))
        turned.append(float(np.degrees(np.arctan2(*(back - front)[::-1]))))
    return turned


@pytest.mark.parametrize("rotation_deg", TURNS)
def test_discs_lie_level_in_their_crops_however_the_patient_is_turned(rotation_deg: float):
    turned = np.abs(np.concatenate([turns_in_the_crop(seed, rotation_deg) for seed in SEEDS]))
    assert np.median(turned) < 4
    assert np.mean(turned < 12) >= 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_turning_the_patient_turns_the_poses_and_nothing_else(seed: int):
    straight, tilted = (
        poses([found(d) for d in truth_of(seed, replace(T2, rotation_deg=turn, rows=520, columns=520)).discs][:6]) for turn in (0.0, 15.0)
    )
    assert [p.angle_deg for p in tilted] == pytest.approx([p.angle_deg + 15 for p in straight], abs=0.5)
    assert [p.unit for p in tilted] == pytest.approx([p.unit for p in straight], rel=0.01)


def test_a_crop_is_centred_a_little_behind_the_disc_and_never_mirrored():
    place = Pose(120.0, 200.0, 30.0, 40.0)
    to_image = crop_map(place, SHAPE, HEIGHT_UNITS, BACK_SHIFT)
    middle = apply_affine(to_image, np.array([SHAPE[1] / 2, SHAPE[0] / 2]))
    along = np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])
    assert middle == pytest.approx(np.array([120.0, 200.0]) + 0.1 * 40 * along)
    assert np.linalg.det(to_image[:, :2]) > 0
    height = np.hypot(*(apply_affine(to_image, np.array([0.0, SHAPE[0]])) - apply_affine(to_image, np.array([0.0, 0.0]))))
    assert height == pytest.approx(HEIGHT_UNITS * 40)


@pytest.mark.parametrize("zoom", [0.5, 1.7])
def test_crops_do_not_depend_on_how_many_pixels_the_picture_has(zoom: float):
    discs = [found(d) for d in truth_of(0).discs][:5]
    larger = [Disc(d.x * zoom, d.y * zoom, d.width * zoom, d.height * zoom, d.score, d.lowest) for d in discs]
    for one, other in zip(poses(discs), poses(larger), strict=True):
        first, second = (crop_map(p, SHAPE, HEIGHT_UNITS, BACK_SHIFT) for p in (one, other))
        assert second == pytest.approx(first * zoom)


def test_a_collapsed_vertebra_does_not_rescale_its_neighbours():
    even = [Disc(100.0, 400.0 - 40 * i, 50, 15, 1, 1) for i in range(6)]
    collapsed = [replace(d, y=d.y + (15 if i >= 3 else 0)) for i, d in enumerate(even)]
    units = [p.unit for p in poses(collapsed)]
    assert max(units) / min(units) < 1.3
    assert [p.unit for p in poses(even)] == pytest.approx([40.0] * 6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_discs_have_poses_too(count: int):
    discs = [Disc(100.0 + 10 * i, 400.0 - 40 * i, 50.0, 20.0, 1.0, 1.0) for i in range(count)]
    places = poses(discs)
    assert len(places) == count
    if count == 1:
        assert places == [Pose(100.0, 400.0, 0.0, 30.0)]
    if count == 2:
        assert [p.angle_deg for p in places] == pytest.approx([np.degrees(np.arctan2(10, 40))] * 2)


def test_all_crops_of_a_slice_share_one_grey_scale():
    pixels = pixels_of(0)
    places = poses([found(d) for d in truth_of(0).discs])
    scaled = crops(pixels, places, SHAPE, HEIGHT_UNITS, BACK_SHIFT)
    raw = crops(pixels, places, SHAPE, HEIGHT_UNITS, BACK_SHIFT, scaled=False)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (0, 1)
    low, high = np.percentile(raw, [1, 99])
    assert scaled == pytest.approx(((raw - low) / (high - low)).clip(0, 1), abs=1e-5)
    assert crops(pixels, [], SHAPE, HEIGHT_UNITS, BACK_SHIFT).shape == (0, *SHAPE)
