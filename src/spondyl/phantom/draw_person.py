"""What the parts of one person share: body size, canal, bone, wear. Everything beside the mid-line is drawn around these.

The generators here are children of the subject's texture seed, one for each part: a part that draws more leaves the others as they were,
and the mid-line (drawn before) keeps what a generator gave it before the third dimension came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.draw_profiles import Profile
from spondyl.phantom.spec import SubjectSpec

PARTS = ("person", "arch", "bone", "joints", "posture", "trunk", "stenosis", "devices", "film", "midline")
BMD_DECADE = (25.5, 35.5, 45.5, 55.5, 65.5, 75.5)
BMD_MEAN = {"F": (1.064, 1.065, 1.056, 0.993, 0.952, 0.902), "M": (1.057, 1.042, 1.051, 1.053, 1.070, 1.068)}
BMD_SD = {"F": (0.106, 0.110, 0.134, 0.141, 0.142, 0.167), "M": (0.110, 0.122, 0.135, 0.146, 0.160, 0.177)}
"""Areal density of the lumbar spine in g/cm2 by decade of age (NHANES, Hologic; PMC12995607 table 3, as given in the project's physics
sheet; men's SDs between the first and the last decade are interpolated [O])."""
REFERENCE_BMD = (1.047, 0.110)
"""Young-adult mean and SD that T-scores of a profile's classes are drawn against (Hologic; unverified)."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person's common factors. A z is a number of standard deviations.

    Attributes:
        size: Linear body size, 1 is the mean of both sexes.
        canal: Depth of the canal relative to the mean of people of that size.
        bmd_g_cm2: Areal density of L1-L4 that is aimed at.
        bmd_z: The same against people of that age and sex.
        bmi: Body mass index, kg/m2.
        wear: How much more worn the joints are than at that age, z.
        spur: Size of this person's spurs relative to what a disc's grade gives.
    """

    profile: Profile
    sex: str
    age: float
    lumbar: int
    size: float
    canal: float
    bmd_g_cm2: float
    bmd_z: float
    bmi: float
    wear: float
    spur: float


def streams(texture_seed: int) -> dict[str, np.random.Generator]:
    """A generator for each of PARTS."""
    return {name: np.random.default_rng(np.random.SeedSequence(entropy=texture_seed, spawn_key=(3, k))) for k, name in enumerate(PARTS)}


def draw_person(rng: np.random.Generator, spec: SubjectSpec, size: float, profile: Profile) -> Person:
    """The common factors, tied to what the mid-line shows of them (fat of the back and belly, the sac, the discs)."""
    wear, bone, mass = (float(v) for v in rng.normal(0, 1, 3))
    grade = np.mean([(disc.nucleus_t2_ms < 66) + (disc.nucleus_t2_ms < 105) for disc in spec.discs[:5]])
    padding = (spec.soft.back_fat_mm[1] / 1.1 - 18) / 9 * 0.6 + (spec.soft.belly_mm - 115) / 25 * 0.5
    bmi = float(np.clip(27 + 4.2 * (0.8 * padding + 0.6 * mass), 16.5, 48))
    bmd, z = _density(rng, spec, profile, bone + 0.04 * (bmi - 27))
    older = float(np.clip((spec.age_years - profile.age_mean) / 15, -2, 2))
    spur = profile.spur * float(np.exp(profile.spur_spread * (0.7 * rng.normal() + 0.6 * older)))
    return Person(profile, spec.sex, spec.age_years, spec.lumbar, size, spec.soft.canal_mm[1] / (14.5 * size), bmd, z, bmi,
                  0.8 * wear + 0.6 * float(grade - 0.9), spur)


def population_bmd(sex: str, age: float) -> tuple[float, float]:
    """(mean, SD) of areal density in g/cm2 for that sex and age."""
    return float(np.interp(age, BMD_DECADE, BMD_MEAN[sex])), float(np.interp(age, BMD_DECADE, BMD_SD[sex]))


def _density(rng: np.random.Generator, spec: SubjectSpec, profile: Profile, z: float) -> tuple[float, float]:
    """(areal density, z) from the population, or from the classes that the profile asks for."""
    mean, sd = population_bmd(spec.sex, spec.age_years)
    if profile.osteoporosis >= 0:
        kind = rng.choice(3, p=[max(1 - profile.osteopenia - profile.osteoporosis, 0.0), profile.osteopenia, profile.osteoporosis])
        t = (-1.0 + rng.gamma(1.6, 0.75), rng.uniform(-2.5, -1.0), -2.5 - rng.gamma(1.5, 0.45))[int(kind)]
        bmd = REFERENCE_BMD[0] + REFERENCE_BMD[1] * float(t)
        return bmd, (bmd - mean) / sd
    z = float(np.clip(z, -3.2, 3.2))
    return max(mean + sd * z, 0.45), z
