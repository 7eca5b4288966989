"""The chance of a film's grade: discs whose spurs and lost height put the film evenly into grades 0 to 4.

The rule that the measured label follows is `radiograph-0-4/1`: the worst of the classes of the longest spur (1, 2, 4 mm) and of lost height
(10, 20, 33, 66 %), and 4 where both are large. Sizes are spread over each class up to a small margin, so that neighbours nearly touch;
spurs measure about 0.3 mm less on voxels than they are drawn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.draw_person import Person
from spondyl.phantom.spec import DiscSpec, VertebraSpec

SPUR_MM = ((0.0, 0.7), (1.4, 2.05), (2.55, 4.0), (4.65, 7.2), (5.7, 9.0))
LOSS = ((0.0, 0.085), (0.115, 0.185), (0.215, 0.315), (0.35, 0.63), (0.69, 0.85))
LOSS_WITH_SPUR = (0.53, 0.65)
WORST = (0.22, 0.33, 0.22, 0.14, 0.09)
"""Which disc is the worst, from L5/S1 up [O]."""
NUCLEUS_MS = (150.0, 110.0, 85.0, 60.0, 48.0)
OPEN = 1.2
"""How much of a disc's mean height its wedge may take away at the back [O]."""


def grade_film(
    rng: np.random.Generator, person: Person, bodies: tuple[VertebraSpec, ...], discs: tuple[DiscSpec, ...],
) -> tuple[DiscSpec, ...]:
    """The discs of a film whose grade is drawn evenly; the worst is a lumbar one, no other is worse."""
    grade, worst = int(rng.integers(5)), int(rng.choice(5, p=WORST))
    made = []
    for i, disc in enumerate(discs):
        own = grade if i == worst else int(np.clip(grade - rng.geometric(0.45 if i < person.lumbar else 0.7), 0, 4))
        depth = bodies[i].lower_depth_mm
        made.append(_disc(rng, disc, own, depth))
    return tuple(made)


def _disc(rng: np.random.Generator, disc: DiscSpec, grade: int, depth: float) -> DiscSpec:
    """A disc of that grade: by its spurs, by its height, or by both."""
    way = str(rng.choice(["spur", "height", "both"], p=[0.4, 0.3, 0.3]))
    less = int(rng.integers(0, grade + 1)) if grade else 0
    longest = float(rng.uniform(*SPUR_MM[grade if way != "height" else min(less, 3)]))
    loss = float(rng.uniform(*LOSS[grade if way != "spur" else min(less, 3)]))
    if grade == 4 and way == "spur":
        loss = float(rng.uniform(*LOSS_WITH_SPUR))
    if grade < 4 and longest >= 4.8:
        loss = min(loss, 0.45)
    mean = disc.expected_mm * (1 - loss)
    steepest = float(np.degrees(np.arcsin(min(OPEN * mean / depth, 0.9))))
    front, right, left = longest * np.sort(rng.uniform(0.15, 1.0, 3) ** [1.0, 1.3, 1.3])[[2, 0, 1]] / 1.0
    scale = longest / max(front, right, left, 1e-6)
    return replace(
        disc, height_loss=loss, lordotic_deg=min(disc.lordotic_deg, steepest), nucleus_t2_ms=float(NUCLEUS_MS[grade] * rng.normal(1, 0.08)),
        spurs_mm=(float(front * scale), float(min(0.3 * longest * rng.random(), 2.0))),
        spurs_lateral_mm=(float(right * scale), float(left * scale)), sclerosis_mm=_sclerosis(rng, grade),
    )


def _sclerosis(rng: np.random.Generator, grade: int) -> tuple[float, float]:
    above, below = (float(depth) for depth in rng.uniform(1.5, 5.5, 2))
    return (above, below) if rng.random() < (0.0, 0.03, 0.1, 0.5, 0.8)[grade] else (0.0, 0.0)
