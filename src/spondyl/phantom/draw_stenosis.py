"""The chance of narrowing, so that what is measured on the built subject is as frequent as in the RSNA 2024 set.

For each condition and level a severity z is drawn, normal with mean 0 and SD 1, tied to age, to the disc's wear and within the patient.
It is turned into the number that the label's rule will measure (sac area, recess height) or into the ridge in a foramen, so that the
shares of z below and above the set's own quantiles land in the set's own classes. Bulge and ligaments are then made so large that this
number is expected: what they do to it was fitted on built volumes (116 subjects, all levels, 0.7 mm voxels), with residual SDs of 4 to
5 mm2 and 0.3 to 0.8 mm. AIMS hold what is aimed at where a class begins, corrected on pilots for what the fit leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    "canal": ((110.0, 85.0), (96.0, 70.0), (97.0, 73.0), (100.0, 70.0), (98.0, 74.0)),
    "foramen": ((2.5, 2.9), (2.75, 3.3), (3.05, 3.8), (3.1, 4.05), (3.2, 4.0)),
    "recess": ((2.9, 2.6), (3.05, 2.75), (3.0, 2.85), (3.3, 3.0), (3.5, 2.9)),
}
"""What is aimed at where (moderate, severe) begin, by level from L5/S1 up: area of the sac in mm2, reach of the ridge in mm,
height of the recess in mm."""
OPENING = {"canal": 0.8, "foramen": -1.1, "recess": 2.6}
"""How fast the aim moves away below the first bound, for each unit of z: of the logarithm of the area, of mm; most levels are open [O]."""
AGE, WEAR, PATIENT, LEVEL = 0.28, 0.28, 0.58, 0.36
"""Weights of age, disc, patient and level in z; the rest is the condition's own [O]. Sides share most of it."""
SIDES, CANAL_IN_RECESS = 0.8, 0.8
"""Correlations of what is left: between right and left, and between recesses and canal, which share rim and ligament [O]."""
SAC_AREA = ((0.426, 6.3), (0.447, 20.4), (0.469, 22.9), (0.496, 17.0), (0.520, 13.6))
"""Area of the open sac by level from L5/S1 up: slope over its depth times the width of the bony canal, and the rest, mm2."""
PRESSED_AREA = ((4.3, 16.7, 1.5, 12.3), (4.8, 14.2, 5.5, 13.0), (5.5, 14.0, 7.0, 10.2), (3.2, 16.7, 6.4, 11.6), (4.6, 13.6, 7.4, 12.0))
"""mm2 taken by each mm of ligament beyond 3, again beyond 5, and of rim beyond 1.5, again beyond 3, by level."""
RECESS = (
    (12.287, 0.713, -0.156, -0.156, -1.544, -0.010, -0.990, 1.359, 0.055),
    (11.333, 0.711, -0.316, 0.057, -1.578, -0.012, -0.707, -0.360, 0.026),
    (11.115, 0.801, -0.418, 0.103, -1.543, -0.280, -0.678, 0.096, 0.211),
    (8.200, 0.760, -0.351, 0.077, -1.034, -0.578, -0.780, 0.193, 0.188),
    (9.069, 0.408, -0.256, 0.106, -0.878, -0.153, -0.483, -0.484, 0.018),
)
"""Height of a recess by level: the rest, then for each mm of sac depth, width of the canal below and above, ligament, the same beyond 5,
rim beyond 1, the same beyond 3, joint."""
OPEN_AREA_MM2, WIDEST = 118.0, 1.3
"""A level that is to read open has room for that; a canal too narrow for it is widened, at most by that factor [O]."""
MOST_JOINT_MM = (2.2, 2.6, 3.0, 3.0, 3.0)
"""Joints stay below that, since they would close the foramina [O]."""
JOINT_IN_FORAMEN = (0.32, 0.16, 0.2, 0.28, 0.11)
"""Reach of a ridge that a millimetre of joint beyond 2.5 stands in for."""
LEVELS = 5
MEAN_WEAR = (2.2, 2.1, 1.8, 1.6, 1.4)
KEEP_MM2 = 6.0
"""A sac pressed for the sake of a recess stays that far inside its class: about the fit's residual."""
STEPS, OPEN_STEPS = np.linspace(0, 1.1, 45), 16
"""Of t: how much the rim, and a little the ligaments, press on a level; it closes the sac more than the recesses.
An open level takes no more than OPEN_STEPS of them."""
SIDE_STEPS = np.linspace(0, 1, 35)
"""Of u: how much more a side's ligament presses; it closes its recess more than the sac."""
MOST_EXTRA_MM = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """What is free at a level before anything presses on it.

    Attributes:
        level: From 0, L5/S1.
        sac_mm: Depth of the sac.
        width_mm: Of the bony canal (at the vertebra above, at the one below).
        rim_mm: How far the disc's rim reaches back by its wear alone.
    """

    level: int
    sac_mm: float
    width_mm: tuple[float, float]
    rim_mm: float

    @property
    def sac_mm2(self) -> float:
        """Depth of the sac times mean width of the canal."""
        return self.sac_mm * sum(self.width_mm) / 2


