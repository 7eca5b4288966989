"""The chance of the discs beside the mid-line: lateral bulges and spurs, zones of herniations, facet joints, ligaments, sclerosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.draw_bone import row_of
from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import DiscSpec, VertebraSpec
from spondyl.phantom.spec_parts import ZONES

JOINT_BY_LEVEL = (0.8, 1.0, 0.75, 0.5, 0.35, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2)
"""How much joints and ligaments grow, from L5/S1 up; most at L4/5 [O]."""
ZONE_RATES = (0.35, 0.21, 0.21, 0.07, 0.07, 0.045, 0.045)
"""Of ZONES [O]."""
T2_BOUNDS_MS = (66.0, 105.0, 165.0)


def wear_of(disc: DiscSpec) -> int:
    """0 for a disc of Pfirrmann I to 4 for V, as drawn; what it is called is measured later."""
    return int(sum(disc.nucleus_t2_ms < bound for bound in T2_BOUNDS_MS)) + int(disc.nucleus_t2_ms < 66 and disc.height_loss >= 0.5)


def shape_joints(
    rng: np.random.Generator, person: Person, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[DiscSpec, ...]:
    """The discs with everything that lies beside and behind them."""
    own = rng.normal(0, 1, 2)
    made = []
    for i, disc in enumerate(discs):
        row = row_of(i, person.lumbar, len(discs))
        leaning = bodies[i].coronal_deg - (bodies[i - 1].coronal_deg if i else 0.0)
        made.append(_disc(rng, disc, person, row, leaning, own))
    return tuple(made)


def _disc(rng: np.random.Generator, disc: DiscSpec, person: Person, row: int, leaning: float, own: np.ndarray) -> DiscSpec:
    """One disc. `leaning` is how much its upper plate is tilted on its lower one: the side that closes is worn more."""
    grade, sides = wear_of(disc), rng.normal(0, 1, (4, 2))
    closing = np.clip(np.array([-leaning, leaning]) / 8, -1, 1)
    facet, flavum = _behind(rng, disc, person, row, own, sides)
    spur = (0.25 + 0.55 * max(grade - 1, 0) + 0.02 * max(person.age - 45, 0)) * rng.gamma(2.0, 0.5) * person.spur
    lateral = np.clip(spur * (1 + 0.25 * sides[2]) * (1 + 0.8 * closing), 0, 12)
    bulge = np.clip(0.35 * disc.bulge_mm[1] + 0.35 * grade + 0.4 * sides[3] + 0.5 * closing, 0, 6)
    herniated = disc.herniation_mm > 0
    zone, width = str(rng.choice(ZONES, p=ZONE_RATES)), float(rng.uniform(9, 18))
    ridge = np.clip((0.3 * max(grade - 1, 0) + 1.5 * disc.height_loss) * rng.gamma(2.0, 0.5) + 0.25 * sides[2] + 0.4 * closing, 0, 6)
    ridge = np.minimum(ridge * person.profile.ridge, 7)
    dense = rng.random() < (0.02, 0.03, 0.08, 0.25, 0.5)[grade] + 0.3 * (3 in disc.modic)
    depth = np.clip(1.0 + rng.gamma(2.0, 1.0, 2), 1.0, 9.0)
    return replace(
        disc, facet_mm=_pair(facet), flavum_mm=_pair(flavum), spurs_lateral_mm=_pair(lateral), bulge_lateral_mm=_pair(bulge),
        ridge_mm=_pair(ridge),
        herniation_zone=zone if herniated else "central", herniation_width_mm=width if herniated else 14.0,
        sclerosis_mm=_pair(depth) if dense else (0.0, 0.0),
    )


def _behind(
    rng: np.random.Generator, disc: DiscSpec, person: Person, row: int, own: np.ndarray, sides: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(facet growth, ligament thickness) in mm, each (right, left): rising with age, wear, slip and loss of height; sides alike."""
    grade, level, age = wear_of(disc), JOINT_BY_LEVEL[row], max(person.age - 35, 0.0)
    here = rng.normal(0, 1, 2)
    growth = level * (0.045 * age + 0.3 * grade + 0.55 * person.wear + 0.3 * own[0] + 0.5 * here[0]) + 1.3 * (disc.slip_mm >= 3)
    facet = np.clip(growth + 0.4 * level**0.5 * sides[0], 0, 8)
    thick = 2.2 + level * (0.034 * age + 0.2 * grade + 0.3 * person.wear + 0.25 * own[1] + 0.3 * here[1] + 1.2 * disc.height_loss)
    flavum = np.clip(thick + 0.25 * sides[1], 1.5, 8)
    return facet, flavum


def _pair(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[1])
