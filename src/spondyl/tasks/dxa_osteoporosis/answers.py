"""What is said of bone density, by whom, and for whom: the scanner's report first, then what was measured, then the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import DensitySaid, Finding, InputError, Measurement, Notice, Study
from spondyl.inference.conformal import ordinal_set
from spondyl.metrics import bone_density as rules
from spondyl.metrics.bone_density import CLASSES, Counted
from spondyl.tasks.dxa_osteoporosis.density import Measured
from spondyl.tasks.dxa_osteoporosis.votes import classes, decided, stacked

CLASS, UNRELIABLE = "osteoporosis_class", "unreliable_vertebra"
Z90 = 1.6449
SPINES = ("L1-L4", "L1-L3", "L2-L4", "AP Spine", "Lumbar spine", "Spine")
"""Regions of a report that stand for the spine, the best first; any other one of several lumbar vertebrae comes after them."""
DISAGREES = 0.05
"""A picture whose probability of the reported class is lower contradicts it."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is said of the class.

    Attributes:
        probabilities: (3,), or None where no class is said.
        certain: Whether it is a measurement's own and not for sets to judge.
        measurements, notices: Of how it came about.
    """

    probabilities: NDArray[np.float64] | None
    certain: bool = False
    measurements: tuple[Measurement, ...] = ()
    notices: tuple[Notice, ...] = ()
    undecided: bool = False


@dataclass(slots=True)
class _Parts:
    measurements: list[Measurement] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def answer(study: Study, measured: Mapping[str, Measured], counted: Counted, odds: Mapping[str, NDArray[np.float64]],
           settings: Mapping[str, Any], reference: str) -> Answer:
    """The class, by the best source there is; no class, and no T-score, for people to whom the classes do not apply."""
    picture = classes(stacked(odds, settings["reader"]))[0]
    applies, people = people_notices(study)
    said = spine_said(study.densities)
    if said is not None:
        own = _reported(said, picture, counted, applies)
    elif measured:
        own = _measured(study, measured, counted, settings["calibration"], reference, applies)
    else:
        own = Answer(picture, undecided=int(decided(picture[2:], settings["decide"])[0]) < 0)
    return replace(own, probabilities=own.probabilities if applies else None, notices=(*people, *own.notices))


def spine_said(densities: Sequence[DensitySaid]) -> DensitySaid | None:
    """The report's row for the whole lumbar spine, one with a T-score first."""
    rows = [row for row in densities if row.t_score is not None or row.bmd_g_cm2 is not None]
    several = [row for row in rows if row.region in SPINES or not row.region or "-" in row.region or "+" in row.region]
    place = {name: k for k, name in enumerate(SPINES)}
    return min(several, key=lambda row: (row.t_score is None, place.get(row.region, len(place)), row.region), default=None)


def _reported(said: DensitySaid, picture: NDArray[np.float64], counted: Counted, applies: bool) -> Answer:
    """What the report says. Without a T-score there is no class: the report does not tell whom its machine compares with."""
    parts = _Parts()
    method = f"as the scanner's report says ({said.source}; {said.region or 'spine'})"
    if said.bmd_g_cm2 is not None:
        parts.measurements.append(Measurement("areal_bone_density", said.bmd_g_cm2, "g/cm2", method))
    if said.z_score is not None:
        parts.measurements.append(Measurement("z_score", said.z_score, "SD", method))
    if said.t_score is None or not applies:
        told = "tells a density and no T-score, so no class is said" if said.t_score is None else "tells the density"
        parts.notices.append(Notice("density-from-report", f"the scanner's report ({said.source}) {told}"))
        return Answer(None, True, tuple(parts.measurements), tuple(parts.notices), True)
    parts.measurements.append(Measurement("t_score", said.t_score, "SD", method))
    named = rules.class_of(said.t_score)
    parts.notices.append(Notice("density-from-report", f"the class is that of the T-score in the scanner's report ({said.source}); "
                                                       "the picture was only compared with it"))
    contradicted = picture[CLASSES.index(named)] < DISAGREES
    if contradicted:
        doubt = f"the picture alone does not look like {named}: check that the report is this scan's"
        parts.notices.append(Notice("picture-disagrees", doubt))
    sure = np.array([float(name == named) for name in CLASSES])
    return Answer(sure, True, tuple(parts.measurements), tuple(parts.notices), bool(contradicted or counted.left_out))


