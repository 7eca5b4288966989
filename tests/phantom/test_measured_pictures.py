"""Truth in the pixels of a film or a series, and what readers make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantom.measured_subject import bare, low, subject, with_disc, with_vertebra
from spondyl.phantom.materials import material
from spondyl.phantom.measured import (
    LESIONS,
    FilmTruth,
    ObjectTruth,
    SpurTruth,
    StenosisTruth,
    SubjectTruth,
    film_from_json,
    film_truth,
    measure_subject,
    read,
    read_film,
    series_points,
    truth_from_json,
)
from spondyl.phantom.measured.readers import read_stenosis
from spondyl.phantom.measured.rules import RULE, canal_grade, foramen_grade, recess_grade
from spondyl.phantom.rays import Projection
from spondyl.phantom.rays.dxa import DxaAcquisition, render_dxa
from spondyl.phantom.resonance import MrAcquisition, MrSeries, axial_stack, sagittal_stack
from spondyl.phantom.resonance.series import place
from spondyl.phantom.solid import Detail, build
from spondyl.phantom.spec_parts import ForeignSpec, FractureSpec, ImplantSpec

SHAPE = (900, 700)
VIEWS = {view: Projection(view, *SHAPE, 0.4, 1150.0, 200.0, (3.0, -10.0, 80.0), (4.0, -6.0), 2.0) for view in ("ap", "lateral")}
"""A cone beam, off centre, the patient turned in the picture."""


@pytest.fixture(scope="module")
def truth() -> SubjectTruth:
    """A subject with something of every class, most of it put into the records by hand."""
    spec = with_disc(subject(), 1, height_loss=0.5, slip_mm=5.0)
    plain = measure_subject(bare(with_vertebra(spec, 3, fracture=FractureSpec("wedge", 0.4, 3.0))))
    at = np.array(plain.discs[2].corners_mm)
    spurs = tuple(SpurTruth(f"{end}_above", 4.0, _point(at[0]), _point(at[0] + step)) for end, step in
                  (("anterior", (0.0, -4, 0)), ("right", (-4.0, 0, 0))))
    discs = tuple(replace(d, spurs=spurs, grade=3) if d.from_bottom == 3 else d for d in plain.discs)
    numbers = {"bone_supports": 1.0, "spare_front_back_mm": -2.0, "spare_up_down_mm": 0.0, "root_mm": 5.0}
    foramen = StenosisTruth("neural_foraminal_narrowing", "left", "L4/L5", 2, 2, "foramen-room/1", numbers, (14.0, 20.0, 40.0))
    box = [(x, y, z) for x in (-20.0, 20.0) for y in (0.0, 40.0) for z in (10.0, 60.0)]
    things = ObjectTruth("implant", "screws", tuple(box)), ObjectTruth("foreign", "coin", ((60.0, -60.0, 90.0), (70.0, -50.0, 100.0)))
    return replace(plain, discs=discs, stenosis=(foramen,), objects=things)


def _point(row: np.ndarray) -> tuple[float, float, float]:
    return float(row[0]), float(row[1]), float(row[2])


def found(film: FilmTruth) -> set[str]:
    return {box.lesion_type for box in film.boxes}


def test_every_class_shows_on_a_lateral_film_and_slips_and_foramina_on_no_frontal_one(truth: SubjectTruth):
    frontal, lateral = (film_truth(truth, VIEWS[view], SHAPE) for view in ("ap", "lateral"))
    assert (frontal.view, lateral.view) == ("frontal", "lateral")
    assert found(lateral) == set(LESIONS)
    assert {"Osteophytes", "Surgical implant", "Vertebral collapse", "Other lesions"} <= found(frontal)
    assert not {"Spondylolysthesis", "Foraminal stenosis"} & found(frontal)
    assert frontal.abnormal
    assert [b.where for b in frontal.boxes if b.lesion_type == "Osteophytes"] == ["L3/L4 right_above"]
    assert [b.where for b in lateral.boxes if b.lesion_type == "Osteophytes"] == ["L3/L4 anterior_above"]


@pytest.mark.parametrize("view", ["ap", "lateral"])
def test_boxes_hold_what_they_name_and_lie_on_the_film(truth: SubjectTruth, view: str):
    film = film_truth(truth, VIEWS[view], SHAPE)
    for box in film.boxes:
        x0, y0, x1, y1 = box.box
        assert 0 <= x0 < x1 <= SHAPE[1]
        assert 0 <= y0 < y1 <= SHAPE[0]
    boxes = {box.where: box.box for box in film.boxes}
    for where, points in (("screws", truth.objects[0].points_mm), (truth.vertebrae[3].name, truth.vertebrae[3].corners_mm),
                          (f"L3/L4 {'right' if view == 'ap' else 'anterior'}_above", [truth.discs[2].spurs[view == "ap"].tip_mm])):
        x, y = VIEWS[view].to_pixels(np.array(points)).T
        x0, y0, x1, y1 = boxes[where]
        assert ((x0 - 1 <= x) & (x <= x1) & (y0 - 1 <= y) & (y <= y1)).all()


@pytest.mark.parametrize("view", ["ap", "lateral"])
def test_corners_lie_where_the_projection_puts_them_in_picture_order(truth: SubjectTruth, view: str):
    film = film_truth(truth, VIEWS[view], SHAPE)
    for shown in film.vertebrae:
        own = truth.vertebrae[shown.index]
        points = np.array(own.coronal_mm if view == "ap" else own.corners_mm)
        assert np.array(shown.corners) == pytest.approx(VIEWS[view].to_pixels(points), abs=1e-6)
    first = np.array(film.vertebrae[1].corners)
    if view == "ap":
        assert first[0, 0] < first[1, 0]
        assert first[0, 1] < first[2, 1]
    else:
        assert first[0, 0] < first[1, 0]  # the front is on the left
        assert first[1, 1] < first[2, 1]


def test_a_film_is_graded_by_its_worst_disc_of_which_both_plates_are_on_it(truth: SubjectTruth):
    whole = film_truth(truth, VIEWS["lateral"], SHAPE)
    assert whole.grade == 3
    middle = VIEWS["lateral"].to_pixels(np.array(truth.discs[2].corners_mm)).mean(axis=0)
    cut = film_truth(truth, VIEWS["lateral"], SHAPE, collimation=(0.0, 0.0, 1 - middle[1] / SHAPE[0], 0.0))
    assert 3 not in [disc.from_bottom for disc in cut.discs if disc.inside]
    assert cut.grade == max(d.grade for d in cut.discs if d.inside) == 0
    assert all(box.box[3] <= middle[1] + 1e-6 for box in cut.boxes)


def test_a_film_of_the_chest_shows_nothing_of_the_spine_and_is_normal(truth: SubjectTruth):
    away = replace(VIEWS["ap"], centre_mm=(900.0, 0.0, 900.0))
    film = film_truth(truth, away, SHAPE)
    assert (film.boxes, film.discs, film.vertebrae, film.grade, film.abnormal) == ((), (), (), None, False)


def test_film_truths_survive_json(truth: SubjectTruth):
    film = film_truth(truth, VIEWS["ap"], SHAPE)
    assert film_from_json(film.to_json()) == film


def test_the_boxes_of_devices_hold_their_metal_and_not_each_other_s():
    spec = subject()
    kit = ImplantSpec("screws", 0, 1), ImplantSpec("cage", 0, 0, "titanium")
    volume = low(replace(spec, trunk=replace(spec.trunk, implants=kit, foreign=(ForeignSpec("coin", (80.0, -60.0, 60.0), 24.0),))))
    film = film_truth(measure_subject(volume), VIEWS["lateral"], SHAPE)
    boxes = {box.where: box.box for box in film.boxes}
    grid, pose = volume.fine.grid, volume.posture.discs[0]
    z, y, x = np.nonzero((volume.fine.label == material("titanium")) & (volume.fine.share > 128))
    metal = np.stack([x, y, z], -1) * grid.spacing_mm + np.array(grid.origin_mm)
    height = ((metal - pose.centre) @ pose.axes.T)[:, 2]
    for where, own in (("cage", np.abs(height) < 4), ("screws", height > 14)):
        across, down = VIEWS["lateral"].to_pixels(metal[own]).T
        x0, y0, x1, y1 = boxes[where]
        voxel = 1.2 / 0.4
        assert (x0 - voxel <= across).all()
        assert (across <= x1 + voxel).all()
        assert (y0 - voxel <= down).all()
        assert (down <= y1 + voxel).all()
    assert boxes["screws"][3] < boxes["cage"][3]
    assert boxes["coin"][3] - boxes["coin"][1] == pytest.approx(24 * 1150 / 950 / 0.4, rel=0.25)


def test_a_thing_too_small_for_the_voxels_gets_no_box():
    spec = subject()
    things = ForeignSpec("clip", (90.0, -60.0, 60.0), 1.0), ForeignSpec("pellet", (90.0, -90.0, 40.0), 24.0)
    volume = low(replace(spec, trunk=replace(spec.trunk, foreign=things)))
    truth = measure_subject(volume)
    assert [one.name for one in truth.objects] == ["pellet"]
    assert [box.where for box in film_truth(truth, VIEWS["ap"], SHAPE).boxes] == ["pellet"]


def test_the_density_of_a_region_is_the_mineral_that_the_dxa_scan_passes():
    volume = build(subject(), Detail(fine_mm=1.2, trunk_mm=8.0, half_width_mm=40.0, levels=(-1, 6)))
    truth = measure_subject(volume)
    assert truth.density is not None
    assert truth.density.vertebrae == ("L1", "L2", "L3", "L4")
    scan = render_dxa(volume, DxaAcquisition(pixel_mm=0.8, rows=320, centre_mm=(0.0, 0.0, 90.0)))
    own = {v.name: v.bmd_g_cm2 for v in truth.vertebrae}
    for region in scan.regions:
        assert own[region.level] == pytest.approx(region.true_g_cm2, rel=0.02)
    assert truth.density.reference == scan.reference.name
    volume.fine.label[volume.fine.label == material("cortex")] = material("fat")
    assert measure_subject(volume).density.bmd_g_cm2 < truth.density.bmd_g_cm2


def _series(sequence: str, stacks: tuple, rows: int = 200) -> MrSeries:
    scan = MrAcquisition(sequence, 1.5, 3000.0, 100.0, rows, 200, (1.0, 1.0), 4.0, 0.4, stacks)
    return MrSeries(scan, np.zeros((scan.slices, rows, 200), np.uint16), *place(scan))


@pytest.mark.parametrize(("sequence", "condition"), [
    ("t1", "neural_foraminal_narrowing"), ("t2", "spinal_canal_stenosis"), ("stir", "spinal_canal_stenosis"),
    ("axial", "subarticular_stenosis"),
])
def test_a_marked_point_is_the_place_it_names_in_the_slice_it_names(sequence: str, condition: str):
    volume = bare(subject())
    disc = volume.posture.discs[1]
    middle = disc.to_patient(np.array([[0.0, 22.0, 0.0], [15.0, 23.0, 8.0], [-9.0, 21.0, -3.0]]))
    at = dict(zip(("spinal_canal_stenosis", "neural_foraminal_narrowing", "subarticular_stenosis"), map(_point, middle), strict=True))
    readings = tuple(StenosisTruth(name, None, "L4/L5", 2, 1, RULE[name], {}, point) for name, point in at.items())
    truth = replace(measure_subject(volume), stenosis=readings)
    centre = _point(disc.centre)
    stack = axial_stack(centre, 5, disc.axes[0], disc.axes[1]) if sequence == "axial" else sagittal_stack(centre, 15)
    series = _series("t2" if sequence == "axial" else sequence, (stack,))
    (point,) = series_points(truth, series)
    assert point.condition == condition
    back = series.to_patient(np.array([[point.x, point.y, point.slice_index]]))[0]
    assert np.linalg.norm(back - np.array(at[condition])) == pytest.approx(point.off_mm, abs=1e-6)
    assert point.off_mm <= 2.2 + 1e-6


def _weighted_kappa(first: np.ndarray, second: np.ndarray, grades: int = 3) -> float:
    """Linear weights, by definition."""
    weight = np.abs(np.subtract.outer(np.arange(grades), np.arange(grades)))
    seen = sum(weight[a, b] for a, b in zip(first, second, strict=True)) / len(first)
    shares = [np.bincount(one, minlength=grades) / len(one) for one in (first, second)]
    return 1 - seen / float(shares[0] @ weight @ shares[1])


def _cohort(condition: str, rng: np.random.Generator, count: int) -> list[StenosisTruth]:
    """Readings whose numbers are spread so that the grades come at RSNA's rates."""
    rows = []
    for z in rng.standard_normal(count):
        if condition == "spinal_canal_stenosis":
            numbers = {"sac_area_mm2": float(np.exp(5.27 + 0.571 * z)), "root_share": 0.6}
            grade = canal_grade(numbers["sac_area_mm2"], 0.6)
        elif condition == "subarticular_stenosis":
            numbers = {"recess_height_mm": float(np.exp(1.407 + 0.546 * z)), "root_kept": 1.0}
            grade = recess_grade(numbers["recess_height_mm"])
        else:
            openness = 2.78 + 1.014 * z
            spare = max(1 + (openness - 2.1) / 0.55, 1.0) if openness > 2 else -1.25 * (2 - openness)
            numbers = {"spare_front_back_mm": float(spare), "spare_up_down_mm": float(spare), "root_mm": 5.0}
            grade = foramen_grade((spare + 5, spare + 5), 5.0)
        rows.append(StenosisTruth(condition, None, "L4/L5", 2, grade, "", numbers, (0.0, 0.0, 0.0)))
    return rows


