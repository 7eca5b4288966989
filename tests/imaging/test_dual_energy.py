"""Mineral and soft tissue go to signals and come back; uneven fat costs what it should, and bone beside the spine nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spondyl.imaging.dual_energy import BESIDE_MM, mineral_map, polygon_mask, soft_map, soft_ratio
from spondyl.phantom.rays.attenuation import BASIS, attenuation

FEW = settings(max_examples=40, deadline=None)
PAIRS = ((40.0, 70.0), (47.0, 80.0), (45.0, 100.0))
ROWS, COLUMNS, PIXEL_MM = 60, 130, 1.2
MIDDLE, HALF_MM = 62.0, 22.0
AWAY_MM = np.abs(np.arange(COLUMNS) - MIDDLE) * PIXEL_MM
BONE = np.broadcast_to(AWAY_MM < HALF_MM, (ROWS, COLUMNS))
BAND = np.broadcast_to(np.abs(AWAY_MM - HALF_MM - sum(BESIDE_MM) / 2) <= np.ptp(BESIDE_MM) / 2, (ROWS, COLUMNS))
Map = NDArray[np.float64]


@dataclass(frozen=True)
class Beam:
    """Mass attenuation at both energies, cm2/g."""

    soft: tuple[float, float]
    fat: tuple[float, float]
    mineral: tuple[float, float]

    def logs(self, mineral: Map, soft: Map, fat: Map | float = 0.0) -> Map:
        """Signals (2, rows, columns) behind these areal densities, g/cm2."""
        return np.stack([m * mineral + s * soft + f * fat for m, s, f in zip(self.mineral, self.soft, self.fat, strict=True)])

    @property
    def lean(self) -> float:
        return self.soft[0] / self.soft[1]


def beam_of(pair: tuple[float, float]) -> Beam:
    table = attenuation(np.array(pair))
    soft, fat, mineral = ((float(low), float(high)) for low, high in (table[:, BASIS.index(name)] for name in ("soft", "fat", "mineral")))
    return Beam(soft, fat, mineral)


def ratio_of(logs: Map, pixel_mm: float = PIXEL_MM) -> Map:
    return soft_ratio(logs, np.full(ROWS, MIDDLE), np.full(ROWS, HALF_MM), pixel_mm)


def measured(beam: Beam, logs: Map) -> Map:
    return mineral_map(logs, ratio_of(logs), beam.mineral)


@given(st.sampled_from(PAIRS), st.floats(0.3, 1.8), st.floats(8, 40), st.integers(0, 1000))
@FEW
def test_mineral_in_uniform_soft_tissue_comes_back(pair, bmd, soft, seed):
    beam = beam_of(pair)
    rng = np.random.default_rng(seed)
    mineral = np.where(BONE, bmd * rng.uniform(0.6, 1.4, (ROWS, COLUMNS)), 0.0)
    logs = beam.logs(mineral, np.full((ROWS, COLUMNS), soft))
    found = measured(beam, logs)
    assert found[BONE].mean() == pytest.approx(mineral[BONE].mean(), rel=0.02)
    assert np.abs(found - mineral).max() < 1e-9, "without noise nothing is lost"
    assert soft_map(logs, found, beam.mineral[1], beam.soft[1]) == pytest.approx(np.full((ROWS, COLUMNS), soft))


@pytest.mark.parametrize("pair", PAIRS)
def test_noise_moves_no_mean(pair):
    beam = beam_of(pair)
    logs = beam.logs(np.where(BONE, 0.9, 0.0), np.full((ROWS, COLUMNS), 20.0))
    noisy = logs + np.random.default_rng(3).standard_normal(logs.shape) * 0.004
    assert measured(beam, noisy)[BONE].mean() == pytest.approx(0.9, rel=0.02)


@given(st.sampled_from(PAIRS), st.floats(10, 30), st.floats(-0.08, 0.08))
@FEW
def test_the_thickness_of_the_patient_may_change_along_and_across_the_scan(pair, soft, slope):
    beam = beam_of(pair)
    tissue = soft + slope * np.arange(ROWS)[:, None] + 0.03 * np.arange(COLUMNS)[None]
    mineral = np.where(BONE, 1.0, 0.0)
    assert np.abs(measured(beam, beam.logs(mineral, tissue)) - mineral).max() < 1e-9


@pytest.mark.parametrize("pair", PAIRS)
def test_fat_over_the_bone_alone_makes_it_read_low_and_fat_beside_it_high(pair):
    beam = beam_of(pair)
    mineral, soft = np.where(BONE, 1.0, 0.0), np.full((ROWS, COLUMNS), 20.0)
    over, beside, everywhere = (measured(beam, beam.logs(mineral, soft, 0.95 * where))[BONE].mean() for where in (BONE, ~BONE, 1.0))
    assert over - 1.0 == pytest.approx(-0.04, abs=0.003), "a centimetre of fat"
    assert beside > 1.01
    assert everywhere == pytest.approx(1.0, rel=0.02), "what lies over all is measured away"


@given(st.sampled_from(PAIRS), st.floats(0.2, 1.5), st.floats(0.0, 0.4), st.integers(0, 1000))
@FEW
def test_bone_in_the_band_beside_the_spine_is_no_soft_tissue(pair, bmd, share, seed):
    beam = beam_of(pair)
    ribs = BAND & (np.random.default_rng(seed).random((ROWS, COLUMNS)) < share)
    logs = beam.logs(np.where(ribs | BONE, bmd, 0.0), np.full((ROWS, COLUMNS), 15.0))
    assert ratio_of(logs) == pytest.approx(np.full((ROWS, 1), beam.lean))


def test_a_rib_across_the_band_of_some_rows_does_not_move_the_baseline():
    beam = beam_of(PAIRS[0])
    mineral = np.where(BONE, 1.0, 0.0)
    mineral[20:26, :50] = 0.8
    found = measured(beam, beam.logs(mineral, np.full((ROWS, COLUMNS), 15.0)))
    assert found[BONE].mean() == pytest.approx(mineral[BONE].mean(), rel=0.02)


def test_the_baseline_follows_a_slow_change_of_the_tissue_and_not_its_noise():
    beam = beam_of(PAIRS[0])
    fat = np.broadcast_to(np.linspace(0, 8, ROWS)[:, None], (ROWS, COLUMNS))
    logs = beam.logs(np.zeros((ROWS, COLUMNS)), 20.0 - fat, fat)
    wanted = logs[0, :, 0] / logs[1, :, 0]
    noisy = logs + np.random.default_rng(0).standard_normal(logs.shape) * 0.02
    inner = slice(12, -12)
    assert ratio_of(noisy)[inner, 0] == pytest.approx(wanted[inner], abs=0.003)
    rough = np.abs(np.diff(np.median((noisy[0] / noisy[1])[:, BAND[0]], axis=1))).max()
    assert np.abs(np.diff(ratio_of(noisy)[:, 0])).max() < rough / 3


def test_rows_without_a_band_take_the_baseline_of_their_neighbours_and_a_scan_without_any_its_own_middle():
    beam = beam_of(PAIRS[0])
    logs = beam.logs(np.where(BONE, 1.0, 0.0), np.full((ROWS, COLUMNS), 15.0))
    half = np.where(np.arange(ROWS) < 20, 500.0, HALF_MM)
    assert soft_ratio(logs, np.full(ROWS, MIDDLE), half, PIXEL_MM) == pytest.approx(np.full((ROWS, 1), beam.lean))
    everywhere_bone = soft_ratio(logs, np.full(ROWS, MIDDLE), np.full(ROWS, 500.0), PIXEL_MM)
    assert everywhere_bone == pytest.approx(np.full((ROWS, 1), np.median(logs[0] / logs[1])))


def test_air_in_the_band_gives_numbers():
    logs = beam_of(PAIRS[0]).logs(np.where(BONE, 1.0, 0.0), np.where(BAND, 0.0, 15.0))
    assert np.isfinite(ratio_of(logs)).all()


def inside_by_angles(corners: Map, x: float, y: float) -> bool:
    """The slow definition: seen from inside, a polygon goes once around."""
    towards = corners - [x, y]
    angles = np.arctan2(towards[:, 1], towards[:, 0])
    turns = (np.roll(angles, -1) - angles + np.pi) % (2 * np.pi) - np.pi
    return abs(turns.sum()) > np.pi


@st.composite
def convex_polygons(draw: st.DrawFn) -> Map:
    """Corners on an ellipse, clockwise in the picture; it may leave the picture."""
    angles = np.array(sorted(draw(st.lists(st.integers(0, 99), min_size=3, max_size=7, unique=True)))) * 2 * np.pi / 100 + 0.0123
    across, tall = draw(st.floats(3, 14)), draw(st.floats(3, 14))
    return np.stack([draw(st.floats(-3, 23)) + across * np.cos(angles), draw(st.floats(-3, 18)) + tall * np.sin(angles)], axis=1)


@given(convex_polygons())
@FEW
def test_a_mask_holds_the_pixels_inside(corners):
    mask = polygon_mask(corners, (15, 20))
    wanted = np.array([[inside_by_angles(corners, x, y) for x in range(20)] for y in range(15)])
    edges = np.roll(corners, -1, axis=0) - corners
    y, x = np.mgrid[0:15, 0:20]
    off = np.min([np.abs(ex * (y - cy) - ey * (x - cx)) for (cx, cy), (ex, ey) in zip(corners, edges, strict=True)], axis=0)
    assert np.array_equal(mask[off > 1e-6], wanted[off > 1e-6])


@given(convex_polygons(), st.integers(0, 6))
@FEW
def test_it_does_not_matter_at_which_corner_a_polygon_begins(corners, first):
    assert np.array_equal(polygon_mask(np.roll(corners, first, axis=0), (15, 20)), polygon_mask(corners, (15, 20)))


def test_a_rectangle_holds_as_many_pixels_as_its_area():
    mask = polygon_mask(np.array([[2.5, 3.5], [12.5, 3.5], [12.5, 9.5], [2.5, 9.5]]), (15, 20))
    assert mask.sum() == 60
    assert mask[4:10, 3:13].all()


def test_a_polygon_beside_the_picture_holds_nothing():
    assert not polygon_mask(np.array([[30.0, 2.0], [40.0, 2.0], [40.0, 9.0], [30.0, 9.0]]), (15, 20)).any()
