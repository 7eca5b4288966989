"""DXA returns the mineral that was put in; CT gives Hounsfield units; drawn acquisitions frame the spine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phantom.rays_scenes import empty, fill, subject, with_material
from spondyl.core import InputError, NotFoundError
from spondyl.phantom.materials import material
from spondyl.phantom.rays import (
    CtAcquisition,
    DxaAcquisition,
    ct_from_json,
    draw_dxa,
    draw_xray,
    dxa_from_json,
    fat_bias,
    projection_of,
    render_ct,
    render_dxa,
    style_named,
)
from spondyl.phantom.rays.acquisition import DXA_PAIRS

SCAN = DxaAcquisition(rows=190, columns=140, pixel_mm=1.0, centre_mm=(0.0, 0.0, 90.0), noise=0.0)


def column(bmd, thickness_cm, fat_cm=0.0):
    """A straight column of 3 cm depth with that areal mineral, in uniform muscle, and perhaps fat before it alone."""
    volume = empty((-34, -16, -20), (34, 16, 210), fine_mm=2.0, trunk_mm=5.0)
    half = thickness_cm * 5
    fill(volume.trunk, (-170, -half, -60), (170, half, 240), "muscle")
    if fat_cm:
        fill(volume.trunk, (-34, -half - 10 * fat_cm, -60), (34, -half, 240), "fat")
    fill(volume.fine, (-32, -15, -20), (32, 15, 210), "lesion")
    muscle, room = volume.materials[material("muscle")], 1 - bmd / 3 / 3.16
    return with_material(volume, "lesion", soft=muscle.soft * room, fat=muscle.fat * room, mineral=bmd / 3)


@pytest.mark.parametrize("pair", DXA_PAIRS)
@pytest.mark.parametrize(("bmd", "thickness_cm"), [(0.5, 15), (0.5, 35), (1.0, 25), (1.5, 15), (1.5, 35)])
def test_dxa_returns_the_mineral_that_was_put_in(bmd, thickness_cm, pair):
    scan = render_dxa(column(bmd, thickness_cm), replace(SCAN, energies_kev=pair, noise=0.0004))
    assert scan.bmd_g_cm2 == pytest.approx(bmd, rel=0.02)
    assert scan.true_g_cm2 == pytest.approx(bmd, rel=0.005)
    for region in scan.regions:
        assert region.bmd_g_cm2 == pytest.approx(bmd, rel=0.02)


@pytest.mark.parametrize("pair", DXA_PAIRS)
def test_a_centimetre_of_uneven_fat_costs_four_hundredths(pair):
    bare, fat = (render_dxa(column(1.0, 20, fat_cm), replace(SCAN, energies_kev=pair)).bmd_g_cm2 for fat_cm in (0.0, 1.0))
    assert fat - bare == pytest.approx(fat_bias(pair), abs=0.003)
    assert fat_bias(pair) == pytest.approx(-0.040, abs=0.002)


def test_a_scan_names_its_reference_and_its_vertebrae():
    scan = render_dxa(column(0.8, 20), SCAN)
    assert [r.level for r in scan.regions] == ["L1", "L2", "L3", "L4"]
    assert [r.index for r in scan.regions] == [subject().lumbar - 1 - k for k in range(4)]
    assert scan.reference.name == "nhanes-women-21-30"
    assert scan.t_score == pytest.approx((scan.bmd_g_cm2 - 1.064) / 0.106)
    other = render_dxa(column(0.8, 20), SCAN, "hologic")
    assert other.t_score == pytest.approx((other.bmd_g_cm2 - 1.047) / 0.110)
    with pytest.raises(NotFoundError, match="Did you mean 'hologic'"):
        render_dxa(column(0.8, 20), SCAN, "hologik")


def test_the_picture_prints_the_mineral_that_is_there_and_not_what_the_machine_misses():
    volume = column(1.0, 20, fat_cm=1.0)
    scan = render_dxa(volume, replace(SCAN, text=True))
    assert scan.bmd_g_cm2 < 0.97
    assert scan.words[-2:] == (f"BMD {scan.true_g_cm2:.3f}", f"T {(scan.true_g_cm2 - 1.064) / 0.106:.2f}")
    assert scan.words[:4] == tuple(f"{r.level} {r.true_g_cm2:.3f}" for r in scan.regions)
    other = render_dxa(volume, replace(SCAN, text=True), words=["T -2.50"])
    assert other.words == ("T -2.50",)
    assert len(scan.picture) - len(other.picture) == 5 * 8


def test_regions_follow_the_vertebrae_and_do_not_overlap():
    scan = render_dxa(column(1.0, 20), SCAN)
    bodies = column(1.0, 20).posture.bodies
    for region in scan.regions:
        x, y = scan.projection.to_pixels(bodies[region.index].centre[None])[0]
        corners = np.array(region.corners)
        assert corners[:, 0].min() < x < corners[:, 0].max()
        assert corners[:, 1].min() < y < corners[:, 1].max()
    for upper, lower in zip(scan.regions, scan.regions[1:], strict=False):
        assert np.allclose(np.array(upper.corners)[[3, 2]], np.array(lower.corners)[[0, 1]])


def test_text_is_burnt_in_below_the_picture_and_only_when_asked():
    plain, written = (render_dxa(column(1.0, 20), replace(SCAN, text=text)).picture for text in (False, True))
    assert plain.shape == (190, 140)
    assert plain.dtype == np.uint8
    assert np.array_equal(written[:190], plain)
    assert len(written) > 190
    assert written[190:].max() > 200


def test_the_same_scan_gives_the_same_bytes():
    plan = replace(SCAN, noise=0.001)
    first, again, other = (render_dxa(column(1.0, 20), p) for p in (plan, dxa_from_json(plan.to_json()), replace(plan, noise_seed=4)))
    assert np.array_equal(first.bmd, again.bmd)
    assert not np.array_equal(first.bmd, other.bmd)


@pytest.mark.parametrize("energies", [(70.0, 40.0), (30.0, 70.0), (60.0, 65.0)])
def test_energies_that_cannot_be_told_apart_are_refused(energies):
    with pytest.raises(InputError, match="energies_kev"):
        replace(SCAN, energies_kev=energies)


def test_hounsfield_units_are_those_of_the_tissues():
    volume = empty((-10, -10, 20), (10, 10, 60), fine_mm=1.0, trunk_low=(-60, -60, 0), trunk_high=(60, 60, 80))
    fill(volume.trunk, (-40, -40, 0), (40, 40, 80), "fat")
    fill(volume.trunk, (-30, -30, 0), (30, 30, 80), "muscle")
    fill(volume.fine, (-6, -6, 24), (6, 6, 56), "cortex")
    fill(volume.fine, (-9, 4, 24), (9, 9, 56), "fat")
    plan = CtAcquisition(rows=128, columns=128, pixel_mm=1.0, slices=4, first_mm=(0, 0, 30.0), noise_hu=5.0)
    series = render_ct(volume, plan)
    at = {"cortex": (63, 63), "muscle": (63, 40), "fat": (63, 28), "air": (63, 5)}
    found = {name: series.hounsfield[:, y - 1:y + 2, x - 1:x + 2].mean() for name, (y, x) in at.items()}
    assert 900 < found["cortex"] < 1900
    assert 35 < found["muscle"] < 65
    assert -115 < found["fat"] < -60
    assert found["air"] < -950
    assert np.array_equal(series.hounsfield, render_ct(volume, ct_from_json(plan.to_json())).hounsfield)
    assert series.positions_mm[:, 2] == pytest.approx([30, 33, 36, 39])


def test_a_slice_lies_where_its_position_says():
    volume = empty((-20, -20, 0), (20, 20, 60), fine_mm=1.0, trunk_low=(-60, -60, -10), trunk_high=(60, 60, 80))
    fill(volume.trunk, (-50, -50, -10), (50, 50, 80), "muscle")
    fill(volume.fine, (4, -9, 20), (10, -3, 26), "steel")
    plan = CtAcquisition(rows=100, columns=120, pixel_mm=0.9, slices=20, first_mm=(2.0, 1.0, 1.0), noise_hu=0, blur_mm=0)
    series = render_ct(volume, plan)
    bright = np.argwhere(series.hounsfield > 2500)
    k, row, column_ = bright.mean(axis=0)
    start = series.positions_mm[0]
    assert (start[0] + column_ * 0.9, start[1] + row * 0.9, start[2] + k * 3.0) == pytest.approx((7.0, -6.0, 23.0), abs=0.9)


@pytest.mark.parametrize("view", ["ap", "lateral"])
@pytest.mark.parametrize("style", ["train", "eval", "easy"])
def test_drawn_films_frame_the_lumbar_spine(view, style):
    volume = empty((-5, -5, 0), (5, 5, 10), trunk_mm=30.0)
    how = replace(style_named(style), crop=0.0)
    bodies = np.array([volume.posture.bodies[k].centre for k in range(volume.spec.lumbar + 1)])
    for seed in range(12):
        plan = draw_xray(np.random.default_rng(seed), volume, view, how)
        x, y = projection_of(plan).to_pixels(bodies).T
        assert x.min() > 0
        assert x.max() < plan.columns
        assert y.min() > 0
        assert y.max() < plan.rows
        assert max(plan.rows / 2500, plan.columns / 1650) <= 1
        assert plan == draw_xray(np.random.default_rng(seed), volume, view, how)


def test_the_lead_letter_names_the_side_that_the_projection_shows():
    volume = empty((-5, -5, 0), (5, 5, 10), trunk_mm=30.0)
    plans = [draw_xray(np.random.default_rng(seed), volume, view, "eval") for view in ("ap", "lateral") for seed in range(30)]
    assert {plan.marker for plan in plans if plan.view == "lateral"} == {"L", ""}
    assert {plan.marker for plan in plans if plan.view == "ap"} == {"L", "R", ""}
    for plan in plans:
        if plan.view == "ap" and plan.marker:
            left, right = projection_of(plan).to_pixels(np.array([[50.0, 0, 90], [-50.0, 0, 90]]))[:, 0]
            assert (plan.marker == "L") == ((plan.marker_at[0] > 0.5) == (left > right))


def test_whole_spine_films_hold_every_vertebra():
    volume = empty((-5, -5, 0), (5, 5, 10), trunk_mm=30.0)
    plan = draw_xray(np.random.default_rng(2), volume, "ap", "train", region="whole_spine")
    x, y = projection_of(plan).to_pixels(np.array([p.centre for p in volume.posture.bodies])).T
    assert plan.pixel_mm == 0.5
    assert x.min() > 0
    assert x.max() < plan.columns
    assert y.min() > 0
    assert y.max() < plan.rows


@pytest.mark.parametrize("style", ["train", "eval", "easy"])
def test_drawn_scans_hold_l1_to_l4(style):
    volume = column(1.0, 20)
    for seed in range(3):
        scan = draw_dxa(np.random.default_rng(seed), volume, style)
        found = render_dxa(volume, replace(scan, noise=0.0))
        corners = np.concatenate([r.corners for r in found.regions])
        assert (corners > -0.5).all()
        assert (corners < [scan.columns - 0.5, scan.rows - 0.5]).all()


def test_a_scan_that_misses_a_vertebra_is_refused():
    with pytest.raises(InputError, match="L1") as found:
        render_dxa(column(1.0, 20), replace(SCAN, rows=60, centre_mm=(0.0, 0.0, 30.0)))
    assert found.value.code == "regions-outside"


def test_an_unknown_region_or_style_offers_the_nearest():
    with pytest.raises(NotFoundError, match="Did you mean 'train'"):
        draw_dxa(np.random.default_rng(1), column(1.0, 20), "trian")
    with pytest.raises(NotFoundError, match="Did you mean 'whole_spine'"):
        draw_xray(np.random.default_rng(1), column(1.0, 20), region="whole-spine")
