"""Whether bone density changed: two examinations over the same vertebrae, against the least significant change.

Sources: ISCD official positions, adult, 2019 (least significant change, cross-calibration, worst acceptable precision) and 2023 (fewer than
four vertebrae need a precision of their own). The percentage of the worst acceptable precision is as recalled, unverified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spondyl.metrics.bone_density import LEAST_VERTEBRAE, LSC_FACTOR, REGION, WORST_PRECISION_PERCENT, weighted_mean

GAIN, LOSS, UNCHANGED = "gain", "loss", "no significant change"
MACHINES = ("same", "cross-calibrated")
"""What is known of the machines of two examinations, where something is."""
UNIT = "g/cm2"
WORST_LSC_PERCENT = LSC_FACTOR * WORST_PRECISION_PERCENT
GIVEN, WORST = "given", "ISCD worst acceptable"
"""Where a least significant change comes from: the site's own precision, or, without one, the worst that ISCD accepts."""
DIGITS = 9
"""Differences are compared with the least significant change to so many decimals, so that 0.9277 - 0.9 reaches 0.0277."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Densities of one examination.

    Attributes:
        density: By vertebra.
        counted: Vertebrae that count, from L1 down.
        mean: Over all counted vertebrae, as the examination itself says it, or None.
        unit: Of all of them.
        source: How they were got, in words that follow "was". Two that differ are not compared.
        areas_cm2: Projected area by vertebra; empty where unknown.
    """

    density: Mapping[str, float]
    counted: tuple[str, ...]
    mean: float | None = None
    unit: str = UNIT
    source: str = ""
    areas_cm2: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = [*self.density.values(), *self.areas_cm2.values(), *([] if self.mean is None else [self.mean])]
        if not all(0 < value < float("inf") for value in values):
            raise ValueError(f"densities and areas are positive numbers: {self}")
        if any(name not in REGION for name in self.counted):
            raise ValueError(f"vertebrae that count are of {REGION}: {self.counted}")


@dataclass(frozen=True, slots=True)
class Common:
    """Means of several examinations over the same vertebrae.

    Attributes:
        vertebrae: From L1 down, two or more.
        means: One an examination, in their order.
        method: What kind of mean, in words.
    """

    vertebrae: tuple[str, ...]
    means: tuple[float, ...]
    method: str


@dataclass(frozen=True, slots=True)
class Change:
    """From an earlier to a later examination.

    Attributes:
        common: What was compared, or None where nothing can be.
        change: Later minus earlier, g/cm2.
        change_percent: Of the earlier.
        lsc: Least significant change, g/cm2; None where none holds.
        lsc_percent: The same, of the earlier.
        lsc_from: GIVEN or WORST, "" where there is none.
        verdict: GAIN, LOSS or UNCHANGED; None where there is none.
        provisional: Without a precision of the site: what the verdict would be at the worst precision that ISCD accepts.
        reason: Why there is no verdict, "" where there is one.
    """

    common: Common | None
    change: float | None = None
    change_percent: float | None = None
    lsc: float | None = None
    lsc_percent: float | None = None
    lsc_from: str = ""
    verdict: str | None = None
    provisional: str | None = None
    reason: str = ""


def least_significant_change(rms_sd_g_cm2: float) -> float:
    """2.77 x the precision error, in its unit: two measurements where nothing changed differ by less, 19 times in 20.

    Example:
        >>> round(least_significant_change(0.010), 4)
        0.0277
    """
    return LSC_FACTOR * rms_sd_g_cm2


