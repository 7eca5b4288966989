"""The chance of one disc: its grade from patient and level, then its disease from its grade.

Rates are those counted in SPIDER's training patients (PHYSICS of this project, section 5; van der Graaf et al. 2024).
"""

from __future__ import annotations

import numpy as np

from spondyl.phantom.spec import DiscSpec, PlateSpec

MEAN_GRADE = (3.35, 3.26, 2.88, 2.73, 2.52, 2.25)
HERNIATION = (0.11, 0.17, 0.04, 0.02, 0.01, 0.01)
SLIP = (0.08, 0.04, 0.02, 0.02, 0.02, 0.01)
BULGING = (0.13, 0.21, 0.59, 0.79, 0.87)
MODIC = (0.03, 0.12, 0.34, 0.47, 0.88)
HERNIATION_BY_GRADE = (0.2, 0.1, 1.0, 1.6, 2.6)
SLIP_BY_GRADE = (0.1, 0.4, 0.5, 1.8, 3.0)
ENDPLATE = (0.08, 0.2, 0.4, 0.6, 0.85)
"""Share with end-plate change, either side [O] (37 % over all discs in the pack)."""
NUCLEUS_MS = (210.0, 129.0, 84.0, 51.0, 44.0)
ANNULUS_MS = (58.0, 55.0, 48.0, 40.0, 36.0)
LOSS = ((0.0, 0.05), (0.0, 0.09), (0.03, 0.27), (0.1, 0.48), (0.52, 0.82))
CORRELATION = 0.48
"""Intraclass correlation of the grade within a patient."""


def draw_grades(rng: np.random.Generator, count: int, shift: float, uniform: bool) -> tuple[int, ...]:
    """Pfirrmann grades from the lowest disc up: one patient effect, then the levels."""
    if uniform:
        return tuple(int(g) for g in rng.integers(1, 6, count))
    patient = rng.normal(0, 1.1 * np.sqrt(CORRELATION))
    means = [MEAN_GRADE[min(i, len(MEAN_GRADE) - 1)] for i in range(count)]
    noise = rng.normal(0, 1.1 * np.sqrt(1 - CORRELATION), count)
    return tuple(int(g) for g in np.clip(np.rint(np.array(means) + shift + patient + noise), 1, 5))


def draw_disc(rng: np.random.Generator, grade: int, from_bottom: int, expected_mm: float, lordotic_deg: float, uniform: bool) -> DiscSpec:
    """A disc of about that grade; what it is called is measured after it is built."""
    k, level = grade - 1, min(from_bottom - 1, 5)
    often = 2.5 if uniform else 1.0
    loss = float(rng.uniform(*LOSS[k]))
    herniated = rng.random() < min(HERNIATION[level] * HERNIATION_BY_GRADE[k] * often, 0.6)
    slips = rng.random() < min(SLIP[level] * SLIP_BY_GRADE[k] * often, 0.5)
    bulging = rng.random() < BULGING[k]
    modic, thickness = _modic(rng, MODIC[k])
    start = float(rng.choice([0.0, 0.0, 0.0, 0.3, 0.5]))
    spur = max(grade - 2, 0) * 0.9
    reach = expected_mm * (1 - loss)
    return DiscSpec(
        expected_mm=expected_mm, height_loss=loss, lordotic_deg=lordotic_deg * (1 - 0.6 * loss),
        nucleus_t2_ms=float(NUCLEUS_MS[k] * np.clip(rng.normal(1, 0.1), 0.82, 1.18)),
        annulus_t2_ms=float(ANNULUS_MS[k] * rng.normal(1, 0.06)),
        homogeneity=float(np.clip(rng.normal((0.95, 0.75, 0.45, 0.35, 0.3)[k], 0.1), 0, 1)),
        bulge_mm=(float(rng.uniform(0.3, 1.2) + 0.35 * k), float(rng.uniform(1.9, 3.4) if bulging else rng.uniform(0.0, 1.0))),
        herniation_mm=float(rng.uniform(4.2, 9.0)) if herniated else 0.0,
        herniation_up=float(rng.normal(-0.15, 0.45)) if herniated else 0.0,
        slip_mm=float(rng.uniform(3.6, 10.0) * (1 if rng.random() < 0.85 else -0.6)) if slips else float(rng.normal(0, 0.6)),
        modic=modic, modic_mm=thickness, modic_span=(start, float(rng.uniform(start + 0.45, 1.0 if start else 1.2))),
        spurs_mm=(float(rng.gamma(1.5, 0.4) + spur * rng.uniform(0.3, 1.2)), float(rng.uniform(0, 0.6) + 0.4 * spur)),
        upper_plate=_plate(rng, ENDPLATE[k], reach), lower_plate=_plate(rng, ENDPLATE[k], reach),
        fissure=float(rng.uniform(0.4, 1.0)) if grade >= 3 and rng.random() < 0.15 else 0.0,
    )


def _modic(rng: np.random.Generator, rate: float) -> tuple[tuple[int, int], tuple[float, float]]:
    """Types 1, 2, 3 at 30:65:5 [O], the same above and below where both are touched."""
    if rng.random() >= rate:
        return (0, 0), (0.0, 0.0)
    kind = int(rng.choice([1, 2, 3], p=[0.3, 0.65, 0.05]))
    above, below = [(True, True), (True, False), (False, True)][int(rng.choice(3, p=[0.6, 0.2, 0.2]))]
    thickness = (float(rng.uniform(3.5, 11)) if above else 0.0, float(rng.uniform(3.5, 11)) if below else 0.0)
    return (kind if above else 0, kind if below else 0), thickness


def _plate(rng: np.random.Generator, rate: float, height_mm: float) -> PlateSpec:
    changed = rng.random() < rate
    node = float(rng.uniform(2.2, 5.5)) if changed and rng.random() < 0.5 else 0.0
    rough = float(rng.uniform(1.1, 2.0)) if changed and node == 0 else float(rng.uniform(0, 0.25))
    hollow = float(np.clip(rng.normal(1.3, 0.4), 0.3, 2.4)) * min(height_mm / 9.0, 1.0)
    return PlateSpec(hollow, rough, node, float(rng.uniform(0.3, 0.75)), float(rng.random()))