def _measured(study: Study, measured: Mapping[str, Measured], counted: Counted, calibration: Mapping[str, Any], reference: str,
              applies: bool) -> Answer:
    parts = _Parts()
    young = rules.reference_named(reference)
    for name, one in measured.items():
        parts.measurements.append(Measurement("areal_bone_density", one.bmd, "g/cm2", "from the calibrated pair of energies", name,
                                              error=Z90 * calibration["vertebra_sd"]))
        parts.measurements.append(Measurement("projected_area", one.area_mm2, "mm2", "of the measured region", name))
    if not counted.vertebrae:
        return Answer(None, True, tuple(parts.measurements), (), True)
    kept = [measured[name] for name in counted.vertebrae]
    mean = rules.weighted_mean([one.bmd for one in kept], [one.area_mm2 for one in kept])
    sd = float(calibration["mean_sd"])
    t = round(rules.t_score(mean, reference), 2)
    named = ", ".join(counted.vertebrae)
    how = f"mean of {named}, from the calibrated pair of energies"
    parts.measurements.append(Measurement("areal_bone_density", mean, "g/cm2", how, error=Z90 * sd))
    if applies:
        parts.measurements.append(Measurement("t_score", t, "SD", f"of {named}, against {young.source}", error=Z90 * sd / young.sd))
    z = z_of(mean, study)
    if z is not None:
        parts.measurements.append(Measurement("z_score", z, "SD", f"of {named}, against NHANES of the same sex and age", error=None))
    parts.notices.append(Notice("density-measured", f"bone density was measured on the calibrated pair of energies ({named}); "
                                                    "the picture was only compared with it"))
    chances = np.array(rules.class_chances(t, sd / young.sd))
    return Answer(chances, True, tuple(parts.measurements), tuple(parts.notices), bool(chances.max() < 0.5))


def z_of(bmd: float, study: Study) -> float | None:
    """The Z-score, where sex and age are known to the table of peers."""
    if study.sex is None or study.age_years is None:
        return None
    try:
        return round(rules.z_score(bmd, study.sex, study.age_years), 2)
    except InputError:
        return None


def class_finding(said: Answer, votes: Mapping[str, NDArray[np.float64]], settings: Mapping[str, Any], image: str, *, doubtful: bool,
                  contributions: Mapping[str, float]) -> Finding:
    """The class as a finding; without a value, and without votes, where none is said."""
    if said.probabilities is None:
        return Finding(CLASS, None, None, refer=True, image=image)
    members = {name: dict(zip(CLASSES, row.tolist(), strict=True)) for name, row in votes.items()}
    p = said.probabilities
    value = CLASSES[int(np.argmax(p))]
    kept = _set(p, value, settings, said.certain)
    spans = 0 < sum(name == CLASSES[2] for name in kept) < len(kept)
    return Finding(CLASS, value, dict(zip(CLASSES, p.tolist(), strict=True)), set=kept, refer=doubtful or said.undecided or spans,
                   members=members, image=image, explanation="cam", contributions=contributions)


def _set(p: NDArray[np.float64], value: str, settings: Mapping[str, Any], certain: bool) -> tuple[str, ...]:
    """The 90 % set: of a measurement the shortest run of classes that holds 90 % of its error's distribution."""
    inside = {*ordinal_set(p, 0.9 - 1e-9 if certain else settings["quantiles"]), CLASSES.index(value)}
    return CLASSES[min(inside):max(inside) + 1]


def people_notices(study: Study) -> tuple[bool, tuple[Notice, ...]]:
    """(whether the WHO classes apply, what must be said of it)."""
    if study.age_years is None:
        return True, (Notice("age-unknown", "the classes hold for women after menopause and men from 50; the age is not known here"),)
    if study.age_years < rules.WHO_AGE:
        said = "the classes hold for women after menopause and men from 50: younger people get no class, and a Z-score where density, " \
               "sex and an age of 21 or more are known"
        return False, (Notice("who-classes-do-not-apply", said),)
    return True, ()
