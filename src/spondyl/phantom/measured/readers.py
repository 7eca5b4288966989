"""What a reader would write: the truth with published reader noise, so that a cohort has a floor as real labels have.

Noise goes onto the number behind a label, then the same rule is applied. For stenosis its size was solved once so that two readers of a
cohort with RSNA's prevalences agree with a linear weighted kappa of 0.73 (canal), 0.58 (foramen) and 0.49 (subarticular): Lurie 2008, as
given in the project's physics sheet, unverified; which weights that paper used is not known here. The numbers of that cohort are taken as
log-normal (sac area, recess height) or normal (openness of a foramen), with the spread that the prevalences imply [O]. The noise on the
sac's area then gives an ICC of 0.94 between readers (NORDSTEN 2021: 0.86 to 0.96). Every other size here is ours [O].
"""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt
from typing import Any

import numpy as np

from spondyl.phantom.measured.alignment import aasce_of, find_curves
from spondyl.phantom.measured.bodies import coronal_tilt
from spondyl.phantom.measured.density import spine_density
from spondyl.phantom.measured.film_records import Box, FilmDisc, FilmTruth
from spondyl.phantom.measured.records import DiscSpaceTruth, Points, SpurTruth, StenosisTruth, SubjectTruth, VertebraTruth
from spondyl.phantom.measured.rules import (
    CROWDED,
    DEFORMED_LOSS,
    GAP_MM,
    RECESS_MM,
    ROOT_KEPT,
    SAC_MM2,
    TIE_MM2,
    genant_grade,
    genant_kind,
    meyerding_grade,
    radiograph_grade,
    wilke_class,
)
from spondyl.phantom.truth import labels

SAC_NOISE, RECESS_NOISE, OPENNESS_NOISE = 0.145, 0.334, 0.46
"""Standard deviations: of the logarithm of the sac's area, of the recess's height, and of a foramen's openness."""
T2_NOISE = 0.138
"""Of the logarithm of the nucleus T2: two readers of Pfirrmann grades then agree with a plain kappa of about 0.6 [O]."""
DISC_NOISE = {"height_loss": 0.04, "rim_mm": 0.4, "focal_mm": 0.6, "slip_mm": 0.7, "upper_pit_mm": 0.3, "lower_pit_mm": 0.3}
MODIC_NOISE, SPUR_NOISE_MM, GENANT_NOISE, CORNER_NOISE_MM, BMD_NOISE = 0.35, 0.5, 0.025, 0.7, 0.012
"""Modic area (logarithm), spur length, vertebral height loss, position of a marked corner, BMD (coefficient of variation)."""
BOX_NOISE, MISSED = 0.06, 0.06
"""Of a box's edges, as a share of its size; and the share of findings on a film that a reader passes over."""


def read(truth: SubjectTruth, rng: np.random.Generator) -> SubjectTruth:
    """One reader's labels of a subject. The same generator state gives the same reading."""
    vertebrae = tuple(_vertebra(one, rng) for one in truth.vertebrae)
    density = spine_density(vertebrae, truth.age_years) if truth.density else None
    return replace(
        truth, discs=tuple(_disc(one, rng) for one in truth.discs), vertebrae=vertebrae,
        stenosis=tuple(read_stenosis(one, rng) for one in truth.stenosis), curves=find_curves(vertebrae), aasce_deg=aasce_of(vertebrae),
        density=density, source="read",
    )


def read_stenosis(one: StenosisTruth, rng: np.random.Generator) -> StenosisTruth:
    """One reader's grade; `numbers` gains what the reader judged it by."""
    noise = float(rng.standard_normal())
    if one.condition == "spinal_canal_stenosis":
        judged = seen_area(one.numbers["sac_area_mm2"], one.numbers["root_share"]) * float(np.exp(SAC_NOISE * noise))
        limits, name = SAC_MM2, "read_sac_area_mm2"
    elif one.condition == "subarticular_stenosis":
        judged = seen_recess(one.numbers["recess_height_mm"], one.numbers["root_kept"]) * float(np.exp(RECESS_NOISE * noise))
        limits, name = RECESS_MM, "read_recess_height_mm"
    else:
        judged, limits, name = openness(one) + OPENNESS_NOISE * noise, (2.0, 1.0), "read_openness"
    return replace(one, grade=sum(judged < limit for limit in limits), numbers=one.numbers | {name: judged})


def chances(one: StenosisTruth) -> tuple[float, float, float]:
    """How often readers write normal or mild, moderate, severe of it: `read_stenosis` over all readers, in closed form. They sum to 1."""
    if one.condition == "spinal_canal_stenosis":
        judged, noise, limits = np.log(seen_area(one.numbers["sac_area_mm2"], one.numbers["root_share"])), SAC_NOISE, np.log(SAC_MM2)
    elif one.condition == "subarticular_stenosis":
        height = seen_recess(one.numbers["recess_height_mm"], one.numbers["root_kept"])
        judged, noise, limits = np.log(height) if height > 0 else -np.inf, RECESS_NOISE, np.log(RECESS_MM)
    else:
        judged, noise, limits = openness(one), OPENNESS_NOISE, np.array((2.0, 1.0))
    mild, severe = (_below((limit - judged) / noise) for limit in limits)
    return 1 - mild, mild - severe, severe


