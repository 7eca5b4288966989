"""The bones of the built volume against the geometry that they were asked to have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.phantom import PROFILES, SubjectSpec, draw_subject, measure_subject
from spondyl.phantom.anatomy import stack
from spondyl.phantom.bones import body_distance
from spondyl.phantom.curves import HEIGHTS_MM, curves
from spondyl.phantom.materials import MARROW0, NUCLEUS0, SIZE, column, material, table
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.solid.density import areal_density, trabecular_for
from spondyl.phantom.solid.facets import joint_of
from spondyl.phantom.spec_parts import ForeignSpec, FractureSpec, ImplantSpec, LesionSpec
from spondyl.phantom.volume import Volume

VOXEL = 0.7
NEAR = Detail(fine_mm=VOXEL, trunk_mm=12.0, half_width_mm=31.0, levels=(0, 3))
COARSE = Detail(fine_mm=1.4, trunk_mm=12.0, half_width_mm=28.0)
IS_BONE = np.zeros(SIZE, np.float32)
IS_BONE[MARROW0:NUCLEUS0] = 1
IS_BONE[[material(name) for name in ("cortex", "endplate", "blood", "haemangioma", "lesion", "pelvis", "rib")]] = 1


def clean_subject(seed: int = 3) -> SubjectSpec:
    """A drawn subject without disease or deformity of the bones, the same on both sides."""
    spec = draw_subject(np.random.default_rng(seed), "healthy")
    discs = tuple(replace(d, spurs_mm=(0.0, 0.0), spurs_lateral_mm=(0.0, 0.0), sclerosis_mm=(0.0, 0.0), modic=(0, 0), slip_mm=0.0,
                          facet_mm=(0.0, 0.0), flavum_mm=(3.0, 3.0), bulge_lateral_mm=(0.5, 0.5), herniation_mm=0.0,
                          upper_plate=replace(d.upper_plate, node_mm=0.0, irregularity_mm=0.0),
                          lower_plate=replace(d.lower_plate, node_mm=0.0, irregularity_mm=0.0)) for d in spec.discs)
    vertebrae = tuple(replace(v, coronal_deg=0.0, axial_deg=0.0, fracture=FractureSpec(), lesion=LesionSpec()) for v in spec.vertebrae)
    return replace(spec, lumbar=5, discs=discs, vertebrae=vertebrae, trunk=replace(spec.trunk, implants=(), foreign=()))


def with_disc(spec: SubjectSpec, index: int, **changes: object) -> SubjectSpec:
    discs = list(spec.discs)
    discs[index] = replace(discs[index], **changes)  # type: ignore[arg-type]
    return replace(spec, discs=tuple(discs))


def with_vertebra(spec: SubjectSpec, index: int, **changes: object) -> SubjectSpec:
    vertebrae = list(spec.vertebrae)
    vertebrae[index] = replace(vertebrae[index], **changes)  # type: ignore[arg-type]
    return replace(spec, vertebrae=tuple(vertebrae))


def scoliotic(spec: SubjectSpec) -> SubjectSpec:
    for k, (coronal, axial) in enumerate([(4, 2), (11, 5), (16, 8), (12, 4)]):
        spec = with_vertebra(spec, k, coronal_deg=float(coronal), axial_deg=float(axial))
    return spec


def bone_at(volume: Volume, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Share of bone at patient points (n, 3), between voxels linearly."""
    grid = volume.fine.grid
    at = (np.asarray(points, np.float64) - np.array(grid.origin_mm)) / grid.spacing_mm
    low = np.clip(np.floor(at), 0, np.array(volume.fine.label.shape[::-1]) - 2).astype(int)
    part = np.clip(at - low, 0, 1)
    total = np.zeros(len(at))
    for corner in np.ndindex(2, 2, 2):
        x, y, z = (low + corner).T
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        label, under, share = (a[z, y, x] for a in (volume.fine.label, volume.fine.under, volume.fine.share))
        total += weight * (IS_BONE[under] + share / 255 * (IS_BONE[label] - IS_BONE[under]))
    return total


def edge(volume: Volume, pose: Pose, start: tuple[float, float, float], way: tuple[float, float, float], reach: float = 25.0) -> float:
    """Distance from a local point inside bone along `way` to where the bone ends, mm."""
    steps = np.arange(0, reach, 0.05)
    bone = bone_at(volume, pose.to_patient(np.array(start) + steps[:, None] * np.array(way)))
    assert bone[0] > 0.5, f"{start} is not in bone"
    outside = bone < 0.5
    assert outside.any(), f"no end of the bone within {reach} mm of {start}"
    return float(steps[np.argmax(outside)])


