"""The chance of a curved spine: coronal tilts and the axial turns that go with them, smooth over the levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import DiscSpec, VertebraSpec

Line = NDArray[np.float64]
ROOM = 0.75
"""Share of a disc's height that its lower side may lose to the tilt of its plates [O]."""
REACH_PER_DEG = 0.075
"""Half length of a curve in levels for each degree: no two vertebrae tilt by more than about 11 degrees on one another [O]."""
STEP_DEG = 15.0
"""No vertebra tilts further on the one below [O]."""
MOST_DEG = 44.0
"""No vertebra is tilted further (a spec beyond 45 degrees is refused)."""


def curve_spine(
    rng: np.random.Generator, person: Person, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[VertebraSpec, ...]:
    """The vertebrae with their coronal and axial turns. The sacrum stays level."""
    cobb = _cobb(rng, person)
    line, turn = _shape(rng, len(bodies), person, cobb)
    tilts = _fit(line, cobb, bodies, discs)
    angle = float(np.ptp(np.concatenate([[0.0], tilts])))
    axial = turn * angle * rng.uniform(0.15, 0.4)
    return tuple(replace(body, coronal_deg=float(c), axial_deg=float(a)) for body, c, a in zip(bodies, tilts, axial, strict=True))


def _cobb(rng: np.random.Generator, person: Person) -> float:
    """The largest difference of tilts, degrees: most people 0 to 8, the others from the profile's range; more with age in adults [O]."""
    kind = person.profile
    small, share, large = min(abs(rng.normal(0, 3.2)), 9.5), rng.random(), rng.beta(1.1, 1.9)
    older = float(np.exp(0.04 * (person.age - kind.age_mean) - (0.04 * kind.age_sd) ** 2 / 2)) if kind.scoliosis < 0.5 else 1.0
    if share >= min(kind.scoliosis * older, 0.95):
        return float(small)
    return float(kind.cobb_low + large * (kind.cobb_high - kind.cobb_low))


def _shape(rng: np.random.Generator, count: int, person: Person, cobb: float) -> tuple[Line, Line]:
    """(tilts, turns) of a curve of about unit size at the vertebrae from the lowest up; C or S shaped.

    Thoracic curves bulge mostly to the right (9 in 10 [O]); lumbar ones to either side. The front turns toward the bulge. The pelvis
    holds the lowest ones, and large curves are long.
    """
    level = np.arange(count, dtype=np.float64)
    thoracic = count > 12 and rng.random() < 0.6
    apex = person.lumbar + rng.uniform(3.0, 5.5) if thoracic else rng.uniform(1.6, person.lumbar + 0.6)
    side = (1.0 if rng.random() < 0.9 else -1.0) if thoracic else (1.0 if rng.random() < 0.45 else -1.0)
    reach = max(rng.uniform(2.6, 3.8) if thoracic else rng.uniform(2.0, 3.0), cobb * REACH_PER_DEG)
    tilt, turn = _bow(level, apex, reach, side)
    double, share = rng.random() < 0.45, rng.uniform(0.5, 0.95)
    other = apex - 2 * reach if thoracic else apex + 2 * reach
    if double and 0.5 < other < count - 1:
        more, twist = _bow(level, float(other), reach, -side * share)
        tilt, turn = tilt + more, turn + twist
    held = np.clip((level + 1) / 3, 0, 1)
    return tilt * held, turn * held


def _bow(level: Line, apex: float, reach: float, side: float) -> tuple[Line, Line]:
    """One curve: tilts rise to the lower end vertebra, fall through zero at the apex, and die out beyond the ends."""
    s = (level - apex) / reach
    tilt = np.where(np.abs(s) <= 1, -np.sin(np.pi / 2 * s), -np.sign(s) * np.exp(-((np.abs(s) - 1) / 0.8) ** 2))
    return side * tilt, -side * np.exp(-(s**2))


def _fit(line: Line, cobb: float, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...]) -> Line:
    """The tilts scaled to that Cobb angle; a disc too low for its share of the turn hands the rest to its neighbours."""
    steps = np.diff(np.concatenate([[0.0], line]))
    heights = np.array([disc.expected_mm * (1 - disc.height_loss) for disc in discs])
    halves = np.array([body.width_mm[0] / 2 for body in bodies])
    limit = np.minimum(np.degrees(np.arctan2(ROOM * heights, halves)), STEP_DEG)
    tilts = line
    for _ in range(8):
        size = float(np.ptp(np.concatenate([[0.0], tilts])))
        steps = np.clip(steps * cobb / max(size, 1e-6), -limit, limit)
        tilts = np.cumsum(steps)
    return np.clip(tilts, -MOST_DEG, MOST_DEG)