@pytest.mark.parametrize(("condition", "kappa", "normal"), [
    ("spinal_canal_stenosis", 0.73, 0.878), ("neural_foraminal_narrowing", 0.58, 0.78), ("subarticular_stenosis", 0.49, 0.714),
])
def test_two_readers_agree_as_published(condition: str, kappa: float, normal: float):
    rng = np.random.default_rng(4)
    cohort = _cohort(condition, rng, 12_000)
    first, second = (np.array([read_stenosis(one, rng).grade for one in cohort]) for _ in range(2))
    assert np.mean([one.grade == 0 for one in cohort]) == pytest.approx(normal, abs=0.02)
    assert _weighted_kappa(first, second) == pytest.approx(kappa, abs=0.05)


def test_a_reading_is_replayed_by_its_seed_and_says_what_it_is(truth: SubjectTruth):
    one, same, other = (read(truth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert (truth.source, one.source) == ("truth", "read")
    assert truth_from_json(one.to_json()) == one
    assert one.levels == truth.levels
    assert one.objects == truth.objects


def test_a_reader_s_boxes_stay_on_the_film_and_near_the_truth(truth: SubjectTruth):
    film = film_truth(truth, VIEWS["lateral"], SHAPE)
    passed = 0
    for seed in range(60):
        seen = read_film(film, np.random.default_rng(seed))
        passed += len(film.boxes) - len(seen.boxes)
        for box in seen.boxes:
            own = next(one.box for one in film.boxes if (one.where, one.lesion_type) == (box.where, box.lesion_type))
            size = np.array([own[2] - own[0], own[3] - own[1]] * 2)
            assert (np.abs(np.array(box.box) - np.array(own)) <= 0.2 * size).all()
            assert min(box.box) >= 0
            assert (box.box[2], box.box[3]) <= (SHAPE[1], SHAPE[0])
    assert 0 < passed < 0.2 * 60 * len(film.boxes)
