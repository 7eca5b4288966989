"""The third dimension of a subject: sizes as published, correlations as in patients, rates as the profile says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spondyl.phantom import PROFILES, Profile, SubjectSpec, draw_subject, subject_from_json
from spondyl.phantom.draw_bone import LOWER_WIDTH_MM
from spondyl.phantom.draw_person import population_bmd

PLAIN = Profile("plain", four_lumbar=0.0, six_lumbar=0.0)


@cache
def people(profile: str | Profile = "symptomatic", count: int = 160) -> tuple[SubjectSpec, ...]:
    return tuple(draw_subject(np.random.default_rng((7, i)), profile) for i in range(count))


def correlation(pairs: list[tuple[float, float]]) -> float:
    return float(np.corrcoef(np.array(pairs).T)[0, 1])


def within_binomial(hits: int, count: int, rate: float) -> bool:
    """Whether a count lies within three standard deviations of what that rate gives."""
    return abs(hits - count * rate) <= 3 * np.sqrt(count * rate * (1 - rate)) + 1


def cobb(spec: SubjectSpec) -> float:
    return float(np.ptp([0.0, *(body.coronal_deg for body in spec.vertebrae)]))


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_draws_subjects_that_survive_json(profile: str):
    for spec in people(profile, 12):
        assert subject_from_json(spec.to_json()) == spec
        assert len(spec.vertebrae) == PROFILES[profile].vertebrae


@pytest.mark.parametrize(("sex", "share"), [("F", 0.95), ("M", 1.052)])
def test_plates_are_as_wide_as_published_in_either_sex(sex: str, share: float):
    """L1 to L5 against the cadavers' means, which run small, by the sexes' ratio of 0.90; 3 SD of 8 %."""
    own = [spec for spec in people(PLAIN) if spec.sex == sex]
    for level in range(5):
        widths = np.array([spec.vertebrae[level].width_mm[0] for spec in own])
        assert widths.mean() == pytest.approx(LOWER_WIDTH_MM[level] * share, rel=0.04)
        assert 0.04 < widths.std() / widths.mean() < 0.1


@pytest.mark.parametrize(("level", "width", "sd"), [(0, 15.9, 2.0), (2, 10.3, 2.0), (4, 8.7, 2.0)])
def test_pedicles_and_canals_are_as_wide_as_published(level: int, width: float, sd: float):
    arches = [spec.vertebrae[level].arch for spec in people(PLAIN)]
    assert np.mean([arch.pedicle_mm[0] for arch in arches]) == pytest.approx(width, abs=1.5)
    assert np.std([arch.pedicle_mm[0] for arch in arches]) < sd
    depths = np.array([arch.canal_mm[1] for arch in arches])
    assert 0.06 < depths.std() / depths.mean() < 0.15
    assert 15 < depths.mean() < 20


def test_women_have_smaller_bones_and_nearly_the_same_canal():
    by_sex = {sex: [spec for spec in people(PLAIN) if spec.sex == sex] for sex in "FM"}
    width = {sex: np.mean([spec.vertebrae[0].width_mm[0] for spec in own]) for sex, own in by_sex.items()}
    canal = {sex: np.mean([spec.vertebrae[0].arch.canal_mm[0] for spec in own]) for sex, own in by_sex.items()}
    assert width["F"] / width["M"] == pytest.approx(0.90, abs=0.025)
    assert canal["F"] / canal["M"] == pytest.approx(0.96, abs=0.025)


def test_a_narrow_canal_is_narrow_at_all_levels():
    assert correlation([(s.vertebrae[0].arch.canal_mm[1], s.vertebrae[4].arch.canal_mm[1]) for s in people(PLAIN)]) > 0.6
    assert correlation([(s.soft.canal_mm[1], s.vertebrae[2].arch.canal_mm[1]) for s in people(PLAIN)]) > 0.8


def test_bone_is_lost_with_age_in_women_and_spared_in_men():
    slope = {}
    for share, sex in enumerate("MF"):
        own = people(replace(PLAIN, women=float(share), age_sd=25.0), 150)
        slope[sex] = np.polyfit([spec.age_years for spec in own], [spec.vertebrae[2].trabecular_mg_cm3 for spec in own], 1)[0]
    assert slope["F"] < -0.25
    assert slope["F"] < slope["M"] - 0.2
    assert population_bmd("F", 75.5)[0] < population_bmd("F", 25.5)[0]


def test_joints_and_ligaments_grow_with_age_and_on_both_sides_alike():
    l45 = [(spec.age_years, spec.discs[1]) for spec in people(PLAIN)]
    assert correlation([(age, sum(disc.facet_mm)) for age, disc in l45]) > 0.3
    assert correlation([(age, sum(disc.flavum_mm)) for age, disc in l45]) > 0.3
    assert correlation([disc.facet_mm for _, disc in l45]) > 0.6
    assert correlation([disc.flavum_mm for _, disc in l45]) > 0.6
    means = [np.mean([sum(spec.discs[i].facet_mm) for spec in people(PLAIN)]) for i in range(5)]
    assert int(np.argmax(means)) == 1


def test_a_slip_comes_with_large_joints():
    discs = [disc for spec in people("uniform", 60) for disc in spec.discs[:2]]
    slipped = [sum(disc.facet_mm) for disc in discs if disc.slip_mm >= 3]
    assert np.mean(slipped) > np.mean([sum(disc.facet_mm) for disc in discs if disc.slip_mm < 3]) + 1


def test_spurs_of_the_sides_go_with_those_in_front():
    pairs = [(disc.spurs_mm[0], sum(disc.spurs_lateral_mm)) for spec in people(PLAIN) for disc in spec.discs[:5]]
    assert correlation(pairs) > 0.3


@pytest.mark.parametrize(("thing", "rate"), [("lesion", 0.2), ("implant", 0.25), ("foreign", 0.15), ("scoliosis", 0.3)])
def test_things_come_as_often_as_the_profile_says(thing: str, rate: float):
    kind = Profile("set", **{thing: rate}, age_sd=0.5)
    count = 140
    has = {
        "lesion": lambda s: any(v.lesion.radius_mm > 0 for v in s.vertebrae),
        "implant": lambda s: any(d.kind == "screws" for d in s.trunk.implants), "foreign": lambda s: bool(s.trunk.foreign),
        "scoliosis": lambda s: cobb(s) >= 9.99,
    }[thing]
    assert within_binomial(sum(has(spec) for spec in people(kind, count)), count, rate)


def test_transitional_anatomy_comes_at_its_rate_where_the_profile_is_silent():
    odd = sum(spec.lumbar != 5 for spec in people("symptomatic"))
    assert within_binomial(odd, 160, 0.1)


def test_fractures_come_as_often_as_asked_and_to_old_and_thin_bone():
    kind = replace(PROFILES["dxa"], fracture=0.25)
    broken = [any(v.fracture.kind != "none" for v in spec.vertebrae) for spec in people(kind)]
    assert 0.15 < np.mean(broken) < 0.3
    mineral = np.array([spec.vertebrae[2].trabecular_mg_cm3 for spec in people(kind)])
    assert mineral[broken].mean() < mineral[~np.array(broken)].mean() - 10


def test_profiles_older_than_fractures_have_none():
    assert not any(v.fracture.kind != "none" for name in ("symptomatic", "healthy", "uniform", "transitional")
                   for spec in people(name, 60) for v in spec.vertebrae)


def test_classes_of_bone_density_are_drawn_as_set():
    kind = replace(PROFILES["dxa"], osteopenia=0.3, osteoporosis=0.3)
    ages = [spec.age_years for spec in people(kind, 120)]
    assert min(ages) >= 50
    dense = np.sort([spec.vertebrae[2].trabecular_mg_cm3 for spec in people(kind, 120)])
    thin = replace(kind, osteoporosis=0.7)
    assert np.median([spec.vertebrae[2].trabecular_mg_cm3 for spec in people(thin, 120)]) < np.median(dense) - 15


def test_curves_are_smooth_stay_below_their_range_and_turn_with_the_tilt():
    curved = people("scoliosis", 60)
    for spec in curved:
        tilts = np.array([0.0, *(body.coronal_deg for body in spec.vertebrae)])
        assert np.abs(np.diff(tilts)).max() < 15.1
        assert np.abs(np.diff(tilts, 2)).max() < 18
        assert cobb(spec) <= 70.5
    assert np.percentile([cobb(spec) for spec in curved], 90) > 35
    turns = [(cobb(spec), max(abs(body.axial_deg) for body in spec.vertebrae)) for spec in curved]
    assert correlation(turns) > 0.6


def test_the_front_turns_toward_the_bulge():
    """Where tilts rise from below to above the curve bulges to the left, and the front must turn left too (positive)."""
    agree = []
    for spec in people("scoliosis", 60):
        tilts = np.array([body.coronal_deg for body in spec.vertebrae])
        apex = int(np.argmax(np.abs(np.gradient(tilts))))
        agree.append(np.gradient(tilts)[apex] * spec.vertebrae[apex].axial_deg >= 0)
    assert np.mean(agree) > 0.9


def test_heavier_people_are_wider_and_fatter():
    trunks = [spec.trunk for spec in people(PLAIN)]
    assert correlation([(trunk.half_width_mm, trunk.flank_fat_mm) for trunk in trunks]) > 0.5
    assert correlation([(spec.age_years, spec.trunk.multifidus_fat) for spec in people(PLAIN)]) > 0.35


def test_the_third_dimension_hangs_on_the_texture_seed_and_not_on_who_was_drawn_before():
    rng = np.random.default_rng(5)
    draw_subject(rng, PLAIN)
    second = draw_subject(rng, PLAIN)
    again = np.random.default_rng(5)
    draw_subject(again, Profile("other", four_lumbar=0.0, six_lumbar=0.0, implant=1.0, lesion=1.0, foreign=1.0))
    assert draw_subject(again, PLAIN) == second