def bulge_of(room: Room, t: Line) -> Line:
    """Posterior reach of the rim, mm; never less than its wear gives."""
    return np.maximum(0.4 + 5.2 * t, min(room.rim_mm, 3.0))


def flavum_of(t: Line, u: Line) -> Line:
    """Thickness of the ligament on a side, mm."""
    return np.asarray(2.3 + 2.4 * t + MOST_EXTRA_MM * u)


def severity_bounds(condition: str, level: int) -> tuple[float, float]:
    """z from which a level is moderate, and from which it is severe."""
    mild, moderate, severe = COUNTS[condition][level]
    total, normal = mild + moderate + severe, NormalDist()
    return normal.inv_cdf(mild / total), normal.inv_cdf((mild + moderate) / total)


def narrow(
    rng: np.random.Generator, person: Person, spec: SubjectSpec, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[tuple[VertebraSpec, ...], tuple[DiscSpec, ...]]:
    """Vertebrae and discs with the narrowing of the five lowest levels drawn anew."""
    patient = rng.normal()
    age = float(np.clip((person.age - person.profile.age_mean) / max(person.profile.age_sd, 1.0), -2.5, 2.5))
    drawn = []
    for i in range(LEVELS):
        worn = (wear_of(discs[i]) - MEAN_WEAR[i]) / 1.1
        drawn.append(_severities(rng, AGE * age + WEAR * worn + PATIENT * patient + LEVEL * rng.normal()))
    depths = [float(np.interp(i, (0, 2, 4), spec.soft.canal_mm[::-1])) for i in range(LEVELS)]
    wide = _widened(bodies, depths, drawn)
    widths = [body.arch.canal_mm[0] for body in wide]
    rooms = [Room(i, depths[i], (widths[i], widths[max(i - 1, 0)]), discs[i].bulge_mm[1]) for i in range(LEVELS)]
    return wide, (*(_level(rng, discs[i], rooms[i], drawn[i]) for i in range(LEVELS)), *discs[LEVELS:])


def _widened(bodies: tuple[VertebraSpec, ...], depths: list[float], drawn: list[dict[str, Line]]) -> tuple[VertebraSpec, ...]:
    """The vertebrae, their canals wide enough for the sacs that are aimed at."""
    widths = [body.arch.canal_mm[0] for body in bodies]
    factors = [1.0] * len(bodies)
    for i in range(LEVELS):
        slope, rest = SAC_AREA[i]
        wanted = min(float(aimed("canal", i, drawn[i]["canal"])[0]), OPEN_AREA_MM2)
        factor = min(max((wanted - rest) / (slope * depths[i] * (widths[i] + widths[max(i - 1, 0)]) / 2), 1.0), WIDEST)
        for k in {i, max(i - 1, 0)}:
            factors[k] = max(factors[k], factor)
    return tuple(
        replace(body, arch=replace(body.arch, canal_mm=(body.arch.canal_mm[0] * factor, body.arch.canal_mm[1])))
        for body, factor in zip(bodies, factors, strict=True))


def _severities(rng: np.random.Generator, shared: float) -> dict[str, Line]:
    """z of the canal (1,), the recesses and the foramina (right, left)."""
    rest = float(np.sqrt(1 - AGE**2 - WEAR**2 - PATIENT**2 - LEVEL**2))
    own, side = rng.normal(0, 1, 3), rng.normal(0, 1, (2, 2))
    own[1] = CANAL_IN_RECESS * own[0] + np.sqrt(1 - CANAL_IN_RECESS**2) * own[1]
    pairs = [shared + rest * (np.sqrt(SIDES) * own[k + 1] + np.sqrt(1 - SIDES) * side[k]) for k in range(2)]
    return {"canal": np.array([shared + rest * own[0]]), "recess": pairs[0], "foramen": pairs[1]}


def aimed(condition: str, level: int, z: Line) -> Line:
    """What is aimed at for severities z: a line through AIMS at the bounds (of the logarithm, for the sac), OPENING below them."""
    low, high = severity_bounds(condition, level)
    first, second = np.log(AIMS[condition][level]) if condition == "canal" else AIMS[condition][level]
    aims = np.where(z < low, first + OPENING[condition] * (low - z), first + (z - low) / (high - low) * (second - first))
    return np.asarray(np.exp(aims) if condition == "canal" else aims)


def _level(rng: np.random.Generator, disc: DiscSpec, room: Room, z: dict[str, Line]) -> DiscSpec:
    level, facet = room.level, np.minimum(disc.facet_mm, MOST_JOINT_MM[room.level])
    t, u = _pressure(room, float(aimed("canal", level, z["canal"])[0]), aimed("recess", level, z["recess"]), facet)
    ridge = np.clip(aimed("foramen", level, z["foramen"]) - JOINT_IN_FORAMEN[level] * np.maximum(facet - 2.5, 0), 0, 7)
    thick = np.clip(flavum_of(np.array(t), u) + 0.1 * rng.normal(0, 1, 2), 1.5, 10)
    return replace(disc, bulge_mm=(disc.bulge_mm[0], float(bulge_of(room, np.array(t)))), flavum_mm=_pair(thick), facet_mm=_pair(facet),
                   ridge_mm=_pair(ridge))


def sac_area(room: Room, t: Line, u: Line) -> Line:
    """Expected area of the dural sac in mm2 at t (n,) and u (n, 2)."""
    slope, rest = SAC_AREA[room.level]
    thick, bulge = flavum_of(t[:, None], u), bulge_of(room, t)
    first, again, rim, more = PRESSED_AREA[room.level]
    pressed = (first * np.maximum(thick - 3, 0) + again * np.maximum(thick - 5, 0)).mean(axis=1)
    return np.asarray(slope * room.sac_mm2 + rest - pressed - rim * np.maximum(bulge - 1.5, 0) - more * np.maximum(bulge - 3, 0))


def recess_height(room: Room, t: Line, u: Line, facet_mm: float) -> Line:
    """Expected height of a recess, mm, at t and u (shapes that broadcast)."""
    rest, *slopes = RECESS[room.level]
    thick, bulge = flavum_of(t, u), bulge_of(room, t)
    terms: tuple[float | Line, ...] = (room.sac_mm, room.width_mm[1], room.width_mm[0], thick, np.maximum(thick - 5, 0),
                                       np.maximum(bulge - 1, 0), np.maximum(bulge - 3, 0), facet_mm)
    return np.asarray(rest + sum(slope * term for slope, term in zip(slopes, terms, strict=True)))


def _pressure(room: Room, area: float, heights: Line, facet: Line) -> tuple[float, Line]:
    """(t, u of the right and left side) that bring sac and recesses to what is aimed at; in conflict the sac keeps its class."""
    t, u = np.meshgrid(STEPS, SIDE_STEPS, indexing="ij")
    reached = [recess_height(room, t, u, float(own)) for own in facet]
    sides = np.stack([SIDE_STEPS[np.minimum((side > height).sum(axis=1), len(SIDE_STEPS) - 1)]
                      for side, height in zip(reached, heights, strict=True)], axis=-1)
    areas, bound = sac_area(room, STEPS, sides), AIMS["canal"][room.level][0]
    tight = area < bound
    k = min(_first(areas <= area), len(STEPS) - 1 if tight else OPEN_STEPS)
    own, floor = sides[k], min(bound + KEEP_MM2, area)
    for _ in SIDE_STEPS:
        now = float(sac_area(room, STEPS[k:k + 1], own[None])[0])
        if not tight and now < floor:
            own = np.maximum(own - 0.03, 0)
        elif tight and now > area:
            own = np.minimum(own + 0.03, 1)
        else:
            break
    return float(STEPS[k]), own


def _first(wanted: NDArray[np.bool_]) -> int:
    """The first place where that holds, or the last one."""
    return int(np.argmax(wanted)) if wanted.any() else len(wanted) - 1


def _pair(values: Line) -> tuple[float, float]:
    return float(values[0]), float(values[1])
