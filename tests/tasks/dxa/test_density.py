"""Bone density from a calibrated pair: what this room measures is what the digital machine measures, and only of what it found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.core import Beam, Image
from spondyl.phantom.rays import render_dxa
from spondyl.phantom.rays.acquisition import DXA_PAIRS
from spondyl.phantom.rays.attenuation import BASIS, attenuation
from spondyl.tasks.dxa_osteoporosis.density import Pair, calibrated, measure, pair_of, raw_measures, shown
from spondyl.tasks.dxa_osteoporosis.space import Vertebra
from tasks.dxa.density_scans import acquisition, grey, image, patient, scan, shifted, true_vertebrae

FEW = settings(max_examples=40, deadline=None)
PLAIN = {"coefficients": [0.0, 1.0, 0.0]}
SPAN = 26.0


@cache
def frames(seed: int, energies: tuple[float, float] = DXA_PAIRS[0]) -> tuple[Image, Image]:
    """The pair of a scan as the reader gives it."""
    own = render_dxa(patient(seed), replace(acquisition(seed), energies_kev=energies))
    table = attenuation(np.array(energies))
    low, high = (image((own.logs[k] / SPAN).astype(np.float32), spacing_mm=(own.acquisition.pixel_mm,) * 2, beam=Beam(
        energies[k], float(table[k, BASIS.index("mineral")]), float(table[k, BASIS.index("soft")]), SPAN)) for k in range(2))
    return low, high


def pair(seed: int, energies: tuple[float, float] = DXA_PAIRS[0]) -> Pair:
    found = pair_of(frames(seed, energies))
    assert found is not None
    return found


def test_a_pair_is_two_frames_with_beams_the_low_energy_first():
    low, high = frames(0)
    plain = image(grey(scan(0).picture))
    for images in ((low, high), (high, low), (plain, high, low)):
        found = pair_of(images)
        assert found is not None
        assert (found.low.id, found.high.id) == (low.id, high.id)
        assert found.logs == pytest.approx(np.stack([low.pixels, high.pixels]) * SPAN, rel=1e-6)


def test_what_is_no_pair_is_none():
    low, high = frames(0)
    small = image(high.pixels[1:], beam=high.beam, spacing_mm=high.spacing_mm)
    unsized = tuple(image(one.pixels, beam=one.beam) for one in (low, high))
    for images in ((), (low,), (image(low.pixels), image(high.pixels)), (low, small), (low, high, low), unsized):
        assert pair_of(images) is None


@pytest.mark.parametrize("energies", DXA_PAIRS)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_measured_is_what_the_machine_measures(seed: int, energies: tuple[float, float]):
    own = render_dxa(patient(seed), replace(acquisition(seed), energies_kev=energies))
    found = measure(pair(seed, energies), true_vertebrae(seed, own), own.acquisition.pixel_mm, PLAIN)
    assert list(found) == ["L1", "L2", "L3", "L4"]
    for region in own.regions:
        assert found[region.level].bmd == pytest.approx(region.bmd_g_cm2, abs=0.03)
        assert found[region.level].area_mm2 / 100 == pytest.approx(region.area_cm2, rel=0.12)


def test_one_energy_s_pair_and_another_s_agree():
    known = true_vertebrae(1, scan(1))
    tables = [measure(pair(1, energies), known, scan(1).acquisition.pixel_mm, PLAIN) for energies in DXA_PAIRS]
    for name in ("L2", "L3", "L4"):  # beside L1 lie ribs, which are told from soft tissue better at some energies than at others
        values = [table[name].bmd for table in tables]
        assert max(values) - min(values) < 0.03


def test_corners_that_are_a_pixel_off_move_the_density_little():
    known = true_vertebrae(0, scan(0))
    step = scan(0).acquisition.pixel_mm
    plain = measure(pair(0), known, step, PLAIN)
    rng = np.random.default_rng(0)
    for _ in range(5):
        moved = [Vertebra(one.name, one.corners + rng.normal(0, 0.7, (4, 2))) for one in known]
        for name, one in measure(pair(0), moved, step, PLAIN).items():
            assert one.bmd == pytest.approx(plain[name].bmd, abs=0.05)


def test_only_vertebrae_of_the_region_that_were_found_are_measured():
    known = true_vertebrae(0, scan(0))
    some = [one for one in known if one.name in ("T12", "L2", "L3", "L5")]
    assert list(measure(pair(0), some, scan(0).acquisition.pixel_mm, PLAIN)) == ["L2", "L3"]
    away = [shifted(one, 9999, 0) if one.name == "L2" else one for one in known]
    assert "L2" not in measure(pair(0), away, scan(0).acquisition.pixel_mm, PLAIN)


@given(st.floats(-0.2, 0.2), st.floats(0.5, 1.5), st.floats(-3, 3))
@FEW
def test_calibration_is_a_straight_line_in_density_and_in_fat(one: float, slope: float, fat: float):
    known, step = true_vertebrae(0, scan(0)), scan(0).acquisition.pixel_mm
    own = {"coefficients": [one, slope, fat]}
    for name, (raw, excess, count) in raw_of(0).items():
        found = measure(pair(0), known, step, own)[name]
        assert found.bmd == pytest.approx(one + slope * raw + fat * excess)
        assert found.area_mm2 == pytest.approx(count * step**2)
        assert calibrated(np.array([raw, raw]), np.array([excess, excess]), own) == pytest.approx([found.bmd] * 2)


@cache
def raw_of(seed: int) -> dict[str, tuple[float, float, float]]:
    return raw_measures(pair(seed), true_vertebrae(seed, scan(seed)), scan(seed).acquisition.pixel_mm)


def test_soft_tissue_of_the_pair_s_own_kind_has_no_excess_and_fat_a_negative_one():
    low, high = frames(0)
    known = true_vertebrae(0, scan(0))
    assert low.beam is not None
    assert high.beam is not None
    table = attenuation(np.array(DXA_PAIRS[0]))
    for kind, sign in (("soft", 0), ("fat", -1)):
        logs = np.stack([np.full(low.shape, 20 * table[k, BASIS.index(kind)]) for k in range(2)])
        for _, excess, _ in raw_measures(Pair(logs, low, high), known, scan(0).acquisition.pixel_mm).values():
            assert np.sign(round(excess, 4)) == sign


def test_the_picture_of_a_pair_looks_like_the_console_s():
    for seed in range(2):
        own = grey(scan(seed).picture)
        seen = shown(pair(seed))
        assert seen.shape == own.shape
        assert seen.dtype == np.float32
        assert (seen.min(), seen.max()) == (0, 1)
        assert np.corrcoef(seen.ravel(), own.ravel())[0, 1] > 0.95
