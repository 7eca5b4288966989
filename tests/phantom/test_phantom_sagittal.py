"""The rendered slice: what a reader of MR would expect to see, and a truth that agrees with the pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.phantom import Acquisition, Profile, SubjectSpec, draw_acquisition, draw_subject, render_sagittal
from spondyl.phantom.anatomy import stack
from spondyl.phantom.label_map import CANAL, FIRST_DISC, label_map
from spondyl.phantom.truth import measure

T2 = Acquisition("t2", rows=280, columns=224, spacing_mm=(1.0, 1.0), centre_mm=(0.0, -75.0), noise=0.005)
T1 = replace(T2, sequence="t1", tr_ms=550.0, te_ms=11.0)


def subject(seed: int = 0, **profile: float) -> SubjectSpec:
    return draw_subject(np.random.default_rng(seed), Profile("test", **{"four_lumbar": 0.0, "six_lumbar": 0.0, **profile}))


def with_disc(spec: SubjectSpec, from_bottom: int, **changes: object) -> SubjectSpec:
    discs = list(spec.discs)
    discs[from_bottom - 1] = replace(discs[from_bottom - 1], **changes)
    return replace(spec, discs=tuple(discs))


def calm(spec: SubjectSpec) -> SubjectSpec:
    """The same spine with nothing that sticks out, erodes or slips."""
    discs = []
    for disc in spec.discs:
        plates = {name: replace(getattr(disc, name), irregularity_mm=0.0, node_mm=0.0) for name in ("upper_plate", "lower_plate")}
        discs.append(replace(disc, bulge_mm=(0.0, 0.0), herniation_mm=0.0, slip_mm=0.0, spurs_mm=(0.0, 0.0), modic=(0, 0), **plates))
    return replace(spec, discs=tuple(discs))


@pytest.fixture(scope="module")
def spec() -> SubjectSpec:
    return subject()


def test_the_same_spec_gives_the_same_pixels_and_the_noise_seed_changes_only_noise(spec: SubjectSpec):
    first, again = render_sagittal(spec, T2), render_sagittal(spec, T2)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.truth == again.truth
    other = render_sagittal(spec, replace(T2, noise_seed=1)).pixels
    assert not np.array_equal(first.pixels, other)
    assert np.abs(first.pixels - other).mean() < 4 * T2.noise


@pytest.mark.parametrize("seed", range(3))
def test_pixels_are_a_picture_of_the_size_that_was_asked_for(seed: int):
    rng = np.random.default_rng(seed)
    scan = draw_acquisition(rng, "t2", "few")
    picture = render_sagittal(draw_subject(rng), scan)
    top, right, bottom, left = scan.pad_px
    assert picture.pixels.shape == (scan.rows + top + bottom, scan.columns + left + right)
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.min() >= 0
    assert picture.pixels.max() <= 1
    assert picture.pixels.std() > 0.05


def test_fluid_is_bright_on_t2_and_dark_on_t1_and_fat_is_dark_on_stir(spec: SubjectSpec):
    labels = label_map(spec, T2)
    canal, bone = labels == CANAL, (labels >= 1) & (labels <= 5)
    t2, t1 = render_sagittal(spec, T2).pixels, render_sagittal(spec, T1).pixels
    stir = render_sagittal(spec, replace(T2, sequence="stir", tr_ms=4000.0, te_ms=60.0)).pixels
    assert np.median(t2[canal]) > 1.5 * np.median(t2[bone])
    assert np.median(t1[canal]) < 0.7 * np.median(t1[bone])
    back_fat = np.zeros_like(canal)
    lines = np.argmax(t1[:, ::-1] > 0.5, axis=1)
    for row in range(60, 220):
        back_fat[row, t1.shape[1] - 1 - lines[row] - 3] = True
    assert np.median(stir[back_fat]) < 0.5 * np.median(t1[back_fat])


def test_the_head_is_up_the_front_is_left_and_discs_are_counted_from_the_sacrum(spec: SubjectSpec):
    truth = render_sagittal(spec, T2).truth
    heights = [disc.centre[1] for disc in truth.discs]
    assert heights == sorted(heights, reverse=True)
    assert [disc.level for disc in truth.discs][:5] == ["L5/S1", "L4/L5", "L3/L4", "L2/L3", "L1/L2"]
    for disc in truth.discs:
        (front, _), (back, _) = disc.corners[0], disc.corners[1]
        assert front < back
    labels = label_map(spec, T2)
    assert np.nonzero(labels == CANAL)[1].mean() > np.nonzero(labels == 3)[1].mean()


def test_six_lumbar_vertebrae_give_an_l6():
    six = subject(four_lumbar=0.0, six_lumbar=1.0)
    assert render_sagittal(six, T2).truth.discs[0].level == "L6/S1"


def test_a_field_cut_above_the_sacrum_does_not_show_it():
    spec = subject(3)
    truth = measure(spec, stack(spec), replace(T2, centre_mm=(0.0, -25.0 - 280 / 2)))
    assert not truth.sacrum_in_view
    assert truth.discs[0].from_bottom >= 2


@pytest.mark.parametrize("seed", range(3))
def test_the_true_height_is_the_area_of_the_disc_over_its_depth(seed: int):
    spec = calm(subject(seed))
    scan = replace(T2, rows=900, columns=480, spacing_mm=(0.25, 0.25), centre_mm=(0.0, -100.0))
    labels = label_map(spec, scan)
    spine = stack(spec)
    measured = {disc.from_bottom: disc for disc in measure(spec, spine, scan).discs}
    assert len(measured) >= 4
    for number, disc in measured.items():
        built = spine.discs[number - 1]
        rows, columns = np.nonzero(labels == FIRST_DISC + number - 1)
        ends = np.asarray(disc.corners)
        front, back = (ends[0] + ends[3]) / 2, (ends[1] + ends[2]) / 2
        axis = (back - front) / np.hypot(*(back - front))
        along = ((columns - front[0]) * axis[0] + (rows - front[1]) * axis[1]) / np.hypot(*(back - front))
        middle = (along > 0.1) & (along < 0.9)
        depth_mm = 0.8 * np.hypot(*(built.ends[1] - built.ends[0]))
        assert disc.height_mm == pytest.approx(middle.sum() * 0.25**2 / depth_mm, abs=0.5)


@pytest.mark.parametrize("angle", [0.0, 15.0, 30.0, 45.0])
def test_turning_the_patient_turns_the_tilt_and_keeps_the_height(spec: SubjectSpec, angle: float):
    whole = replace(T2, rows=500, columns=400, centre_mm=(0.0, -120.0))
    still = {disc.from_bottom: disc for disc in measure(spec, stack(spec), whole).discs}
    turned = measure(spec, stack(spec), replace(T2, rotation_deg=-angle)).discs
    assert len(turned) >= 3
    for disc in turned:
        assert disc.height_mm == pytest.approx(still[disc.from_bottom].height_mm, abs=1e-9)
        assert disc.tilt_deg == pytest.approx(still[disc.from_bottom].tilt_deg + angle, abs=1e-6)


@pytest.mark.parametrize("rotation", [0.0, 20.0])
def test_the_box_is_the_box_of_the_disc_s_mask(spec: SubjectSpec, rotation: float):
    scan = replace(T2, rotation_deg=rotation, rows=560, columns=448, spacing_mm=(0.5, 0.5))
    labels = label_map(spec, scan)
    for disc in measure(spec, stack(spec), scan).discs:
        rows, columns = np.nonzero(labels == FIRST_DISC + disc.from_bottom - 1)
        mask = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(disc.box, mask)).max() <= 7


def test_darker_discs_have_higher_measured_grades(spec: SubjectSpec):
    grades, bright = [], []
    for t2, loss in ((210.0, 0.0), (129.0, 0.0), (84.0, 0.1), (50.0, 0.2), (45.0, 0.6)):
        one = with_disc(calm(spec), 3, nucleus_t2_ms=t2, height_loss=loss, homogeneity=0.6)
        picture = render_sagittal(one, T2)
        disc = next(disc for disc in picture.truth.discs if disc.from_bottom == 3)
        x, y = (round(v) for v in disc.centre)
        grades.append(disc.pfirrmann)
        bright.append(float(picture.pixels[y - 1:y + 2, x - 5:x + 5].mean()))
    assert grades == [1, 2, 3, 4, 5]
    assert bright == sorted(bright, reverse=True)


def test_every_label_follows_what_was_built(spec: SubjectSpec):
    def label(**changes: object) -> dict[str, object]:
        one = with_disc(calm(spec), 2, **changes)
        disc = next(disc for disc in measure(one, stack(one), T2).discs if disc.from_bottom == 2)
        return {name: getattr(disc, name) for name in ("narrowing", "bulging", "herniation", "spondylolisthesis", "modic",
                                                       "upper_endplate", "lower_endplate")}

    none = dict.fromkeys(label(height_loss=0.0), 0)
    plate = calm(spec).discs[1].upper_plate
    assert label(height_loss=0.0) == none
    assert label(height_loss=0.35) == {**none, "narrowing": 1}
    assert label(height_loss=0.0, bulge_mm=(0.0, 2.5)) == {**none, "bulging": 1}
    assert label(height_loss=0.0, herniation_mm=6.0) == {**none, "herniation": 1}
    assert label(height_loss=0.0, slip_mm=6.0) == {**none, "spondylolisthesis": 1}
    assert label(height_loss=0.0, modic=(2, 0), modic_mm=(8.0, 0.0)) == {**none, "modic": 2}
    assert label(height_loss=0.0, upper_plate=replace(plate, node_mm=4.0)) == {**none, "upper_endplate": 1}
    assert label(height_loss=0.0, lower_plate=replace(plate, node_mm=4.0)) == {**none, "lower_endplate": 1}


def test_a_slip_moves_the_vertebra_forward_by_what_is_measured(spec: SubjectSpec):
    for slip in (-5.0, 0.0, 4.0, 9.0):
        one = with_disc(calm(spec), 2, slip_mm=slip)
        disc = next(disc for disc in measure(one, stack(one), T2).discs if disc.from_bottom == 2)
        assert disc.numbers["slip_mm"] == pytest.approx(slip, abs=1.0)
        (front, _), _, _, (front_below, _) = disc.corners
        still = next(d for d in measure(calm(spec), stack(calm(spec)), T2).discs if d.from_bottom == 2)
        assert (front - front_below) - (still.corners[0][0] - still.corners[3][0]) == pytest.approx(
            -(slip - calm(spec).discs[1].slip_mm), abs=1.0)


def test_a_herniation_narrows_the_canal_behind_its_disc(spec: SubjectSpec):
    def fluid(herniation_mm: float) -> int:
        one = with_disc(calm(spec), 2, herniation_mm=herniation_mm)
        y = next(disc for disc in measure(one, stack(one), T2).discs if disc.from_bottom == 2).corners[1][1]
        return int((label_map(one, T2)[int(y) - 3:int(y) + 8] == CANAL).sum())

    assert fluid(8.0) < 0.75 * fluid(0.0)


def test_off_the_midline_the_sac_is_gone(spec: SubjectSpec):
    assert (label_map(spec, T2) == CANAL).any()
    far = replace(T2, lateral_mm=14.0)
    middle, side = render_sagittal(spec, T2).pixels, render_sagittal(spec, far).pixels
    canal = label_map(spec, T2) == CANAL
    assert np.median(side[canal]) < 0.75 * np.median(middle[canal])