@pytest.fixture(scope="module")
def plain() -> Volume:
    return build(clean_subject(), NEAR)


@pytest.fixture(scope="module")
def bent() -> Volume:
    return build(scoliotic(clean_subject()), NEAR)


@pytest.mark.parametrize("name", ["plain", "bent"])
def test_plates_and_walls_lie_where_the_spec_puts_them(name: str, request: pytest.FixtureRequest):
    volume = request.getfixturevalue(name)
    for body, pose in zip(volume.spine.bodies[:4], volume.posture.bodies, strict=False):
        for upper, plate in ((False, body.lower), (True, body.upper)):
            front_v, front_w, rear_v, rear_w = plate_corners(body, pose, upper)
            for t in (0.12, 0.5, 0.88):
                v, chord = front_v + t * (rear_v - front_v), front_w + t * (rear_w - front_w)
                depth = float(plate.into_body(np.array([t]))[0])
                sign = 1 if upper else -1
                found = edge(volume, pose, (0.0, v, 0.3 * chord), (0.0, 0.0, sign))
                assert 0.3 * chord + sign * found == pytest.approx(chord - sign * depth, abs=VOXEL)
            for corner_v, w, way in ((front_v, front_w, -1), (rear_v, rear_w, 1)):
                found = edge(volume, pose, (0.0, 0.8 * corner_v, 0.8 * w), (0.0, way, 0.0))
                hollow = body.wall_mm[int(way > 0)] * 4 * 0.1 * 0.9
                other = plate_corners(body, pose, not upper)[0 if way < 0 else 2]
                assert 0.8 * corner_v + way * found == pytest.approx(0.9 * corner_v + 0.1 * other - way * hollow, abs=VOXEL)


def test_disc_height_measured_on_masks_is_the_spec_s(plain: Volume, bent: Volume):
    for volume in (plain, bent):
        for disc, pose in zip(volume.spine.discs[1:4], volume.posture.discs[1:4], strict=True):
            half = float(np.hypot(*(disc.ends[1] - disc.ends[0]))) / 2
            gaps = []
            for t in np.linspace(0.15, 0.85, 8):
                steps = np.arange(-16, 16, 0.05)
                bone = bone_at(volume, pose.to_patient(np.stack([0 * steps, 0 * steps + (2 * t - 1) * half, steps], axis=1)))
                hollow = float(disc.above.into_body(np.array([t]))[0] + disc.below.into_body(np.array([t]))[0])
                gaps.append(float((bone < 0.5).sum()) * 0.05 - hollow)
            wanted = disc.spec.expected_mm * (1 - disc.spec.height_loss)
            assert np.mean(gaps) == pytest.approx(wanted, abs=VOXEL)


def test_a_slip_moves_the_upper_body_by_its_millimetres(plain: Volume):
    slipped = build(with_disc(plain.spec, 1, slip_mm=8.0), NEAR)
    plate = plain.spine.bodies[0].upper
    back = (plate.posterior - plate.anterior) / plate.depth
    ends = []
    for volume in (plain, slipped):
        pose, offset = volume.posture.bodies[1], 0.9 * plate_corners(volume.spine.bodies[1], volume.posture.bodies[1], False)[1]
        found = edge(volume, pose, (0.0, 0.0, offset), (0.0, 1.0, 0.0))
        point = pose.to_patient(np.array([[0.0, found, offset]]))[0]
        ends.append(point[1] * back[0] - point[2] * back[1])
    assert ends[0] - ends[1] == pytest.approx(8.0, abs=VOXEL)
    assert (ends[0] - ends[1]) / plate.depth == pytest.approx(8.0 / plate.depth, abs=0.02)


