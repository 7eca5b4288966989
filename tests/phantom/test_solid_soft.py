"""What the soft tissue of a built subject promises: discs, sac, roots, foramina, trunk."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from spondyl.phantom import draw_subject
from spondyl.phantom.materials import annulus, column, marrow, material, nucleus
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec import DiscSpec, PlateSpec, SubjectSpec
from spondyl.phantom.volume import Volume

LOW = Detail(fine_mm=1.2, trunk_mm=6.3, half_width_mm=38.0, levels=(0, 1))
PLATE = PlateSpec(1.2)


@lru_cache(maxsize=1)
def healthy() -> SubjectSpec:
    """A subject with nothing wrong, straight, of default size."""
    drawn = draw_subject(np.random.default_rng(11), "healthy")
    heights = (11.5, 12.5, 11.0, 10.0, 9.0, *[7.0] * 20)
    discs = tuple(DiscSpec(heights[i], 0.0, disc.lordotic_deg, 170.0, 55.0, 0.95, (0.8, 0.3), upper_plate=PLATE, lower_plate=PLATE)
                  for i, disc in enumerate(drawn.discs))
    vertebrae = tuple(replace(v, coronal_deg=0.0, axial_deg=0.0, arch=replace(v.arch, canal_mm=(24.0, 18.0))) for v in drawn.vertebrae)
    soft = replace(drawn.soft, canal_mm=(15.7, 14.5, 13.0), sac_end=1.9, conus=drawn.lumbar - 0.7)
    return replace(drawn, discs=discs, vertebrae=vertebrae, soft=soft)


def with_disc(spec: SubjectSpec, index: int, **changes: object) -> SubjectSpec:
    """The subject with one disc changed."""
    discs = tuple(replace(d, **changes) if i == index else d for i, d in enumerate(spec.discs))  # type: ignore[arg-type]
    return replace(spec, discs=discs)


@lru_cache(maxsize=16)
def built(spec: SubjectSpec, detail: Detail = LOW) -> Volume:
    return build(spec, detail)


def shares(volume: Volume, *names: str) -> np.ndarray:
    """Share of each fine voxel that is one of those materials."""
    table = np.zeros(len(volume.materials), np.float32)
    table[[material(name) for name in names]] = 1
    return volume.fine.lookup(table)


def across(volume: Volume, index: int, *names: str) -> float:
    """Area in mm2 of materials where the sac lies, in the plane of a disc."""
    pose, step = volume.posture.discs[index], 0.5
    behind = float(np.linalg.norm(volume.spine.discs[index].ends[1] - volume.spine.discs[index].centre))
    u, v = np.meshgrid(np.arange(-8.5, 8.6, step), np.arange(behind - 4, behind + 24, step))
    points = pose.to_patient(np.stack([u, v, 0 * u], axis=-1).reshape(-1, 3))
    grid = volume.fine.grid
    k, j, i = (np.rint((points[:, axis] - grid.origin_mm[axis]) / grid.spacing_mm).astype(int) for axis in (2, 1, 0))
    return float(shares(volume, *names)[k, j, i].sum()) * step**2


def sac(volume: Volume, index: int) -> float:
    return across(volume, index, "csf", "root", "cord")


def test_a_healthy_sac_has_the_areas_of_the_literature():
    volume = built(healthy(), Detail(fine_mm=1.2, trunk_mm=6.3, half_width_mm=20.0, levels=(-1, healthy().lumbar)))
    areas = [sac(volume, index) for index in (healthy().lumbar - 1, 1, 0)]
    assert areas == pytest.approx([200, 150, 120], rel=0.22)
    assert areas[0] > areas[1] > areas[2]


@pytest.mark.parametrize("changes", [
    [{"bulge_mm": (0.5, reach)} for reach in (3.0, 5.0)],
    [{"flavum_mm": (thick, thick)} for thick in (4.5, 6.5)],
    [{"herniation_mm": reach} for reach in (5.0, 9.0)],
    [{"slip_mm": slip} for slip in (6.0, 11.0)],
    [{"facet_mm": (growth, growth), "flavum_mm": (3.0 + growth / 2, 3.0 + growth / 2)} for growth in (3.0, 6.0)],
])
def test_more_in_the_canal_leaves_less_sac(changes):
    areas = [sac(built(spec), 1) for spec in (healthy(), *(with_disc(healthy(), 1, **one) for one in changes))]
    assert areas[0] - 3 > areas[1] > areas[2] + 3


def test_the_same_roots_fill_more_of_a_smaller_sac():
    tight = [healthy(), with_disc(healthy(), 1, bulge_mm=(1.0, 4.5), flavum_mm=(5.5, 5.5)),
             with_disc(healthy(), 1, bulge_mm=(1.0, 5.0), flavum_mm=(6.5, 6.5), herniation_mm=8.0)]
    shares_of = [across(built(spec), 1, "root") / sac(built(spec), 1) for spec in tight]
    assert shares_of[0] < 0.3
    assert shares_of[0] < shares_of[1] < shares_of[2]


def test_a_sac_with_no_room_holds_nothing_but_roots():
    spec = with_disc(healthy(), 1, bulge_mm=(1.0, 6.0), flavum_mm=(8.0, 8.0), herniation_mm=9.0, herniation_width_mm=22.0)
    volume = built(spec)
    assert sac(volume, 1) < 50
    assert across(volume, 1, "root") / sac(volume, 1) > 0.85


@pytest.mark.parametrize("t2_ms", [190.0, 120.0, 60.0])
def test_the_nucleus_has_the_relaxation_time_that_was_asked_for(t2_ms):
    spec = with_disc(healthy(), 1, nucleus_t2_ms=t2_ms, homogeneity=0.6)
    volume = built(spec)
    t2 = np.array([row.tissue.t2_ms if row.tissue else 0.0 for row in volume.materials], np.float32)
    pose, disc = volume.posture.discs[1], volume.spine.discs[1]
    u, v, w = pose.to_local(*(a.astype(np.float32) for a in volume.fine.grid.open((slice(None),) * 3)))
    half = disc.above.depth / 2
    core = np.hypot(np.hypot(u / 10, (v - 0.05 * half) / (0.4 * half)), w / 3.5) < 1
    assert float(volume.fine.lookup(t2)[core].mean()) == pytest.approx(t2_ms, rel=0.08)


def test_a_disc_of_half_the_height_has_about_half_the_volume():
    def litres(spec: SubjectSpec) -> float:
        volume = built(spec)
        table = np.zeros(len(volume.materials), np.float32)
        table[[nucleus(1), annulus(1)]] = 1
        return float(volume.fine.lookup(table).sum())

    flat = {"upper_plate": PlateSpec(0.2), "lower_plate": PlateSpec(0.2)}
    whole, half = (with_disc(healthy(), 1, height_loss=loss, **flat) for loss in (0.0, 0.5))
    assert 0.4 < litres(half) / litres(whole) < 0.62


@pytest.mark.parametrize("changes", [
    {}, {"height_loss": 0.85, "lordotic_deg": 2.0}, {"slip_mm": 7.0},
    {"upper_plate": PlateSpec(2.0, 1.5, 5.0, 0.5, 0.3), "lower_plate": PlateSpec(1.5, 0.0, 4.0, 0.4, 0.7)},
])
def test_nothing_lies_empty_between_a_disc_and_its_bodies(changes):
    volume = built(with_disc(healthy(), 1, **changes))
    pose, disc = volume.posture.discs[1], volume.spine.discs[1]
    half = min(disc.above.depth, disc.below.depth) / 2 - 6 - abs(changes.get("slip_mm", 0.0)) / 2
    u, v, w = np.meshgrid(np.arange(-11, 11.1, 1.0), np.arange(-half, half, 1.0), np.arange(-12, 12.1, 0.5), indexing="ij")
    points = pose.to_patient(np.stack([u, v, w], axis=-1).reshape(-1, 3))
    grid = volume.fine.grid
    k, j, i = (np.rint((points[:, axis] - grid.origin_mm[axis]) / grid.spacing_mm).astype(int) for axis in (2, 1, 0))
    seen = set(np.unique(volume.fine.label[k, j, i])) | set(np.unique(volume.fine.under[k, j, i][volume.fine.share[k, j, i] < 250]))
    assert material("none") not in seen
    assert {marrow(1), marrow(0)} <= seen


def root_and_fat(volume: Volume, side: int) -> tuple[float, float]:
    """(root, fat) in mm3 in the foramen beside disc 1: under the pedicle, out of the canal."""
    pose, spine = volume.posture.discs[1], volume.spine
    arch = volume.spec.vertebrae[1].arch
    behind = float(np.linalg.norm(spine.discs[1].ends[1] - spine.discs[1].centre))
    u, v, w = pose.to_local(*(a.astype(np.float32) for a in volume.fine.grid.open((slice(None),) * 3)))
    inside = (np.abs(side * u - arch.canal_mm[0] / 2 - arch.pedicle_mm[0] / 2) < arch.pedicle_mm[0] / 2)
    inside = inside & (np.abs(v - behind - 3) < 8) & (np.abs(w - 1) < 14)
    cell = volume.fine.grid.spacing_mm**3
    return tuple(float(shares(volume, name)[inside].sum()) * cell for name in ("root", "epidural_fat"))  # type: ignore[return-value]


CLOSED = {"height_loss": 0.8, "lordotic_deg": 0.0, "bulge_mm": (1.0, 6.0), "bulge_lateral_mm": (6.0, 6.0), "facet_mm": (6.0, 6.0),
          "ridge_mm": (7.0, 7.0)}


@pytest.mark.parametrize(("changes", "sides"), [({}, 4), (CLOSED, 0)])
def test_a_root_has_fat_on_four_sides_in_a_healthy_foramen_and_on_none_in_a_closed_one(changes, sides):
    volume = built(with_disc(healthy(), 1, **changes), Detail(fine_mm=0.8, trunk_mm=6.3, half_width_mm=30.0, levels=(1, 1)))
    pose, spine, arch = volume.posture.discs[1], volume.spine, volume.spec.vertebrae[1].arch
    behind = float(np.linalg.norm(spine.discs[1].ends[1] - spine.discs[1].centre))
    v, w = np.meshgrid(np.arange(behind - 8, behind + 14, 0.4), np.arange(-14, 16, 0.4))
    points = pose.to_patient(np.stack([0 * v + arch.canal_mm[0] / 2 + arch.pedicle_mm[0] / 2, v, w], axis=-1).reshape(-1, 3))
    grid = volume.fine.grid
    at = tuple(np.rint((points[:, k] - grid.origin_mm[k]) / grid.spacing_mm).astype(int) for k in (2, 1, 0))
    root, fat = (shares(volume, name)[at].reshape(v.shape) > 0.5 for name in ("root", "epidural_fat"))
    down, across_ = (int(np.median(k)) for k in np.nonzero(root)) if root.any() else (0, 0)
    rays = (root[down::-1, across_], fat[down::-1, across_]), (root[down:, across_], fat[down:, across_]), \
        (root[down, across_::-1], fat[down, across_::-1]), (root[down, across_:], fat[down, across_:])
    found = sum(bool(fat_on[:int(np.argmin(root_on)) + 3].any()) for root_on, fat_on in rays)
    assert found == sides if root.any() else sides == 0


@pytest.mark.parametrize(("zone", "side"), [("foraminal_right", -1), ("foraminal_left", 1)])
def test_a_herniation_into_a_foramen_takes_its_fat_on_its_own_side_only(zone, side):
    before, after = built(healthy()), built(with_disc(healthy(), 1, herniation_mm=8.0, herniation_zone=zone, herniation_up=0.6))
    assert root_and_fat(after, side)[1] < 0.85 * root_and_fat(before, side)[1]
    assert root_and_fat(after, -side) == pytest.approx(root_and_fat(before, -side))


def test_scoliosis_leaves_the_sac_its_area():
    straight = healthy()
    bent = replace(straight, vertebrae=tuple(replace(v, coronal_deg=max(24.0 - 8.0 * i, -24.0), axial_deg=min(4.0 * i, 12.0))
                                             for i, v in enumerate(straight.vertebrae)))
    for index in (1, 2):
        assert sac(built(bent), index) == pytest.approx(sac(built(straight), index), rel=0.05)


def test_the_trunk_is_muscle_wherever_bone_and_canal_are_painted():
    volume = built(healthy(), Detail(fine_mm=1.4, trunk_mm=2.8, levels=(0, 3)))
    bony = column(volume.materials, "mineral")[volume.fine.label] > 0.1
    grid = volume.trunk.grid
    at = [np.rint((volume.fine.grid.axis(name) - grid.origin_mm["xyz".index(name)]) / grid.spacing_mm).astype(int) for name in "zyx"]
    muscle = volume.trunk.lookup(np.eye(len(volume.materials), dtype=np.float32)[material("muscle")])[np.ix_(*at)]
    assert float(muscle[bony].mean()) > 0.9


def test_the_body_is_skin_and_fat_around_muscle_with_gas_and_organs_in_it():
    volume = built(healthy())
    found = {volume.materials[k].name for k in np.unique(volume.trunk.label)}
    assert {"air", "skin", "fat", "muscle", "organ", "bowel", "gas", "vessel", "pelvis", "pelvis_cortex", "rib"} <= found
    assert (volume.trunk.label[:, :, 0] == material("air")).all()
    assert (volume.trunk.label[:, -1] == material("air")).all()
    tall = volume.trunk.grid.shape[0] // 2
    row = volume.trunk.label[tall, volume.trunk.grid.shape[1] // 2]
    assert np.flatnonzero(row != material("air")).size * volume.trunk.grid.spacing_mm == pytest.approx(
        2 * healthy().trunk.half_width_mm, rel=0.1)


def test_ribs_follow_the_count_of_lumbar_vertebrae():
    wide = Detail(fine_mm=2.8, trunk_mm=4.2, half_width_mm=20.0)
    lowest = []
    for lumbar in (4, 5):
        volume = built(replace(healthy(), lumbar=lumbar), wide)
        k = np.flatnonzero((volume.trunk.label == material("rib")).any(axis=(1, 2)))[0]
        lowest.append(float(volume.trunk.grid.axis("z")[k] - volume.posture.bodies[lumbar].centre[2]))
    assert lowest[0] == pytest.approx(lowest[1], abs=12)


def test_the_same_subject_is_built_of_the_same_voxels():
    first, second = (build(healthy(), LOW) for _ in range(2))
    for name in ("fine", "trunk"):
        one, other = getattr(first, name), getattr(second, name)
        assert all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("label", "under", "share"))
