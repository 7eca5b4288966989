"""All the chance of the digital spine: draw a subject, draw an acquisition. Nothing is rendered here.

Sizes, priors and correlations follow the literature named beside them; [O] marks our own conventions.
"""

from __future__ import annotations

import numpy as np

from spondyl.phantom.draw_bone import row_of
from spondyl.phantom.draw_disc import draw_disc, draw_grades
from spondyl.phantom.draw_profiles import PROFILES, Profile, profile_named
from spondyl.phantom.draw_whole import complete
from spondyl.phantom.spec import Acquisition, DiscSpec, SacrumSpec, SoftTissueSpec, SubjectSpec, VertebraSpec

__all__ = ["PROFILES", "Profile", "draw_acquisition", "draw_subject", "profile_named"]

POSTERIOR_MM = (26.3, 27.0, 27.2, 26.8, 25.8, 25.2, 24.0, 23.2, 22.5, 21.8, 21.0, 20.5, 19.9, 19.3, 18.7, 18.2, 17.0)
"""Posterior body height from L5 up; L5 from CT of 196 adults (Cook & Baker 2021), the rest [O] around it."""
DEPTH_MM = (35.0, 35.2, 34.8, 34.2, 33.6, 32.2, 31.0, 29.8, 28.8, 27.6, 26.4, 25.2, 23.8, 22.4, 21.0, 19.4, 18.0)
"""Plate depth from L5 up (Panjabi 1992 and Cook & Baker 2021, rounded)."""
WEDGE_DEG = (6.2, 1.9, -0.1, -1.6, -3.3, -3.4, -3.0, -3.0, -3.0, -3.4, -3.6, -3.8, -3.9, -3.4, -2.6, -1.6, -0.8)
"""Lordotic wedge of the body from L5 up (Masharawi 2010, sexes averaged; thoracic [O])."""
DISC_MM = (11.5, 12.5, 11.0, 10.0, 9.0, 7.5, 6.5, 5.8, 5.2, 4.8, 4.5, 4.4, 4.2, 4.0, 3.8, 3.8, 4.0)
"""Expected disc height from the lowest up [O]."""
DISC_SHARE = (0.31, 0.25, 0.19, 0.15, 0.10)
"""Share of the discs' lordosis by disc, from the lowest up [O]."""


def draw_subject(rng: np.random.Generator, profile: Profile | str = "symptomatic") -> SubjectSpec:
    """A subject of that profile. The same generator state gives the same subject."""
    kind = profile_named(profile) if isinstance(profile, str) else profile
    sex = "F" if rng.random() < kind.women else "M"
    age = float(np.clip(rng.normal(kind.age_mean, kind.age_sd), kind.age_low, kind.age_high))
    lumbar = int(rng.choice([4, 5, 6], p=[kind.four_lumbar, 1 - kind.four_lumbar - kind.six_lumbar, kind.six_lumbar]))
    size = (0.97 if sex == "F" else 1.03) * rng.normal(1, 0.05)
    incidence = rng.normal(53, 10)
    slope = float(np.clip(0.63 * incidence + 4 + rng.normal(0, 4), 18, 56))
    lordosis = 0.85 * slope + 21 + rng.normal(0, 5)  # L1 to S1, lying [O]
    grades = draw_grades(rng, kind.vertebrae, kind.grade_shift + kind.age_slope * (age - kind.age_mean) / 10, kind.uniform)
    discs = _discs(rng, grades, lumbar, size, lordosis - _body_lordosis(), kind)
    sacrum = SacrumSpec(slope, 34.5 * size * rng.normal(1, 0.03),
                        tuple(float(rng.normal(mean, 2.5)) for mean in (7, 5, -5, -12, -16)),  # type: ignore[arg-type]
                        float(rng.uniform(1.5, 3.5) if lumbar == 5 else rng.uniform(3.0, 6.5)))
    midline = SubjectSpec(sex, age, lumbar, sacrum, _vertebrae(rng, kind.vertebrae, lumbar, size, age), discs, _soft(rng, lumbar, size),
                          int(rng.integers(2**31)))
    return complete(midline, float(size), kind)


def _body_lordosis() -> float:
    return float(sum(WEDGE_DEG[:5]))


def _discs(
    rng: np.random.Generator, grades: tuple[int, ...], lumbar: int, size: float, lordosis: float, kind: Profile,
) -> tuple[DiscSpec, ...]:
    share = [DISC_SHARE[row_of(i, lumbar, kind.vertebrae)] for i in range(lumbar)]
    tall = rng.normal(1, 0.12)
    discs = []
    for i, grade in enumerate(grades):
        expected = DISC_MM[row_of(i, lumbar, kind.vertebrae)] * size * tall * rng.normal(1, 0.05)
        angle = lordosis * share[i] / sum(share) + rng.normal(0, 1.5) if i < lumbar else rng.normal(0.5, 1.0)
        discs.append(draw_disc(rng, grade, i + 1, float(max(expected, 3.5)), float(max(angle, -2.0)), kind.uniform))
    return tuple(discs)