@pytest.mark.parametrize("reach", [2.0, 5.0])
def test_spurs_reach_as_far_as_the_spec_says(plain: Volume, reach: float):
    spec = with_disc(plain.spec, 2, spurs_mm=(reach, 0.5 * reach), spurs_lateral_mm=(0.0, 0.8 * reach))
    volume = build(spec, NEAR)
    body, pose = volume.spine.bodies[2], volume.posture.bodies[2]
    low = plate_corners(body, pose, False)
    middle, half = (low[0] + low[2]) / 2, spec.vertebrae[2].width_mm[0] / 2
    heights = np.arange(-1.4, 4.0, 0.35)
    tangent = {(0.0, -1.0, 0.0): (-low[0] + middle, reach, low[1]), (0.0, 1.0, 0.0): (low[2] - middle, 0.5 * reach, low[3]),
               (1.0, 0.0, 0.0): (half, 0.8 * reach, (low[1] + low[3]) / 2), (-1.0, 0.0, 0.0): (half, 0.0, (low[1] + low[3]) / 2)}
    for way, (rim, wanted, level) in tangent.items():
        steps = np.arange(0, rim + 7, 0.05)
        furthest = 0.0
        for height in heights:
            start = np.array([0.0, middle, level + height])
            bone = bone_at(volume, pose.to_patient(start + steps[:, None] * np.array(way)))
            furthest = max(furthest, float(steps[bone > 0.5].max(initial=0)))
        assert furthest - rim == pytest.approx(wanted, abs=VOXEL), way


@pytest.mark.parametrize(("kind", "shares"), [("wedge", (0.9, 0.5, 0.1)), ("biconcave", (0.36, 1.0, 0.36)), ("crush", (1.0, 1.0, 1.0))])
def test_a_fractured_body_has_lost_the_height_that_was_asked(plain: Volume, kind: str, shares: tuple[float, ...]):
    volume = build(with_vertebra(plain.spec, 2, fracture=FractureSpec(kind, 0.4)), NEAR)
    for t, share in zip((0.1, 0.5, 0.9), shares, strict=True):
        healthy, broken = (_height(v, t) for v in (plain, volume))
        slack = 0.07 if t != 0.5 and kind == "biconcave" else 0.04
        assert 1 - broken / healthy == pytest.approx(0.4 * share, abs=slack)
    assert volume.spine.bodies[2].expected_mm == pytest.approx(plain.spine.bodies[2].expected_mm)


def _height(volume: Volume, t: float) -> float:
    """Height of the third body at a place between its front and its back."""
    body, pose = volume.spine.bodies[2], volume.posture.bodies[2]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    v = [(1 - t) * c[0] + t * c[2] for c in (low, high)]
    middle = sum((1 - t) * c[1] + t * c[3] for c in (low, high)) / 2
    start = (0.0, sum(v) / 2, middle)
    return edge(volume, pose, start, (0.0, 0.0, 1.0)) + edge(volume, pose, start, (0.0, 0.0, -1.0))


def test_a_step_breaks_the_plate(plain: Volume):
    spec = with_vertebra(plain.spec, 2, fracture=FractureSpec("wedge", 0.2, step_mm=3.0))
    upper = stack(spec).bodies[2].upper
    before, after = upper.into_body(np.array([0.3, 0.4]))
    assert before - after > 2.0


def test_a_symmetric_spec_gives_a_symmetric_skeleton():
    volume = build(clean_subject(), COARSE)
    mineral = volume.fine.lookup(column(volume.materials, "mineral"))
    assert np.abs(mineral - mineral[:, :, ::-1]).mean() < 0.02 * mineral.mean()  # ties of rounding on ligaments
    assert mineral.max() > 0.5


def test_mineral_grows_in_step_with_trabecular_density():
    spec = clean_subject()
    volume = build(spec, COARSE)
    sums = []
    for density in (100.0, 150.0, 200.0):
        own = replace(spec, vertebrae=tuple(replace(v, trabecular_mg_cm3=density) for v in spec.vertebrae))
        sums.append(float(volume.fine.lookup(column(table(own), "mineral")).sum(dtype=np.float64)))
    assert sums[2] - sums[1] == pytest.approx(sums[1] - sums[0], rel=1e-3)
    assert sums[0] * 1.1 < sums[2]


def test_screws_go_through_pedicles_and_leave_other_levels_alone(plain: Volume):
    trunk = replace(plain.spec.trunk, implants=(ImplantSpec("screws", 0, 1, "titanium"),))
    volume = build(replace(plain.spec, trunk=trunk), NEAR)
    above = volume.fine.grid.axis("z") > volume.posture.bodies[2].centre[2]
    for name in ("label", "under", "share"):
        assert np.array_equal(getattr(volume.fine, name)[above], getattr(plain.fine, name)[above])
    metal = volume.fine.label == material("titanium")
    assert metal.any()
    for index in (0, 1):
        own, pose = volume.spec.vertebrae[index].arch, volume.posture.bodies[index]
        high = plate_corners(volume.spine.bodies[index], pose, True)
        for side in (-1, 1):
            beside, level = side * (own.canal_mm[0] + own.pedicle_mm[0]) / 2, high[3] - own.pedicle_mm[1] / 2 - 1
            point = pose.to_patient(np.array([[beside, high[2] + 4, level]]))[0]
            x, y, z = np.rint((point - np.array(volume.fine.grid.origin_mm)) / VOXEL).astype(int)
            assert metal[z, y, x]


