"""Rules of reading bone density: references, T-scores, WHO classes, which vertebrae count, and what is a change.

Sources as the project's physics sheet gives them: WHO technical report 843 (1994); ISCD official positions, adult, 2019 and 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, NotFoundError, describe_unknown

CLASSES = ("normal", "osteopenia", "osteoporosis")
REGION = ("L1", "L2", "L3", "L4")
OSTEOPENIA_T, OSTEOPOROSIS_T = -1.0, -2.5
WHO_AGE = 50.0
"""From which age the classes hold [O: 50 stands for menopause]."""
NEIGHBOUR_T = 1.0
"""A vertebra that differs from its neighbour by more may be left out (ISCD)."""
LEAST_VERTEBRAE = 2
LSC_FACTOR = 2.77
"""1.96 x sqrt(2): what two measurements differ by with 95 % confidence where nothing changed, in units of the precision error (ISCD)."""
WORST_PRECISION_PERCENT = 1.9
"""ISCD's worst acceptable precision error of a technologist at the spine; x 2.77 is an LSC of 5.3 % (as recalled, unverified)."""


@dataclass(frozen=True, slots=True)
class DxaReference:
    """Young adults that a T-score compares with.

    Attributes:
        name: How results name it.
        mean, sd: g/cm2 of L1 to L4.
        source: Where the two numbers come from.
    """

    name: str
    mean: float
    sd: float
    source: str


REFERENCES = {row.name: row for row in (
    DxaReference("nhanes-women-21-30", 1.064, 0.106, "NHANES, women of 21 to 30 years, Hologic (PMC12995607 table 3)"),
    DxaReference("hologic", 1.047, 0.110, "Hologic spine (as given in the project's physics sheet, unverified)"),
    DxaReference("ge", 1.18, 0.12, "GE Lunar spine (as given in the project's physics sheet, unverified)"),
)}
DEFAULT_REFERENCE = "nhanes-women-21-30"

PEERS = {  # NHANES, Hologic, spine, mean (SD) g/cm2 at 25, 35, ... 75 years (PMC12995607 table 3); an SD of None is taken from the women's
    "F": ((1.064, 0.106), (1.065, 0.110), (1.056, 0.134), (0.993, 0.141), (0.952, 0.142), (0.902, 0.167)),
    "M": ((1.057, 0.110), (1.042, None), (1.051, None), (1.053, None), (1.070, None), (1.068, 0.177)),
}
PEER_AGES = (25.0, 35.0, 45.0, 55.0, 65.0, 75.0)


def reference_named(name: str) -> DxaReference:
    """The reference of that name.

    Raises:
        NotFoundError: If there is none; the sentence offers the nearest one.
    """
    if name not in REFERENCES:
        raise NotFoundError("unknown-reference", describe_unknown("BMD reference", name, REFERENCES))
    return REFERENCES[name]


def t_score(bmd_g_cm2: float, reference: str = DEFAULT_REFERENCE) -> float:
    """(BMD - mean) / SD of one named reference."""
    young = reference_named(reference)
    return (bmd_g_cm2 - young.mean) / young.sd


def z_score(bmd_g_cm2: float, sex: str, age_years: float) -> float:
    """(BMD - mean) / SD of people of that sex and age: NHANES by decade, read between the decades' middles.

    Raises:
        InputError: `no-peers` for a sex or age that the table does not have.
    """
    if sex not in PEERS or not 21 <= age_years <= 80:
        raise InputError("no-peers", f"peers are known for F and M of 21 to 80 years, not for {sex!r} of {age_years:g}",
                         "Give sex and age, or read the T-score")
    means, sds = zip(*PEERS[sex], strict=True)
    filled = [own if own is not None else PEERS["F"][k][1] for k, own in enumerate(sds)]
    return float((bmd_g_cm2 - np.interp(age_years, PEER_AGES, means)) / np.interp(age_years, PEER_AGES, [float(s or 0) for s in filled]))


def class_of(t: float) -> str:
    """WHO class of a T-score: normal from -1.0 up, osteoporosis from -2.5 down."""
    return CLASSES[0] if t >= OSTEOPENIA_T else CLASSES[1] if t > OSTEOPOROSIS_T else CLASSES[2]


def who_class(t: float, age_years: float) -> str | None:
    """WHO class, or None for people to whom the classes do not apply."""
    return None if age_years < WHO_AGE else class_of(t)


def class_chances(t: float, sd: float) -> tuple[float, float, float]:
    """Chance of each class where the T-score is known with a Gaussian error of that standard deviation (above 0)."""
    low, high = (0.5 * (1 + erf((cut - t) / (sd * sqrt(2)))) for cut in (OSTEOPOROSIS_T, OSTEOPENIA_T))
    return 1 - high, high - low, low


@dataclass(frozen=True, slots=True)
class Counted:
    """Which vertebrae make up the measurement, and why the others do not.

    Attributes:
        vertebrae: From L1 down; empty where fewer than two remain.
        left_out: By vertebra, in words.
        apart: Pairs of counted neighbours whose T-scores differ by more than 1.0; the reader may leave one out.
    """

    vertebrae: tuple[str, ...]
    left_out: Mapping[str, str]
    apart: tuple[tuple[str, str], ...]


def counted(t_scores: Mapping[str, float], changed: Mapping[str, str]) -> Counted:
    """The reading rules of ISCD: changed vertebrae do not count, neighbours that differ by more than 1.0 T are named, two must remain.

    Args:
        t_scores: Of each vertebra of L1 to L4 that was measured.
        changed: Vertebrae with structural change or artefact, and what it is.
    """
    kept = [name for name in REGION if name in t_scores and name not in changed]
    order = [name for name in REGION if name in t_scores]
    pairs = [(a, b) for a, b in pairwise(order) if a in kept and b in kept]
    apart = tuple((a, b) for a, b in pairs if abs(t_scores[a] - t_scores[b]) > NEIGHBOUR_T)
    left = {name: why for name, why in changed.items() if name in t_scores}
    return Counted(tuple(kept) if len(kept) >= LEAST_VERTEBRAE else (), left, apart)


def weighted_mean(values: Sequence[float], areas: Sequence[float]) -> float:
    """Mean BMD of several vertebrae: total mineral over total area."""
    return float(np.average(np.asarray(values), weights=np.asarray(areas)))


def rms_sd(repeats: Sequence[NDArray[np.floating]]) -> float:
    """Precision error of a site: root of the mean of the subjects' variances (n - 1 each).

    Args:
        repeats: For each subject of the precision study its repeated measurements, two or more.
    """
    return float(np.sqrt(np.mean([np.var(own, ddof=1) for own in repeats])))


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """(PPV, NPV) of a test at that prevalence, by Bayes; NaN where nobody is called so."""
    true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    missed, right = (1 - sensitivity) * prevalence, specificity * (1 - prevalence)
    return (true / (true + false) if true + false else float("nan"), right / (right + missed) if right + missed else float("nan"))