def _vertebrae(rng: np.random.Generator, count: int, lumbar: int, size: float, age: float) -> tuple[VertebraSpec, ...]:
    fat = np.clip(0.3 + 0.3 * (age - 20) / 60 + rng.normal(0, 0.06), 0.15, 0.75)
    bodies = []
    for i in range(count):
        row = row_of(i, lumbar, count)
        depth = DEPTH_MM[row] * size * rng.normal(1, 0.02)
        spot = float(rng.uniform(3, 7)) if rng.random() < 0.03 else 0.0
        bodies.append(VertebraSpec(
            posterior_height_mm=float(POSTERIOR_MM[row] * size * rng.normal(1, 0.025)),
            lower_depth_mm=float(depth * rng.normal(1.0, 0.015)),
            upper_depth_mm=float(depth * rng.normal(0.99, 0.015)),
            lordotic_wedge_deg=float(WEDGE_DEG[row] + rng.normal(0, 1.5)),
            wall_mm=(float(rng.uniform(1.2, 2.8)), float(rng.uniform(0.6, 1.8))),
            fat=float(np.clip(fat + rng.normal(0, 0.03), 0.1, 0.8)),
            spinous_mm=(float(rng.normal(24 if row == 0 else 31, 2.5)), float(rng.normal(14 if row == 0 else 22, 2.0))),
            spinous_deg=float(rng.normal(8 + 5 * max(row - 4, 0), 4)),
            haemangioma=(float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.25, 0.75)), spot),
        ))
    return tuple(bodies)


def _soft(rng: np.random.Generator, lumbar: int, size: float) -> SoftTissueSpec:
    canal = rng.normal(14.5, 1.6)
    fat = rng.gamma(4.0, 4.5)
    return SoftTissueSpec(
        canal_mm=tuple(float(max(canal * size * k, 7)) for k in (1.08, 1.0, 0.9)),  # type: ignore[arg-type]
        sac_end=float(rng.normal(1.9, 0.35)),
        conus=float(rng.normal(lumbar - 0.7, 0.45)),
        epidural_mm=(float(rng.uniform(1.5, 6.5)), float(rng.uniform(2.5, 6.5))),
        back_fat_mm=tuple(float(max(fat * k * rng.normal(1, 0.15), 4)) for k in (0.7, 1.1, 1.5)),  # type: ignore[arg-type]
        belly_mm=float(np.clip(rng.normal(115, 25), 65, 190)),
        aorta_mm=(float(rng.uniform(3, 8)), float(rng.uniform(11, 19)) if rng.random() < 0.6 else 0.0),
        bowel_gas=float(rng.uniform(0.0, 0.35)),
        bowel_fat=float(rng.uniform(0.25, 0.7)),
        bladder_mm=float(rng.uniform(18, 38)) if rng.random() < 0.55 else 0.0,
    )


TIMING_MS = {"t1": ((450.0, 720.0), (7.0, 14.0)), "t2": ((2700.0, 4500.0), (80.0, 124.0)), "t2_space": ((1000.0, 1500.0), (120.0, 190.0)),
             "stir": ((3500.0, 5000.0), (40.0, 70.0))}
"""(TR), (TE) ranges; T1 and T2 as in the lumbar pack's protocols, the others [O]."""


def draw_acquisition(rng: np.random.Generator, sequence: str = "t2", crop: str | None = None) -> Acquisition:
    """An acquisition of that sequence.

    Args:
        crop: "none" shows the sacrum and T12, "above_sacrum" cuts the field above S1, "few" shows three or four discs;
            None draws one (82, 9 and 9 %).
    """
    crop = crop or str(rng.choice(["none", "above_sacrum", "few"], p=[0.82, 0.09, 0.09]))
    (tr, te) = (float(rng.uniform(*bounds)) for bounds in TIMING_MS[sequence])
    spacing = float(rng.choice([0.34, 0.47, 0.55, 0.59, 0.625, 0.68, 0.73, 0.82, 0.95]) * rng.normal(1, 0.03))
    height = float(rng.uniform(245, 300)) if crop != "few" else float(rng.uniform(110, 150))
    width = height if rng.random() < 0.55 else height * float(rng.uniform(0.42, 0.85))
    bottom = {"none": rng.uniform(38, 90), "above_sacrum": rng.uniform(-28, -16), "few": rng.uniform(-60, 55)}[crop]
    back = 0.5 if width > 200 else 0.42
    centre = (float((0.5 - back) * width + rng.normal(6 if width > 200 else 2, 8)), float(bottom - height / 2))
    rows, columns = max(int(height / spacing), 64), max(int(width / spacing), 64)
    pad = tuple(int(v) for v in rng.integers(0, 30, 4)) if rng.random() < 0.15 else (0, 0, 0, 0)
    return Acquisition(
        sequence, float(rng.choice([1.5, 3.0])), tr, te, rows, columns, (spacing, spacing), centre,
        float(np.clip(rng.normal(0, 3.5), -10, 10)), float(rng.normal(0, 2.0)), float(rng.uniform(70, 260)),
        float(rng.uniform(8, 45)) if rng.random() < 0.35 else -1.0, float(rng.uniform(0.006, 0.04)), float(rng.uniform(0.45, 0.95)),
        float(rng.uniform(0.75, 1.25)), pad, int(rng.integers(2**31)),  # type: ignore[arg-type]
    )
