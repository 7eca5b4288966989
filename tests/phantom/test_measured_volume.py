"""What is measured on a built volume agrees with what was built: sizes, angles, areas, labels; and worse is never graded better."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from phantom.measured_subject import bare, low, subject, with_disc, with_vertebra
from spondyl.phantom.materials import material
from spondyl.phantom.measured import SubjectTruth, measure_subject, truth_from_json
from spondyl.phantom.measured.bodies import BODY_TABLE, find_plate, first_exit
from spondyl.phantom.measured.canal import cut, level_of, measure_canal
from spondyl.phantom.measured.discs import measure_disc
from spondyl.phantom.measured.sampling import sample
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.spec_parts import FractureSpec, LesionSpec
from spondyl.phantom.volume import Block, Volume

VOXEL = 1.0


@lru_cache(maxsize=24)
def truth_of(spec: SubjectSpec) -> SubjectTruth:
    return measure_subject(low(spec))


def graded(truth: SubjectTruth) -> dict[tuple, int]:
    return {(one.condition, one.side, one.from_bottom): one.grade for one in truth.stenosis}


@pytest.fixture(scope="module")
def plain() -> SubjectTruth:
    return truth_of(subject())


def test_a_healthy_subject_has_no_labels(plain: SubjectTruth):
    assert all(one.grade == 0 for one in plain.stenosis)
    for d in plain.discs[:2]:
        assert (d.pfirrmann, d.modic, d.narrowing, d.bulging, d.herniation, d.spondylolisthesis, d.grade) == (2, 0, 0, 0, 0, 0, 0)
    assert all(v.genant == 0 for v in plain.vertebrae)
    assert plain.objects == ()
    assert plain.curves == ()


def test_a_truth_survives_json(plain: SubjectTruth):
    assert truth_from_json(plain.to_json()) == plain


def test_every_label_says_its_rule_and_the_numbers_behind_it(plain: SubjectTruth):
    assert all(one.rule_id and one.numbers for one in plain.stenosis)
    labels = {"pfirrmann", "modic", "narrowing", "bulging", "herniation", "spondylolisthesis", "upper_endplate", "grade"}
    for disc in plain.discs:
        assert labels <= disc.rule_ids.keys()
        assert {"nucleus_t2_ms", "height_loss", "rim_mm", "slip_mm", "longest_spur_mm"} <= disc.numbers.keys()


def test_a_disc_lies_between_the_corners_of_its_neighbours(plain: SubjectTruth):
    disc, above, below = plain.discs[1], plain.vertebrae[1], plain.vertebrae[0]
    around = [above.corners_mm[3], above.corners_mm[2], below.corners_mm[1], below.corners_mm[0]]
    assert np.array(disc.corners_mm) == pytest.approx(np.array(around))
    right, left = (np.array(disc.coronal_mm)[k][:, 0] for k in ([0, 3], [1, 2]))
    assert (right < -20).all()
    assert (left > 20).all()
    assert disc.coronal_mm[0][2] - disc.coronal_mm[3][2] == pytest.approx(12, abs=1.5)


def test_only_what_the_fine_block_holds_has_readings(plain: SubjectTruth):
    assert [one.level for one in plain.stenosis] == ["L4/L5"] * 5 + ["L5/S1"] * 5
    assert [v.in_volume for v in plain.vertebrae[:4]] == [True, True, False, False]
    assert plain.density is None


@pytest.mark.parametrize(("lumbar", "lowest"), [(4, "L4/S1"), (5, "L5/S1"), (6, "L6/S1")])
def test_levels_are_named_by_the_true_count_and_by_a_reader_s_count(lumbar: int, lowest: str):
    truth = measure_subject(bare(subject(lumbar=lumbar)))
    assert truth.levels[0] == truth.discs[0].level == lowest
    assert truth.discs[0].counted_level == "L5/S1"
    assert truth.vertebrae[0].name == f"L{lumbar}"


@pytest.mark.parametrize("loss", [0.0, 0.35])
def test_the_height_of_a_disc_on_the_voxels_is_that_of_its_plates(loss: float):
    disc = truth_of(with_disc(subject(), 1, height_loss=loss)).discs[1]
    assert disc.height_mm == pytest.approx(disc.expected_mm - 12.0 * loss, abs=VOXEL)
    assert disc.height_loss == pytest.approx(loss, abs=0.02)
    assert disc.narrowing == int(loss >= 0.2)


def test_a_slip_is_found_between_the_plates_on_the_voxels():
    spec = with_disc(subject(), 1, slip_mm=7.0)
    volume, disc = low(spec), truth_of(spec).discs[1]
    assert (disc.slip_mm, disc.slip_percent) == (pytest.approx(7.0, abs=0.05), pytest.approx(20, abs=0.2))
    assert (disc.spondylolisthesis, disc.meyerding) == (1, 1)
    backs = []
    for index, up in ((1, -1), (0, 1)):  # the rear wall a little off the plate, walking out from the middle, along the lower body's frame
        body, pose, own = volume.spine.bodies[index], volume.posture.bodies[index], volume.posture.bodies[0]
        plate = body.lower if up < 0 else body.upper
        rear = pose.plate(plate, body.centre, body.tilt)
        far = np.arange(0, 26, 0.2)
        points = pose.to_patient(np.stack([0 * far, far, 0 * far + rear[3] - up * 2.0], -1))
        reach = float(first_exit(sample(volume.fine, points, BODY_TABLE)[None], 0.2)[0])
        backs.append(own.to_local(*pose.to_patient(np.array([[0, reach, rear[3]]])).T[:, :, None])[1].item())
    assert backs[1] - backs[0] == pytest.approx(7.0, abs=2 * VOXEL)


@pytest.mark.parametrize("bend", [0.0, 14.0, -14.0])
def test_the_tilt_of_plates_on_the_voxels_is_that_of_the_posture(bend: float):
    spec = subject()
    for index in range(7):
        spec = with_vertebra(spec, index, coronal_deg=bend * (index > 0), axial_deg=bend / 2 * (index > 0))
    volume = low(spec, 2)
    truth = measure_subject(bare(spec))
    tilts = []
    for index, upper in ((1, True), (0, False)):
        body, pose = volume.spine.bodies[index], volume.posture.bodies[index]
        plate = find_plate(volume, body, pose, upper)
        assert plate is not None
        across = pose.axes.T @ np.array([1.0, 0.0, plate.slope()[0]])
        tilts.append(np.degrees(np.arctan2(across[2], across[0])))
    corners = [np.array(v.coronal_mm) for v in truth.vertebrae[:2]]
    ends = corners[1][1] - corners[1][0], corners[0][3] - corners[0][2]
    expected = [np.degrees(np.arctan2(e[2], e[0])) for e in ends]
    assert tilts == pytest.approx(expected, abs=1.0)
    assert tilts[0] - tilts[1] == pytest.approx(bend, abs=1.0)


def test_a_scoliosis_has_the_angle_the_ends_the_apex_and_the_side_it_was_given():
    spec = subject()
    for index, tilt in enumerate((10, 18, 8, -8, -16, -8, 0)):
        spec = with_vertebra(spec, index, coronal_deg=float(tilt))
    main = measure_subject(bare(spec)).curves[0]
    assert main.cobb_deg == pytest.approx(34, abs=1)
    assert (main.upper, main.lower) == ("L1", "L4")
    assert main.apex in ("L2", "L3")
    assert main.side == "right"  # the lower end rises to the left, so the column leans right up to its apex


def _tubes(volume: Volume, half_u: float, half_v: float) -> Volume:
    """The same patient whose canal at the lowest two discs is an oval tube of fluid, laid along the normal of L4/L5."""
    pose, level = volume.posture.discs[1], level_of(volume, 1, "L4/L5")
    block = Block(volume.fine.grid)
    u, v, w = pose.to_local(*block.grid.open((slice(None),) * 3))
    r = np.hypot(u / half_u, (v - level.back_mm - 9) / half_v)
    cover = np.clip(0.5 - (r - 1) * min(half_u, half_v) / block.grid.spacing_mm, 0, 1) + 0 * w
    block.paint((slice(None),) * 3, np.ones(block.grid.shape), material("epidural_fat"))
    block.paint((slice(None),) * 3, cover, material("csf"))
    return replace(volume, fine=block)


@pytest.mark.parametrize(("half_u", "half_v"), [(9.0, 7.0), (6.0, 5.0), (6.0, 3.6)])
def test_a_sac_of_known_area_is_measured_within_two_percent(half_u: float, half_v: float):
    level = level_of(_tubes(low(subject()), half_u, half_v), 1, "L4/L5")
    reading = measure_canal(level, cut(level, 0.0))
    area = np.pi * half_u * half_v
    assert reading.numbers["sac_area_mm2"] == pytest.approx(area, rel=0.02)
    assert reading.numbers["sac_depth_mm"] == pytest.approx(2 * half_v, abs=0.4)
    middle = (np.array(reading.point_mm) - level.pose.centre) @ level.pose.axes.T
    assert middle == pytest.approx((0, level.back_mm + 9, 0), abs=0.2)
    assert reading.grade == (0 if area >= 100 else 1 if area >= 75 else 2)


@pytest.mark.parametrize("changes", [
    [{"flavum_mm": (t, t)} for t in (3.0, 6.0, 9.0)],
    [{"facet_mm": (t, t)} for t in (0.0, 6.0)],
    [{}, {"herniation_mm": 10.0, "herniation_width_mm": 18.0}],
])
def test_more_of_what_narrows_never_gives_a_better_grade(changes: list[dict]):
    truths = [truth_of(with_disc(subject(), 1, **change)) for change in changes]
    grades = [graded(truth) for truth in truths]
    for mild, worse in pairwise(grades):
        assert all(worse[key] >= grade for key, grade in mild.items())
    areas = [truth.stenosis[0].numbers["sac_area_mm2"] for truth in truths]
    assert areas == sorted(areas, reverse=True)
    assert truths[0].stenosis[:5] != truths[-1].stenosis[:5]


def test_twins_differ_at_the_changed_level_alone():
    spec = subject()
    first, second = truth_of(spec), truth_of(with_disc(spec, 1, herniation_mm=11.0, herniation_width_mm=20.0, flavum_mm=(6.0, 6.0)))
    changed = {key for key, grade in graded(first).items() if graded(second)[key] != grade}
    assert ("spinal_canal_stenosis", None, 2) in changed
    assert all(key[2] == 2 for key in changed)
    names = ("pfirrmann", "modic", "narrowing", "bulging", "herniation", "grade", "slip_mm")
    assert (first.discs[1].herniation, second.discs[1].herniation) == (0, 1)
    others = [(a, b) for k, (a, b) in enumerate(zip(first.discs, second.discs, strict=True)) if k != 1]
    assert all(getattr(a, n) == getattr(b, n) for a, b in others for n in names)
    assert [v.genant for v in first.vertebrae] == [v.genant for v in second.vertebrae]


@pytest.mark.parametrize(("fracture", "grade", "kind"), [
    (FractureSpec("wedge", 0.32, 1.5), 2, "wedge"), (FractureSpec("biconcave", 0.33, 0.0), 2, "biconcave"),
    (FractureSpec("crush", 0.5, 2.0), 3, "crush"),
])
def test_a_broken_vertebra_has_its_genant_grade_and_kind(fracture: FractureSpec, grade: int, kind: str):
    vertebra = truth_of(with_vertebra(subject(), 0, fracture=fracture)).vertebrae[0]
    assert vertebra.in_volume
    assert (vertebra.genant, vertebra.genant_kind) == (grade, kind)
    worst = max(vertebra.numbers[name] for name in ("loss_anterior", "loss_middle", "loss_posterior"))
    assert worst == pytest.approx(fracture.loss, abs=0.06)


@pytest.fixture(scope="module")
def worn() -> SubjectTruth:
    """Two discs with a little of everything."""
    spec = with_disc(subject(), 1, spurs_mm=(4.6, 1.0), spurs_lateral_mm=(3.0, 0.0), modic=(2, 2), modic_mm=(8.0, 8.0))
    node = replace(spec.discs[0].lower_plate, node_mm=5.5)
    spec = with_disc(spec, 0, upper_plate=node, lower_plate=node, modic=(3, 0), modic_mm=(9.0, 0.0))
    return truth_of(with_vertebra(spec, 1, lesion=LesionSpec((0.2, -0.3, 0.1), 6.0)))


def test_a_schmorl_node_is_not_a_fracture(worn: SubjectTruth):
    assert worn.discs[0].upper_endplate == worn.discs[0].lower_endplate == 1
    assert worn.discs[1].upper_endplate == worn.discs[1].lower_endplate == 0
    assert worn.vertebrae[0].genant == 0


def test_spurs_have_their_length_and_give_the_radiograph_grade(worn: SubjectTruth):
    disc = worn.discs[1]
    longest = {end: max((s.length_mm for s in disc.spurs if s.site.startswith(end)), default=0.0) for end in ("anterior", "right", "left")}
    assert longest["anterior"] == pytest.approx(4.6, abs=VOXEL)
    assert longest["right"] == pytest.approx(3.0, abs=VOXEL)
    assert longest["left"] < VOXEL
    assert [one.grade for one in worn.discs[:2]] == [0, 3]


def test_changed_marrow_is_found_with_its_type(worn: SubjectTruth):
    assert [disc.modic for disc in worn.discs[:3]] == [3, 2, 0]


def test_the_nucleus_gives_the_pfirrmann_grade():
    steps = ((200, 0.0), (130, 0.0), (84, 0.1), (50, 0.2), (45, 0.6))
    grades = []
    for (t2, loss), (other, more) in zip(steps[::2], (*steps[1::2], steps[0]), strict=True):
        spec = with_disc(subject(), 0, nucleus_t2_ms=t2, annulus_t2_ms=45.0, height_loss=loss)
        volume = low(with_disc(spec, 1, nucleus_t2_ms=other, annulus_t2_ms=45.0, height_loss=more))
        grades += [measure_disc(volume, 0).pfirrmann, measure_disc(volume, 1).pfirrmann]
    assert grades == [1, 2, 3, 4, 5, 1]


def test_a_dense_spot_is_found_where_it_was_put(worn: SubjectTruth):
    points = np.array(worn.objects[0].points_mm)
    assert worn.objects[0].kind == "lesion"
    assert np.ptp(points, axis=0) == pytest.approx((12, 12, 12), abs=2 * VOXEL)
