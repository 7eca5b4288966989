"""Films follow the physics, points land where they are drawn, and the same plan gives the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phantom.rays_scenes import empty, fill
from spondyl.core import InputError, NotFoundError
from spondyl.phantom.materials import column, material
from spondyl.phantom.rays import Projection, XrayAcquisition, projection_of, render_xray, transmission, xray_from_json
from spondyl.phantom.rays.attenuation import BASIS, attenuation, spectrum
from spondyl.phantom.rays.integrals import SLAB_MM, integrate, lattice_for

CLEAN = XrayAcquisition(rows=400, columns=700, pixel_mm=0.4, sid_mm=1500, oid_mm=200, centre_mm=(0, 0, 60), scatter=0, focal_mm=0,
                        blur_px=0, texture=0)
STEPS_CM = (2, 6, 10, 16, 22)


def wedge(name: str):
    """Five steps of growing depth side by side, 32 mm each, of one material."""
    volume = empty((-4, -4, 50), (4, 4, 58), trunk_low=(-90, -120, 10), trunk_high=(90, 120, 110), trunk_mm=2.0)
    for k, depth in enumerate(STEPS_CM):
        fill(volume.trunk, (-80 + 32 * k, -depth * 5, 20), (-48 + 32 * k, depth * 5, 100), name)
    return volume


@pytest.mark.parametrize(("name", "kvp"), [("muscle", 75), ("muscle", 92), ("fat", 85), ("lesion", 80)])
def test_a_step_wedge_follows_beer_and_lambert(name, kvp):
    volume = wedge(name)
    scan = replace(CLEAN, kvp=kvp)
    seen = transmission(volume, scan)
    own = volume.materials[material(name)]
    energies, shares = spectrum(kvp)
    for k, depth in enumerate(STEPS_CM):
        middle = np.array([[-64 + 32 * k, 0, 60]])
        x, y = np.rint(projection_of(scan).to_pixels(middle)[0]).astype(int)
        slant = np.sqrt(1 + ((x - (scan.columns - 1) / 2) ** 2 + (y - (scan.rows - 1) / 2) ** 2) * (scan.pixel_mm / scan.sid_mm) ** 2)
        per_cm = [row @ (own.soft, own.fat, own.mineral, own.titanium, own.steel) for row in attenuation(energies)]
        wanted = sum(share * np.exp(-mu * depth * slant) for share, mu in zip(shares, per_cm, strict=True))
        assert seen[y, x] == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("name", ["muscle", "fat"])
def test_the_fine_block_replaces_what_it_is_painted_over(name):
    volume = empty((-20, -20, 40), (20, 20, 80), fine_mm=1.0)
    fill(volume.trunk, (-120, -60, -20), (120, 60, 140), name)
    before = transmission(volume, CLEAN)[200, 350]
    fill(volume.fine, (-15, -15, 45), (15, 15, 75), name)
    assert transmission(volume, CLEAN)[200, 350] == pytest.approx(before, rel=1e-5)
    fill(volume.fine, (-15, -15, 45), (15, 15, 75), "air")
    table = volume.materials[material(name)]
    energies, shares = spectrum(CLEAN.kvp)
    wanted = float(shares @ np.exp(-9 * attenuation(energies)[:, :2] @ (table.soft, table.fat)))
    assert transmission(volume, CLEAN)[200, 350] == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("view", ["ap", "lateral"])
@pytest.mark.parametrize(("shift", "roll"), [((0.0, 0.0), 0.0), ((25.0, -60.0), 5.0)])
def test_small_metal_balls_are_drawn_where_points_project(view, shift, roll):
    scan = XrayAcquisition(view=view, rows=1500, columns=800, pixel_mm=0.2, sid_mm=1100, oid_mm=220, centre_mm=(3, -2, 80), scatter=0,
                           focal_mm=0, source_shift_mm=shift, roll_deg=roll, texture=0)
    low, high = np.array([-35, -35, -20]), np.array([35, 35, 180])
    volume = empty(tuple(low), tuple(high), trunk_mm=8.0)
    fill(volume.trunk, (-170, -170, -60), (170, 170, 240), "muscle")
    without = transmission(volume, scan)
    balls = np.array([(-30.3, -28.1, -14.2), (30.2, 27.4, 172.6), (-29, 26, 171), (28.6, -30, -12), (0.3, 1.1, 79.7)])
    for ball in balls:
        window = volume.fine.grid.around(ball[None], 4)
        x, y, z = volume.fine.grid.open(window)
        volume.fine.paint_inside(window, np.sqrt((x - ball[0]) ** 2 + (y - ball[1]) ** 2 + (z - ball[2]) ** 2) - 1.6, material("steel"))
    dark = np.log(without) - np.log(transmission(volume, scan))
    for px, py in projection_of(scan).to_pixels(balls):
        part = (slice(round(py) - 14, round(py) + 15), slice(round(px) - 14, round(px) + 15))
        y, x = np.mgrid[part]
        weight = dark[part] / dark[part].sum()
        assert dark[part].max() > 0.3
        assert (weight * x).sum() == pytest.approx(px, abs=0.5)
        assert (weight * y).sum() == pytest.approx(py, abs=0.5)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["ap", "lateral"]), st.floats(900, 1800), st.floats(50, 400), st.floats(-40, 40), st.floats(-40, 40))
def test_things_in_the_plane_of_the_spine_are_magnified_by_sid_over_sid_minus_oid(view, sid, oid, across, head):
    film = Projection(view, 1000, 800, 0.2, sid, oid, (4.0, -7.0, 90.0), (across, head), 3.0)
    step = {"ap": (10.0, 0, 0), "lateral": (0, 10.0, 0)}[view]
    here = film.to_pixels(np.array([film.centre_mm, np.add(film.centre_mm, step), np.add(film.centre_mm, (0, 0, 10.0))]))
    assert here[0] == pytest.approx((399.5, 499.5))
    assert np.linalg.norm(here[1:] - here[0], axis=1) * 0.2 == pytest.approx(np.full(2, 10 * sid / (sid - oid)))
    assert here[1, 0] > here[0, 0]
    assert here[2, 1] < here[0, 1]
    spot = film.to_detector(np.array([[20.0, 30.0, 40.0]]))
    depth = 30.0 if view == "ap" else 20.0
    assert film.to_plane(spot, depth)[0] == pytest.approx((20, 30, 40))


def test_integrals_follow_their_definition_ray_by_ray():
    volume = empty((-12, -14, 40), (12, 14, 70), fine_mm=1.0, trunk_mm=30.0)
    z, y, x = np.meshgrid(*(volume.fine.grid.axis(name) for name in "zyx"), indexing="ij")
    for k, name in enumerate(("lesion", "fat", "titanium")):
        wave = 0.5 + 0.5 * np.sin(0.2 * x + 0.13 * (k + 1) * y + 0.17 * z + k)
        edge = np.clip(6 - np.maximum(np.maximum(np.abs(x) - 6, np.abs(y) - 8), np.abs(z - 55) - 9), 0, 1)
        volume.fine.paint((slice(None),) * 3, wave * edge, material(name))
    scan = replace(CLEAN, rows=120, columns=120, sid_mm=1000, source_shift_mm=(40.0, -90.0))
    film = projection_of(scan)
    lattice = lattice_for(film, 0.8)
    table = np.stack([column(volume.materials, name) for name in BASIS], axis=-1)
    change = table - table[material("muscle")]
    change[0] = 0
    at = np.stack(np.meshgrid(lattice.across(), lattice.down()), axis=-1).reshape(-1, 2)
    wanted = np.zeros((5, len(at)))
    maps = [volume.fine.lookup(change[:, k]) for k in range(5)]
    for j, depth in enumerate(volume.fine.grid.axis("y")):
        points = film.to_plane(at, float(depth))
        column_, row = ((points[:, k] - volume.fine.grid.origin_mm[k]) for k in (0, 2))
        inside = (column_ >= 0) & (column_ < x.shape[2] - 1) & (row >= 0) & (row < x.shape[0] - 1)
        c, r = column_[inside], row[inside]
        i, k = r.astype(int), c.astype(int)
        for basis, values in enumerate(maps):
            v = values[:, j]
            low = v[i, k] * (1 - c + k) + v[i, k + 1] * (c - k)
            high = v[i + 1, k] * (1 - c + k) + v[i + 1, k + 1] * (c - k)
            wanted[basis, inside] += (low + (high - low) * (r - i)) * 0.1
    for slab_mm, tolerance in ((1.0, 0.002), (SLAB_MM, 0.05)):
        found = integrate(volume.fine, change, film, lattice, slab_mm).reshape(5, -1)
        for basis in (0, 1, 2, 3):
            assert np.abs(found[basis] - wanted[basis]).max() < tolerance * np.abs(wanted[basis]).max()


def body():
    volume = empty((-20, -20, 20), (20, 20, 100), fine_mm=1.0, trunk_mm=4.0)
    fill(volume.trunk, (-130, -90, -60), (130, 90, 240), "muscle")
    fill(volume.fine, (-15, -15, 45), (15, 15, 75), "lesion")
    return volume


SMALL = XrayAcquisition(rows=300, columns=240, pixel_mm=1.0, marker="L", marker_at=(0.8, 0.2), collimation=(0.05, 0.0, 0.0, 0.1))


def test_the_two_photometric_interpretations_are_each_others_negative():
    volume = body()
    first, second = (render_xray(volume, replace(SMALL, photometric=name)) for name in ("MONOCHROME1", "MONOCHROME2"))
    assert np.array_equal(first.pixels, 4095 - second.pixels)
    assert np.array_equal(first.shown, second.shown)


@pytest.mark.parametrize("response", ["log", "linear", "sigmoid"])
def test_bone_is_shown_brighter_than_muscle_and_muscle_brighter_than_air(response):
    film = render_xray(body(), replace(SMALL, response=response, marker="", latitude=1.0)).shown.astype(int)
    bone, muscle, air = film[145:155, 115:125].mean(), film[145:155, 55:65].mean(), film[145:155, 233:].mean()
    assert 4095 >= bone > muscle + 40
    assert muscle > air


def test_the_same_acquisition_gives_the_same_bytes_and_another_seed_other_noise():
    volume = body()
    first = render_xray(volume, SMALL)
    assert np.array_equal(first.pixels, render_xray(volume, xray_from_json(SMALL.to_json())).pixels)
    assert not np.array_equal(first.pixels, render_xray(volume, replace(SMALL, noise_seed=1)).pixels)
    assert first.pixels.dtype == np.uint16
    assert first.pixels.shape == (300, 240)
    assert first.pixels.max() <= 4095


def test_more_dose_means_less_noise():
    volume = body()
    plans = [replace(SMALL, dose_ugy=dose, pixel_mm=0.2, marker="", latitude=20.0, texture=0) for dose in (0.1, 0.9)]
    spread = [np.diff(render_xray(volume, plan).pixels[120:180, 60:120].astype(float), axis=0).std() for plan in plans]
    assert spread[0] == pytest.approx(3 * spread[1], rel=0.1)


def test_scatter_and_a_wide_focus_wash_out_an_edge():
    volume = body()
    plain = replace(SMALL, scatter=0, focal_mm=0, blur_px=0, texture=0, pixel_mm=0.4)
    contrast = [float(np.ptp(transmission(volume, scan)[150, 110:180]) / transmission(volume, scan)[150, 175])
                for scan in (plain, replace(plain, scatter=4.0, grid=False))]
    assert contrast[1] < 0.6 * contrast[0]
    steep = [float(np.abs(np.diff(transmission(volume, scan)[150, 110:180])).max()) for scan in (plain, replace(plain, focal_mm=12.0))]
    assert steep[1] < 0.7 * steep[0]


def test_the_lead_letter_and_the_collimator_are_bright_and_a_shutter_is_black():
    film = render_xray(body(), SMALL).shown
    assert film[:8].min() == 4095
    assert film[20:, :15].min() == 4095
    assert film[50:70, 180:205].max() == 4095
    assert render_xray(body(), replace(SMALL, shutter=True)).shown[:8].max() == 0


def test_overexposed_films_are_darker():
    volume = body()
    levels = [render_xray(volume, replace(SMALL, exposure_error=error)).shown[100:200, 60:180].mean() for error in (-0.5, 0, 0.5)]
    assert levels[0] > levels[1] > levels[2]


def test_texture_belongs_to_the_patient_not_to_the_film():
    volume = body()
    plain = replace(SMALL, scatter=0, focal_mm=0, blur_px=0, pixel_mm=0.5)
    grain = np.log(transmission(volume, plain)) - np.log(transmission(volume, replace(plain, texture=0)))
    moved = replace(plain, centre_mm=(0.0, 0.0, 75.0 + 20 * (1 - 190 / 1150) * 0.5))
    other = np.log(transmission(volume, moved)) - np.log(transmission(volume, replace(moved, texture=0)))
    assert np.corrcoef(grain[100:200, 80:160].ravel(), other[120:220, 80:160].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("change", [{"view": "oblique"}, {"rows": 3},
                                    {"sid_mm": 300.0}, {"photometric": "RGB"}, {"marker": "X"}, {"dose_ugy": 0.0}])
def test_an_acquisition_that_cannot_be_is_refused_with_its_rule(change):
    with pytest.raises(InputError, match="rule") as found:
        replace(SMALL, **change)
    assert found.value.code == "bad-acquisition"


def test_an_unknown_style_offers_the_nearest():
    from spondyl.phantom.rays import style_named

    with pytest.raises(NotFoundError, match="Did you mean 'train'"):
        style_named("trian")