def test_a_foreign_object_far_from_the_spine_is_in_the_coarse_block():
    spec = clean_subject()
    thing = ForeignSpec("pellet", (90.0, -30.0, 80.0), 9.0)
    volume = build(replace(spec, trunk=replace(spec.trunk, foreign=(thing,))), replace(COARSE, trunk_mm=3.0))
    steel = volume.trunk.lookup(column(volume.materials, "steel")).sum(dtype=np.float64) * 27.0 / 1000
    assert steel == pytest.approx(4 / 3 * np.pi * 0.45**3 * 7.9, rel=0.15)


def test_the_canal_is_as_wide_as_the_arch_says(plain: Volume, bent: Volume):
    for volume in (plain, bent):
        for index in (1, 2, 3):
            own, pose = volume.spec.vertebrae[index].arch, volume.posture.bodies[index]
            high = plate_corners(volume.spine.bodies[index], pose, True)
            u = np.arange(-25, 25, 0.05)
            line = np.stack([u, 0 * u + high[2] + 5.0, 0 * u + high[3] - own.pedicle_mm[1] / 2], axis=1)
            bone = bone_at(volume, pose.to_patient(line)) > 0.5
            assert not bone[np.abs(u) < 4].any()
            right, left = u[bone & (u < 0)].max(), u[bone & (u > 0)].min()
            assert left - right == pytest.approx(own.canal_mm[0], abs=2 * VOXEL)


@pytest.mark.parametrize("seed", range(20))
def test_no_bone_stands_in_the_middle_of_the_sac(seed: int):
    spec = draw_subject(np.random.default_rng((7, seed)), "symptomatic")
    volume = build(spec, Detail(fine_mm=1.8, trunk_mm=15.0, half_width_mm=22.0, levels=(0, spec.lumbar - 1)))
    lines = curves(spec, volume.spine)
    heights = np.linspace(volume.spine.bodies[0].centre[1], volume.spine.bodies[spec.lumbar - 1].centre[1], 40)
    middle = np.interp(heights, HEIGHTS_MM, (lines.sac_front + lines.sac_back) / 2)
    for beside in (-2.0, 0.0, 2.0):
        points = volume.posture.bend(np.stack([0 * heights + beside, middle, -heights], axis=1))
        assert bone_at(volume, points).max() < 0.5


def test_areal_density_seen_from_the_front_is_about_the_one_that_was_planned():
    spec = clean_subject(11)
    wanted = 0.9
    for k, own in enumerate(spec.vertebrae):
        spec = with_vertebra(spec, k, trabecular_mg_cm3=trabecular_for(wanted, own.cortex_mm, own.lower_depth_mm))
    assert areal_density(spec) == pytest.approx(wanted, abs=0.02)
    volume = build(spec, Detail(fine_mm=VOXEL, trunk_mm=12.0, half_width_mm=30.0, levels=(0, 5)))
    seen = volume.fine.lookup(column(volume.materials, "mineral")).sum(axis=1) * VOXEL / 10
    z, x = volume.fine.grid.axis("z"), np.abs(volume.fine.grid.axis("x"))
    bottom, top = volume.posture.discs[1].centre[2], volume.posture.discs[5].centre[2]
    region = seen[(z > bottom) & (z < top)][:, x < sum(spec.vertebrae[2].width_mm) / 4 + 1]
    assert region[region > 0.2].mean() == pytest.approx(wanted, abs=0.1)


def test_the_mid_line_painter_and_the_volume_agree_about_bodies():
    spec = with_disc(clean_subject(), 2, spurs_mm=(4.0, 2.0), height_loss=0.3)
    spec = with_vertebra(spec, 1, fracture=FractureSpec("biconcave", 0.3, 2.0))
    volume = build(spec, NEAR)
    back, up = (g.ravel().astype(np.float32) for g in np.meshgrid(np.arange(-24, 21, 0.5), np.arange(-18, 18, 0.5)))
    for body, pose in zip(volume.spine.bodies[1:4], volume.posture.bodies[1:4], strict=True):
        drawn = body_distance(body, back, up)[0]
        clear = (np.abs(drawn) > VOXEL) & (back < body.lower.depth / 2 + 3)
        solid = bone_at(volume, pose.to_patient(np.stack([0 * back, back, up], axis=1))[clear]) > 0.5
        pairs = zip(volume.spine.bodies[:5], volume.posture.bodies, strict=False)
        painted = sum(body_distance(b, *_between(pose, p, back, up))[0] < 0 for b, p in pairs)
        assert (solid == (painted[clear] > 0)).mean() > 0.985