def _below(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * (1 + erf(float(z) / sqrt(2)))


def seen_area(area_mm2: float, root_share: float) -> float:
    """The sac's area, moved to the side of a threshold on which its roots put it, mm2."""
    for limit, crowded in zip(SAC_MM2, CROWDED, strict=True):
        if abs(area_mm2 - limit) < TIE_MM2:
            return min(area_mm2, limit - 1e-6) if root_share >= crowded else max(area_mm2, limit)
    return area_mm2


def seen_recess(height_mm: float, root_kept: float) -> float:
    """The recess's height, lowered below the severe threshold where its root is flattened, mm."""
    return min(height_mm, RECESS_MM[1] * root_kept / ROOT_KEPT * (1 - 1e-9)) if root_kept < ROOT_KEPT else height_mm


def openness(one: StenosisTruth) -> float:
    """A foramen on one scale: 2 and more with fat beside the root (the more the higher), 1 to 2 moderate, below 1 severe."""
    spare = [one.numbers["spare_front_back_mm"], one.numbers["spare_up_down_mm"]]
    if one.grade == 0:
        return 2.1 + 0.55 * float(np.clip(max(spare) - 2 * GAP_MM, 0, 3))
    deformed = max(-min(spare), 0.0) / (DEFORMED_LOSS * one.numbers["root_mm"])
    return float(np.clip(2 - deformed, 1.0, 1.9) if one.grade == 1 else np.clip(2 - deformed, 0.0, 0.95))


def read_film(film: FilmTruth, rng: np.random.Generator) -> FilmTruth:
    """One reader's boxes on a film: some passed over, all a little off, none beyond the film."""
    kept = [one for one in film.boxes if rng.random() >= MISSED]
    boxes = tuple(replace(one, box=_jittered(one.box, film.shape, rng)) for one in kept)
    discs: tuple[FilmDisc, ...] = tuple(replace(one, box=_jittered(one.box, film.shape, rng)) for one in film.discs)
    return replace(film, boxes=boxes, discs=discs, abnormal=bool(boxes))


def _jittered(box: Box, shape: tuple[int, int], rng: np.random.Generator) -> Box:
    x0, y0, x1, y1 = box
    dx0, dy0, dx1, dy1 = np.clip(rng.standard_normal(4), -3, 3) * BOX_NOISE * np.array([x1 - x0, y1 - y0] * 2)
    return max(x0 + dx0, 0.0), max(y0 + dy0, 0.0), min(x1 + dx1, float(shape[1])), min(y1 + dy1, float(shape[0]))


def _disc(one: DiscSpaceTruth, rng: np.random.Generator) -> DiscSpaceTruth:
    n = dict(one.numbers)
    n["nucleus_t2_ms"] *= float(np.exp(T2_NOISE * rng.standard_normal()))
    n["modic_area_mm2"] *= float(np.exp(MODIC_NOISE * rng.standard_normal()))
    for name, size in DISC_NOISE.items():
        noise = size * float(rng.standard_normal())
        n[name] += noise if name != "focal_mm" or n[name] > 0 else 0.0
    n["slip_share"] += (n["slip_mm"] - one.numbers["slip_mm"]) * one.numbers["slip_share"] / (one.numbers["slip_mm"] or 1.0)
    spurs = tuple(_spur(spur, rng) for spur in one.spurs)
    n["longest_spur_mm"] = max((spur.length_mm for spur in spurs), default=0.0)
    loss = n["height_loss"]
    found: dict[str, Any] = dict(labels(n))
    return replace(
        one, **found, numbers=n, height_loss=loss, height_mm=max(one.height_mm - (loss - one.height_loss) * one.expected_mm, 0.0),
        wilke=wilke_class(loss), slip_mm=n["slip_mm"], slip_percent=100 * n["slip_share"],
        meyerding=meyerding_grade(n["slip_mm"], n["slip_share"]), spurs=spurs, grade=radiograph_grade(n["longest_spur_mm"], loss),
        corners_mm=_moved(one.corners_mm, rng),
    )


def _spur(spur: SpurTruth, rng: np.random.Generator) -> SpurTruth:
    length = max(spur.length_mm + SPUR_NOISE_MM * float(rng.standard_normal()), 0.1)
    base, tip = np.array(spur.base_mm), np.array(spur.tip_mm)
    x, y, z = base + (tip - base) * length / spur.length_mm
    return replace(spur, length_mm=length, tip_mm=(float(x), float(y), float(z)))


def _vertebra(one: VertebraTruth, rng: np.random.Generator) -> VertebraTruth:
    noise = GENANT_NOISE * rng.standard_normal(3)
    losses = [float(1 - now / was + off) for now, was, off in zip(one.heights_mm, one.expected_mm, noise, strict=True)]
    front, middle, rear = (was * (1 - loss) for was, loss in zip(one.expected_mm, losses, strict=True))
    grade = genant_grade(max(losses), one.numbers["plate_departure_mm"])
    bmd = 1 + BMD_NOISE * float(rng.standard_normal())
    coronal = _moved(one.coronal_mm, rng)
    return replace(
        one, heights_mm=(front, middle, rear), genant=grade, genant_kind=genant_kind((losses[0], losses[1], losses[2]), grade),
        corners_mm=_moved(one.corners_mm, rng), coronal_mm=coronal, tilt_deg=coronal_tilt(coronal),
        bmd_g_cm2=one.bmd_g_cm2 and one.bmd_g_cm2 * bmd, bmc_g=one.bmc_g and one.bmc_g * bmd,
    )


def _moved(points: Points, rng: np.random.Generator) -> Points:
    moved = np.array(points) + CORNER_NOISE_MM * rng.standard_normal((len(points), 3))
    return tuple((float(x), float(y), float(z)) for x, y, z in moved)