def over_common(examinations: Sequence[Examination]) -> Common | None:
    """Means over the vertebrae that count in every examination, or None where fewer than two do.

    Where all examinations count the same vertebrae and say their mean, that is it. Else it is the area-weighted mean (total mineral over
    total area) where the areas of all common vertebrae are known, and the plain mean of the common vertebrae where they are not. All
    examinations get the same kind of mean.
    """
    shared = tuple(name for name in REGION if all(name in one.counted for one in examinations))
    means = [one.mean for one in examinations if one.mean is not None and set(one.counted) == set(shared)]
    if len(shared) >= LEAST_VERTEBRAE and len(means) == len(examinations):
        return Common(shared, tuple(means), "mean that each examination gives")
    shared = tuple(name for name in shared if all(name in one.density for one in examinations))
    if len(shared) < LEAST_VERTEBRAE:
        return None
    weighted = all(name in one.areas_cm2 for one in examinations for name in shared)
    plain = [1.0] * len(shared)
    return Common(
        shared,
        tuple(weighted_mean([one.density[name] for name in shared], [one.areas_cm2[name] for name in shared] if weighted else plain)
              for one in examinations),
        "area-weighted mean" if weighted else "plain mean, the areas are not known",
    )


def compare(earlier: Examination, later: Examination, *, machines: str | None = None, rms_sd_g_cm2: float | None = None) -> Change:
    """The change between two examinations, and a verdict where one may be given.

    Args:
        earlier, later: The examinations.
        machines: "same", "cross-calibrated", or None where neither is known.
        rms_sd_g_cm2: Precision error of the site for these vertebrae (`metrics.bone_density.rms_sd`), or None where unknown: the least
            significant change is then 5.3 % of the earlier density, there is no verdict, and `provisional` says what that one gives.
    """
    if machines not in (*MACHINES, None):
        raise ValueError(f"machines are one of {MACHINES} or None, got {machines!r}")
    if earlier.unit != later.unit or earlier.unit != UNIT:
        return Change(None, reason=_units(earlier.unit, later.unit))
    common = over_common((earlier, later))
    if common is None:
        return Change(None, reason=_no_common(earlier, later))
    before, after = common.means
    change = after - before
    percent = 100 * change / before
    if earlier.source != later.source:
        return Change(common, change, percent, reason=f"one density was {earlier.source or 'got in an unknown way'}, the other "
                      f"{later.source or 'got in an unknown way'}: two ways of measuring have no common precision")
    if machines is None:
        return Change(common, change, percent, reason="it is not known that both examinations come from one machine, or from two that were "
                      "cross-calibrated: machines differ by more than bones change")
    return _judged(common, change, percent, rms_sd_g_cm2)


def pairs(count: int) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """(earlier, later, against) of a series: each examination against the first ("baseline") and against the one before ("previous").

    Example:
        >>> pairs(3)
        ((0, 1, ('baseline', 'previous')), (0, 2, ('baseline',)), (1, 2, ('previous',)))
    """
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for later in range(1, count):
        if later == 1:
            found.append((0, 1, ("baseline", "previous")))
        else:
            found += [(0, later, ("baseline",)), (later - 1, later, ("previous",))]
    return tuple(found)


def _judged(common: Common, change: float, percent: float, rms_sd_g_cm2: float | None) -> Change:
    before = common.means[0]
    if rms_sd_g_cm2 is not None:
        lsc = least_significant_change(rms_sd_g_cm2)
        return Change(common, change, percent, lsc, 100 * lsc / before, GIVEN, verdict_of(change, lsc))
    lsc = before * WORST_LSC_PERCENT / 100
    reason = (f"the precision of the site is not known; at the worst that ISCD accepts, {WORST_LSC_PERCENT:.1f} % of the earlier density "
              "would be the least significant change")
    return Change(common, change, percent, lsc, WORST_LSC_PERCENT, WORST, None, verdict_of(change, lsc), reason)


def verdict_of(change: float, lsc: float) -> str:
    """GAIN or LOSS from the least significant change on (ISCD: equal or exceed), UNCHANGED below it."""
    if round(abs(change), DIGITS) < round(lsc, DIGITS):
        return UNCHANGED
    return GAIN if change > 0 else LOSS


def _units(earlier: str, later: str) -> str:
    if earlier != later:
        return f"the units differ: {earlier} and {later}"
    return f"the densities are in {earlier}, and the rules hold for {UNIT}"


def _no_common(earlier: Examination, later: Examination) -> str:
    said = [", ".join(one.counted) or "none" for one in (earlier, later)]
    return f"fewer than two vertebrae count in both examinations and have a density there (earlier: {said[0]}; later: {said[1]})"
