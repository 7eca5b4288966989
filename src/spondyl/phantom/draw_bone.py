"""The chance of bone: widths of the plates, mineral, fractures and dense lesions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spondyl.phantom.draw_person import Person
from spondyl.phantom.solid.density import trabecular_for
from spondyl.phantom.spec import SubjectSpec, VertebraSpec
from spondyl.phantom.spec_parts import FractureSpec, LesionSpec

LOWER_WIDTH_MM = (49.4, 49.5, 48.0, 45.5, 43.3, 42.1, 39.1, 35.4, 33.0, 30.5, 29.1, 28.2, 27.0, 26.0, 25.9, 27.4, 27.8)
UPPER_WIDTH_MM = (47.3, 46.6, 44.1, 42.6, 41.2, 39.0, 34.9, 31.9, 30.6, 29.5, 27.8, 26.2, 24.9, 24.5, 24.6, 24.9, 24.5)
"""Widths of the plates in mm from L5 up to T1 (Panjabi 1992, as given in the project's physics sheet, unverified; thoracic rows recalled
from Panjabi 1991, unverified)."""
WIDTH_BY_SEX = {"F": 0.978, "M": 1.023}
"""Beyond body size: women's plates are 0.90 of men's, their heights 0.96 (Cook & Baker 2021)."""
FRACTURE_LEVEL = (0.4, 0.8, 0.9, 0.9, 1.7, 1.9, 0.9, 0.6, 0.7, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.05)
"""Weight of each level from L5 up: most at T12 and L1, again at L3-L4 and T7-T8 [O]."""
BMD_RISK, AGE_RISK = 0.7, 0.05
"""Log risk of a fracture for each SD of lost density and each year of age [O] (relative risk about 2 for an SD)."""


def row_of(index: int, lumbar: int, count: int) -> int:
    """Row of the tables (0 is L5, 5 is T12) for the vertebra `index` of a spine of `count`: other counts of lumbar ones are stretched."""
    return min(index - lumbar + 5, count - 1, 16) if index >= lumbar else round(index * 4 / (lumbar - 1))


def shape_bones(rng: np.random.Generator, spec: SubjectSpec, person: Person) -> tuple[VertebraSpec, ...]:
    """The vertebrae with widths, mineral, fractures and lesions."""
    count = len(spec.vertebrae)
    wide = person.size * WIDTH_BY_SEX[person.sex] * rng.normal(1, 0.03)
    deep = float(np.mean([body.lower_depth_mm + body.upper_depth_mm for body in spec.vertebrae[max(spec.lumbar - 4, 0):spec.lumbar]])) / 2
    trabecular, cortex = mineral_of(person.bmd_g_cm2, deep)
    bodies = []
    for i, body in enumerate(spec.vertebrae):
        row = row_of(i, spec.lumbar, count)
        lower, upper = (table[row] * wide * rng.normal(1, 0.02) for table in (LOWER_WIDTH_MM, UPPER_WIDTH_MM))
        denser = 1 + 0.012 * max(row - 4, 0)
        bodies.append(replace(
            body, width_mm=(float(lower), float(upper)),
            trabecular_mg_cm3=float(np.clip(trabecular * denser * rng.normal(1, 0.03), 15, 330)),
            cortex_mm=float(np.clip(cortex * rng.normal(1, 0.04), 0.15, 0.9)),
        ))
    return _lesions(rng, _fractures(rng, tuple(bodies), person), person)


def mineral_of(bmd_g_cm2: float, depth_mm: float = 34.5) -> tuple[float, float]:
    """(trabecular mineral in mg/cm3, thickness of the shell in mm) of plates that deep, for that areal density of L1-L4.

    The shell loses 7 % for a tenth of areal density [O]; the spongy bone holds the rest, by the relation fitted on built volumes.
    """
    shell = 0.42 * (max(bmd_g_cm2, 0.3) / 1.047) ** 0.7
    return trabecular_for(bmd_g_cm2, shell, depth_mm), shell


def _fractures(rng: np.random.Generator, bodies: tuple[VertebraSpec, ...], person: Person) -> tuple[VertebraSpec, ...]:
    """Compression fractures: rarer than the profile's rate in dense and young bone, oftener and worse in the others."""
    years = np.clip(person.age - person.profile.age_mean, -40, 40)
    spread = BMD_RISK**2 / 2 + (AGE_RISK * person.profile.age_sd) ** 2 / 2
    risk = float(np.exp(-BMD_RISK * np.clip(person.bmd_z, -3, 3) + AGE_RISK * years - spread))
    hit, further = rng.random(), rng.random()
    weights = np.array([FRACTURE_LEVEL[row_of(i, person.lumbar, len(bodies))] for i in range(len(bodies))])
    order = rng.choice(len(bodies), size=3, replace=False, p=weights / weights.sum())
    losses = 0.2 + rng.gamma(1.6, 0.07 + 0.02 * np.clip(-person.bmd_z, 0, 3), 3)
    kinds = rng.choice(["wedge", "biconcave", "crush"], 3, p=[0.5, 0.35, 0.15])
    steps = rng.uniform(1.0, 4.0, 3)
    if hit >= min(person.profile.fracture * risk, 0.95):
        return bodies
    count = 1 + (further < 0.3 * min(risk, 2)) + (further < 0.1 * min(risk, 2))
    broken = list(bodies)
    for i, loss, kind, step in list(zip(order, losses, kinds, steps, strict=True))[:count]:
        broken[i] = replace(broken[i], fracture=FractureSpec(str(kind), float(np.clip(loss, 0.2, 0.65)), float(step)))
    return tuple(broken)


def _lesions(rng: np.random.Generator, bodies: tuple[VertebraSpec, ...], person: Person) -> tuple[VertebraSpec, ...]:
    """Dense spots: one, sometimes up to three."""
    hit, count = rng.random(), 1 + int(rng.choice(3, p=[0.75, 0.15, 0.1]))
    where = rng.choice(len(bodies), size=count, replace=False)
    spots = [_spot(rng) for _ in where]
    if hit >= person.profile.lesion:
        return bodies
    dense = list(bodies)
    for i, spot in zip(where, spots, strict=True):
        dense[i] = replace(dense[i], lesion=spot)
    return tuple(dense)


def _spot(rng: np.random.Generator) -> LesionSpec:
    u, v, w = (float(value) for value in rng.uniform(-0.55, 0.55, 3))
    return LesionSpec((u, v, w), float(rng.uniform(3.0, 9.0)))
