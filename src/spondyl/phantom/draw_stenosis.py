"""The chance of narrowing, so that what is measured on the built subject is as frequent as in the RSNA 2024 set.

For each condition and level a severity z is drawn, normal with mean 0 and SD 1, tied to age, to the disc's wear and within the patient.
It is turned into the number that the label's rule will measure (sac area, recess height) or into the ridge in a foramen, so that the
shares of z below and above the set's own quantiles land in the set's own classes. Bulge, ligament and joints are then made so large that
this number is expected. What they do to it was fitted on built volumes (170 subjects, all levels, 1 mm voxels): a residual SD of 7 mm2 and
1.2 mm. AIMS hold what is aimed at where a class begins, corrected on pilots for what the fit leaves.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.draw_joints import wear_of
from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import DiscSpec, SubjectSpec, VertebraSpec

Line = NDArray[np.float64]
COUNTS = {
    "canal": ((1904, 51, 19), (1482, 237, 255), (1622, 230, 122), (1770, 151, 53), (1886, 67, 21)),
    "foramen": ((2528, 1016, 396), (2412, 1258, 270), (3034, 825, 81), (3584, 339, 17), (3799, 126, 15)),
    "recess": ((2807, 805, 320), (1778, 1246, 921), (2646, 908, 391), (3132, 498, 156), (3370, 203, 52)),
}
"""Normal or mild, moderate, severe by level from L5/S1 up, both sides together (RSNA 2024 train.csv, as counted in the project's sheet of
formats)."""
AIMS: dict[str, tuple[tuple[float, float], ...]] = {
    "canal": ((100.0, 75.0),) * 5,
    "foramen": ((1.8, 2.8), (2.25, 3.15), (2.6, 3.6), (2.8, 3.7), (2.8, 3.7)),
    "recess": ((3.5, 2.6), (4.0, 3.1), (4.0, 3.1), (3.9, 3.0), (3.9, 3.0)),
}
"""What is aimed at where (moderate, severe) begin, by level from L5/S1 up: area of the sac in mm2, reach of the ridge in mm,
height of the recess in mm."""
MILD_SLOPE = 2.0
"""How much faster than between the classes the aim moves away below the first bound: most levels are left open [O]."""
AGE, WEAR, PATIENT, LEVEL = 0.30, 0.30, 0.40, 0.50
"""Weights of age, disc, patient and level in z; the rest is the condition's own [O]. Sides share most of it."""
SIDES = 0.8
"""Correlation of what is left between right and left [O]."""
SAC = ((0.450, 4.6), (0.467, 10.8), (0.474, 15.3), (0.497, 10.6), (0.473, 20.5))
"""Area of the open sac by level from L5/S1 up: slope over depth of the sac times width of the bony canal, and the rest, mm2."""
RECESS_MM = (5.1, 5.3, 6.2, 6.6, 6.4)


STEPS = np.linspace(0, 1.25, 51)
"""Of t: how much rim and ligament press on a level, both sides alike; 1 is much."""
SIDE_STEPS = np.linspace(0, 1, 21)
"""Of u: how much more a side's ligament and joint press on its recess."""
MOST_FACET_MM, MOST_EXTRA_MM = 3.8, 2.6
JOINT_IN_FORAMEN = 0.4
"""Reach of a ridge that a millimetre of joint beyond 3 stands in for."""


def bulge_of(t: Line) -> Line:
    """Posterior reach of the rim, mm."""
    return np.asarray(0.4 + 4.4 * t)


def flavum_of(t: Line, u: Line) -> Line:
    """Thickness of the ligament on a side, mm."""
    return np.asarray(2.6 + 4.6 * t + MOST_EXTRA_MM * u)


def severity_bounds(condition: str, level: int) -> tuple[float, float]:
    """z from which a level is moderate, and from which it is severe."""
    mild, moderate, severe = COUNTS[condition][level]
    total, normal = mild + moderate + severe, NormalDist()
    return normal.inv_cdf(mild / total), normal.inv_cdf((mild + moderate) / total)