def _between(pose: Pose, other: Pose, back: NDArray[np.float32], up: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """(back, up) of points of one body's mid-line frame in another's."""
    _, *place = other.to_local(*pose.to_patient(np.stack([0 * back, back, up], axis=1)).T)
    return [np.asarray(p, np.float32) for p in place]


def test_two_processes_face_each_other_across_a_gap(plain: Volume, bent: Volume):
    for volume in (plain, bent):
        for index in (1, 2, 3):
            for side in (-1.0, 1.0):
                joint = joint_of(volume, index, side)
                across = np.arange(-5, 5, 0.1)
                line = np.array(joint.centre) + across[:, None] * np.array([*joint.normal, 0.0])
                bone = bone_at(volume, joint.pose.to_patient(line)) > 0.5
                assert not bone[np.abs(across) < 0.35].any()
                assert bone[(across > -4) & (across < -2)].all()
                assert bone[(across > 2) & (across < 4)].all()


def test_a_grown_facet_joint_comes_forward_on_its_side_only(plain: Volume):
    rooms = []
    for growth in (0.0, 3.0, 6.0):
        volume = build(with_disc(plain.spec, 2, facet_mm=(growth, 0.0)), NEAR)
        disc, pose = volume.spine.discs[2], volume.posture.discs[2]
        back, half = float(np.hypot(*(disc.ends[1] - disc.ends[0]))) / 2, volume.spec.vertebrae[2].arch.canal_mm[0] / 2
        steps = np.arange(0, 14, 0.05)
        rooms.append([float(steps[np.argmax(bone_at(volume, pose.to_patient(np.stack(
            [0 * steps + side * (half + 3), back + 1 + steps, 0 * steps + 1], axis=1))) > 0.5)]) for side in (-1, 1)])
    (right, left), (grown, same), (most, still) = rooms
    assert left == pytest.approx(right, abs=VOXEL)
    assert right - 1.0 > grown > most + 1.0
    assert same == still == left


def test_the_lowest_of_six_vertebrae_may_reach_the_wings_of_the_sacrum():
    spec = replace(clean_subject(), lumbar=6)
    spec = with_vertebra(spec, 0, arch=replace(spec.vertebrae[0].arch, transverse_mm=44.0))
    bridges = []
    for remnant in (2.0, 6.0):
        volume = build(replace(spec, sacrum=replace(spec.sacrum, remnant_mm=remnant)), replace(COARSE, half_width_mm=56.0, levels=(-2, 1)))
        pose, own = volume.posture.bodies[0], spec.vertebrae[0]
        high = plate_corners(volume.spine.bodies[0], pose, True)
        start = np.array([(own.arch.canal_mm[0] + own.arch.pedicle_mm[0]) / 2 + 15, high[2] + 9, high[3] - 14])
        path = start + np.linspace(0, 1, 40)[:, None] * (np.array([40.0, high[2] + 5, -20.0]) - start)
        bridges.append(bone_at(volume, pose.to_patient(path)).mean())
    assert bridges[0] < 0.8
    assert bridges[1] > 0.95


@pytest.mark.parametrize("lumbar", [4, 6])
def test_a_vertebra_that_joins_the_sacrum_leaves_its_foramina_open(lumbar: int):
    profile = replace(PROFILES["transitional"], four_lumbar=float(lumbar == 4), six_lumbar=float(lumbar == 6), grade_shift=-1.4)
    spec = draw_subject(np.random.default_rng(lumbar), profile)
    calm = replace(spec.discs[0], ridge_mm=(0.0, 0.0), facet_mm=(0.0, 0.0), height_loss=0.0, slip_mm=0.0, herniation_mm=0.0)
    spec = replace(spec, sacrum=replace(spec.sacrum, remnant_mm=5.5), discs=(calm, *spec.discs[1:]))
    truth = measure_subject(build(spec, Detail(trunk_mm=6.0, levels=(-2, 1))))
    lowest = [row for row in truth.stenosis if row.condition == "neural_foraminal_narrowing" and row.from_bottom == 1]
    assert [row.grade for row in lowest] == [0, 0]
