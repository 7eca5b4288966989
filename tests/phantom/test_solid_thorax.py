"""What the chest of a built subject promises: lungs in place, a pair of ribs for each thoracic vertebra, a trunk around the spine."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from spondyl.phantom import draw_subject
from spondyl.phantom.materials import material
from spondyl.phantom.rays import draw_dxa, render_dxa
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.solid.ribs import Rod, rib_shafts
from spondyl.phantom.solid.torso import torso_of
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Block, Volume

COARSE = Detail(fine_mm=3.0, trunk_mm=4.2, half_width_mm=20.0, levels=(0, 0))


def drawn(seed: int, degrees: float = 0.0) -> SubjectSpec:
    """A subject with 17 vertebrae, bent to the side by a Cobb angle between L1 and T6, no vertebra turned."""
    spec = draw_subject(np.random.default_rng(seed), "scoliosis")
    count = len(spec.vertebrae)
    tilts = np.interp(np.arange(count), (0, spec.lumbar - 1, spec.lumbar + 6, count - 1), (0, degrees / 2, -degrees / 2, 0))
    return replace(spec, vertebrae=tuple(replace(v, coronal_deg=float(t), axial_deg=0.0)
                                         for v, t in zip(spec.vertebrae, tilts, strict=True)))


@lru_cache(maxsize=2)
def chest(degrees: float = 0.0) -> Volume:
    return build(drawn(4, degrees), COARSE)


def lungs(volume: Volume) -> np.ndarray:
    return np.asarray(volume.trunk.label == material("lung"))


def shafts(volume: Volume) -> list[Rod]:
    return rib_shafts(volume, torso_of(volume, volume.trunk.grid.axis("z")))


def centre(volume: Volume, thoracic: int) -> np.ndarray:
    """The middle of a thoracic vertebra, 12 the lowest."""
    return volume.posture.bodies[volume.spec.lumbar + 12 - thoracic].centre


def labels_at(block: Block, points: np.ndarray) -> np.ndarray:
    """Materials at points (n, 3) mm; a point outside the block is an error."""
    k, j, i = (np.rint((points[:, axis] - block.grid.origin_mm[axis]) / block.grid.spacing_mm).astype(int) for axis in (2, 1, 0))
    assert min(k.min(), j.min(), i.min()) >= 0
    return np.asarray(block.label[k, j, i])


def test_lungs_lie_on_two_domes_that_stand_at_the_ninth_to_eleventh_vertebra():
    volume = chest()
    z, x = volume.trunk.grid.axis("z"), volume.trunk.grid.axis("x")
    for side in (-1, 1):
        held = lungs(volume) & (side * x > 20)
        floor = np.where(held.any(axis=0), z[held.argmax(axis=0)], np.inf)
        middle = floor[:, np.argmin(np.abs(side * x - 65))]
        edge = floor[np.isfinite(floor)].min()
        apex = middle[np.isfinite(middle)].max()
        assert centre(volume, 12)[2] < apex < centre(volume, 8)[2]
        assert edge < apex - 40
        assert edge > centre(volume, 12)[2] - 60


def test_no_lung_lies_before_the_spine_or_in_the_heart_on_the_left():
    volume = chest()
    held, x, z = lungs(volume), volume.trunk.grid.axis("x"), volume.trunk.grid.axis("z")
    assert held.any()
    assert not held[:, :, np.abs(x) < 8].any()
    lower = (z > centre(volume, 10)[2]) & (z < centre(volume, 7)[2])
    assert held[lower][:, :, x > 0].sum() < 0.9 * held[lower][:, :, x < 0].sum()


def test_lungs_are_closed_in_by_other_tissue_than_skin_and_fat_under_it():
    volume = chest()
    held, outer = lungs(volume), np.isin(volume.trunk.label, [material(name) for name in ("air", "skin", "fat")])
    for axis in range(3):
        for step in (-1, 1):
            beside = np.roll(outer, step, axis=axis)
            top = np.zeros_like(held)
            top[-1] = axis == 0
            assert not (held & beside & ~top).any()


def test_every_thoracic_vertebra_has_a_pair_of_ribs_that_starts_beside_it():
    volume = chest()
    found = [(rod.index, rod.side) for rod in shafts(volume)]
    assert found == [(k, side) for k in range(volume.spec.lumbar, volume.spec.lumbar + 12) for side in (-1.0, 1.0)]
    for rod in shafts(volume):
        away = rod.points[0] - volume.posture.bodies[rod.index].centre
        assert 35 < rod.side * away[0] < 55
        assert abs(away[2]) < 20
        assert np.isin(labels_at(volume.trunk, rod.points), [material("rib"), material("cortex")]).mean() > 0.9


def test_ribs_of_a_straight_spine_mirror_each_other():
    rods = shafts(chest())
    for right, left in zip(rods[::2], rods[1::2], strict=True):
        assert right.points * (-1, 1, 1) == pytest.approx(left.points, abs=0.01)


@pytest.mark.parametrize("degrees", [0.0, 60.0])
def test_the_trunk_holds_the_whole_spine_with_tissue_around_it(degrees):
    volume = chest(degrees)
    for pose, own in zip(volume.posture.bodies, volume.spec.vertebrae, strict=True):
        half, deep = max(own.width_mm) / 2 + 15, max(own.upper_depth_mm, own.lower_depth_mm) / 2 + 15
        around = np.array([(u, v, 0.0) for u in (-half, half) for v in (-deep, 0.0, deep)])
        assert (labels_at(volume.trunk, pose.to_patient(around)) != material("air")).all()


def test_the_trunk_follows_a_bent_spine_less_far_than_it_bends():
    volume = chest(60.0)
    torso = torso_of(volume, volume.trunk.grid.axis("z"))
    far = int(np.argmax(np.abs(torso.shift)))
    assert abs(torso.shift[far]) > 30
    assert 0.3 < torso.middle[far] / torso.shift[far] < 0.95


def test_lungs_and_ribs_leave_the_density_of_the_lumbar_spine_as_it_is():
    spec = draw_subject(np.random.default_rng(2), "healthy")
    volume = build(spec, Detail(fine_mm=1.4, trunk_mm=3.0))
    scan = replace(draw_dxa(np.random.default_rng(0), volume), noise=0.0)
    with_chest = render_dxa(volume, scan)
    label, high = volume.trunk.label, volume.trunk.grid.axis("z") > volume.posture.bodies[spec.lumbar + 1].centre[2]
    for part in (label, volume.trunk.under):
        part[part == material("lung")] = material("organ")
        part[high[:, None, None] & np.isin(part, [material("rib"), material("cortex")])] = material("muscle")
    without = render_dxa(volume, scan)
    assert with_chest.bmd_g_cm2 == pytest.approx(without.bmd_g_cm2, rel=0.01)
    for one, other in zip(with_chest.regions, without.regions, strict=True):
        assert one.bmd_g_cm2 == pytest.approx(other.bmd_g_cm2, rel=0.01)