def narrow(
    rng: np.random.Generator, person: Person, spec: SubjectSpec, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[DiscSpec, ...]:
    """The discs with the narrowing of the five lowest levels drawn anew."""
    patient = rng.normal()
    age = float(np.clip((person.age - person.profile.age_mean) / max(person.profile.age_sd, 1.0), -2.5, 2.5))
    grades = np.array([wear_of(disc) for disc in discs[:5]])
    made = list(discs)
    for i in range(5):
        shared = AGE * age + WEAR * (grades[i] - (2.2, 2.1, 1.8, 1.6, 1.4)[i]) / 1.1 + PATIENT * patient + LEVEL * rng.normal()
        z = _severities(rng, shared)
        wide = (bodies[i].arch.canal_mm[0] + bodies[max(i - 1, 0)].arch.canal_mm[0]) / 2
        sac = float(np.interp(i, (0, 2, 4), spec.soft.canal_mm[::-1])) * wide
        made[i] = _level(rng, made[i], i, z, sac, bodies[i].arch.canal_mm[1])
    return tuple(made)


def _severities(rng: np.random.Generator, shared: float) -> dict[str, Line]:
    """z of the canal (1,), the recesses and the foramina (right, left)."""
    rest = float(np.sqrt(1 - AGE**2 - WEAR**2 - PATIENT**2 - LEVEL**2))
    own, side = rng.normal(0, 1, 3), rng.normal(0, 1, (2, 2))
    pairs = [shared + rest * (np.sqrt(SIDES) * own[k + 1] + np.sqrt(1 - SIDES) * side[k]) for k in range(2)]
    return {"canal": np.array([shared + rest * own[0]]), "recess": pairs[0], "foramen": pairs[1]}


def aimed(condition: str, level: int, z: Line) -> Line:
    """What is aimed at for severities z: a straight line through AIMS at the bounds (of the logarithm, for the sac)."""
    low, high = severity_bounds(condition, level)
    first, second = AIMS[condition][level]
    along = (z - low) / (high - low)
    along = np.where(along < 0, MILD_SLOPE * along, along)
    if condition == "canal":
        return np.asarray(first * (second / first) ** along)
    return np.asarray(first + along * (second - first))


def _level(rng: np.random.Generator, disc: DiscSpec, level: int, z: dict[str, Line], sac: float, deep: float) -> DiscSpec:
    area, heights = float(aimed("canal", level, z["canal"])[0]), aimed("recess", level, z["recess"])
    t, u = _pressure(level, area, heights, sac, deep)
    facet = MOST_FACET_MM * u
    ridge = np.clip(aimed("foramen", level, z["foramen"]) - JOINT_IN_FORAMEN * np.maximum(facet - 3, 0), 0, 7)
    thick = np.clip(flavum_of(np.array(t), u) + 0.1 * rng.normal(0, 1, 2), 1.5, 10)
    return replace(disc, bulge_mm=(disc.bulge_mm[0], float(bulge_of(np.array(t)))), flavum_mm=_pair(thick), facet_mm=_pair(facet),
                   ridge_mm=_pair(ridge))


def sac_area(level: int, t: Line, u: Line, sac: float) -> Line:
    """Expected area of the dural sac in mm2 at t (n,) and u (n, 2); `sac` is its depth times the canal's width."""
    slope, rest = SAC[level]
    thick, bulge = flavum_of(t[:, None], u), bulge_of(t)
    pressed = (3.29 * np.maximum(thick - 3, 0) + 16.53 * np.maximum(thick - 5, 0)).mean(axis=1)
    return np.asarray(slope * sac + rest - pressed - 5.76 * np.maximum(bulge - 1.5, 0) - 9.76 * np.maximum(bulge - 3, 0))


def recess_height(level: int, t: Line, u: Line, deep: float) -> Line:
    """Expected height of a recess, mm; `deep` is the depth of the bony canal."""
    thick, bulge = flavum_of(t, u), bulge_of(t)
    height = RECESS_MM[level] + 0.2 * deep - 0.428 * thick - 0.589 * np.maximum(thick - 5, 0)
    height = height - 1.288 * np.maximum(bulge - 1, 0) + 0.558 * np.maximum(bulge - 3, 0)
    return np.asarray(height - (0.0, 0.5, 0.19, 0.19, 0.06)[level] * np.maximum(MOST_FACET_MM * u - 2, 0))


def _pressure(level: int, area: float, heights: Line, sac: float, deep: float) -> tuple[float, Line]:
    """(t, u of the right and left side) that bring sac and recesses to what is aimed at; in conflict the sac keeps its class."""
    t, u = np.meshgrid(STEPS, SIDE_STEPS, indexing="ij")
    reached = recess_height(level, t, u, deep)
    sides = np.stack([SIDE_STEPS[np.minimum((reached > height).sum(axis=1), len(SIDE_STEPS) - 1)] for height in heights], axis=-1)
    areas = sac_area(level, STEPS, sides, sac)
    floor = max((bound for bound in AIMS["canal"][level] if bound <= area), default=0.0) + 5
    first = int(np.argmax(areas <= area)) if (areas <= area).any() else len(STEPS) - 1
    lows = reached[np.arange(len(STEPS)), -1]
    needed = int(np.argmax(lows <= heights.min())) if (lows <= heights.min()).any() else len(STEPS) - 1
    allowed = int((areas >= floor).sum()) - 1
    k = max(first, min(needed, allowed), 0)
    own = sides[k]
    while own.max() > 0 and float(sac_area(level, STEPS[k:k + 1], own[None], sac)[0]) < min(floor, area):
        own = np.maximum(own - 0.1, 0)
    return float(STEPS[k]), own


def _pair(values: Line) -> tuple[float, float]:
    return float(values[0]), float(values[1])
