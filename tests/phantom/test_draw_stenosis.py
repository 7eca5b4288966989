"""The profile that stands for the RSNA 2024 set: its severities are drawn at that set's rates, and built at them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from spondyl.core.level import disc_name
from spondyl.phantom import SubjectSpec, draw_subject
from spondyl.phantom.draw_stenosis import AIMS, COUNTS, aimed, severity_bounds
from spondyl.phantom.measured.subject import measure_stenosis
from spondyl.phantom.solid import Detail, build

KEYS = {"spinal_canal_stenosis": "canal", "neural_foraminal_narrowing": "foramen", "subarticular_stenosis": "recess"}


MISFIT = {"canal": 0.04, "foramen": 0.12, "recess": 0.14}
"""How far from the set's shares a cohort may stay beyond chance: what the fit has reached."""


@cache
def people(count: int = 120) -> tuple[SubjectSpec, ...]:
    return tuple(draw_subject(np.random.default_rng(np.random.SeedSequence(31, spawn_key=(2, i))), "rsna") for i in range(count))


@pytest.mark.parametrize("condition", sorted(COUNTS))
@pytest.mark.parametrize("level", range(5))
def test_bounds_of_severity_cut_the_set_s_shares_from_a_normal_distribution(condition: str, level: int):
    z = np.random.default_rng(level).normal(size=200_000)
    low, high = severity_bounds(condition, level)
    shares = np.array([(z < low).mean(), ((z >= low) & (z < high)).mean(), (z >= high).mean()])
    assert shares == pytest.approx(np.array(COUNTS[condition][level]) / sum(COUNTS[condition][level]), abs=0.005)


def test_the_set_s_counts_add_up_to_its_studies():
    assert [sum(c) for c in zip(*COUNTS["canal"], strict=True)] == [8664, 736, 470]
    assert [sum(c) for c in zip(*COUNTS["foramen"], strict=True)] == [15357, 3564, 779]
    assert [sum(c) for c in zip(*COUNTS["recess"], strict=True)] == [13733, 3660, 1840]


@pytest.mark.parametrize("condition", sorted(COUNTS))
def test_a_worse_severity_always_aims_at_less_room(condition: str):
    for level in range(5):
        aims = aimed(condition, level, np.linspace(-3, 3, 61))
        steps = np.diff(aims) * (-1 if condition == "foramen" else 1)
        assert (steps < 0).all()
        assert aimed(condition, level, np.array(severity_bounds(condition, level))) == pytest.approx(AIMS[condition][level])


def test_more_presses_on_l4_l5_than_on_l1_l2():
    def bulk(level: int) -> float:
        return float(np.mean([sum(s.discs[level].flavum_mm) / 2 + s.discs[level].bulge_mm[1] for s in people()]))

    assert bulk(1) > bulk(4) + 1


def test_narrowing_runs_in_patients_and_with_age():
    thick = np.array([[sum(spec.discs[level].flavum_mm) + spec.discs[level].bulge_mm[1] for level in (1, 2)] for spec in people()])
    assert np.corrcoef(thick.T)[0, 1] > 0.15
    assert np.corrcoef([spec.age_years for spec in people()], thick.sum(axis=1))[0, 1] > 0.1
    ridges = np.array([spec.discs[1].ridge_mm for spec in people()])
    assert np.corrcoef(ridges.T)[0, 1] > 0.5


@pytest.mark.slow
def test_measured_stenosis_is_as_frequent_as_in_the_set():
    """Each condition and level within three binomial standard deviations (sides count as one and a half, being alike) and MISFIT.

    The misfit is real: rim and ligament press on sac and recesses together, so that a level with a severe sac has severe recesses, and
    too few of those are only moderate; a root in a shallow foramen goes from free to deformed within half a millimetre.
    """
    found = {(key, level): [0, 0, 0] for key in COUNTS for level in range(5)}
    for spec in people(150):
        volume = build(spec, Detail(half_width_mm=34.0, levels=(-1, 5)))
        for one in measure_stenosis(volume, tuple(disc_name(k + 1, spec.lumbar) for k in range(len(spec.discs)))):
            found[KEYS[one.condition], one.from_bottom - 1][one.grade] += 1
    off = {}
    for (key, level), counts in found.items():
        expected = np.array(COUNTS[key][level]) / sum(COUNTS[key][level])
        units = sum(counts) * (1.0 if key == "canal" else 0.75)
        allowed = 3 * np.sqrt(expected * (1 - expected) / units) + MISFIT[key]
        apart = np.abs(np.array(counts) / sum(counts) - expected)
        if (apart > allowed).any():
            off[key, level] = (counts, expected.round(3))
    assert not off
