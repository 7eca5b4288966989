"""What was aimed at before anything was trained, and whether the figures reach it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spondyl.lab.films.words import figure_text, interval_of, part
from spondyl.metrics.intervals import Interval

LESION_CLASSES = 7


@dataclass(frozen=True, slots=True)
class Aim:
    """One number to reach.

    Attributes:
        words: What is measured.
        measured: The figure, or None where it was not measured.
        bound: The aim.
        upper: Whether the figure should be at most `bound`; else at least.
        percent, signed: How the figure is written.
        remark: What a reader must know beside it.
    """

    words: str
    measured: Interval | None
    bound: float
    upper: bool = False
    percent: bool = False
    signed: bool = False
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the estimate reaches the aim; None where nothing was measured."""
        return None if self.measured is None else self._reaches(self.measured.estimate)

    @property
    def verdict(self) -> str:
        """ "met", "missed" or "not measured", and whether the interval would also allow the other answer."""
        if self.measured is None or self.met is None:
            return "not measured"
        ends = [self._reaches(end) for end in (self.measured.low, self.measured.high) if math.isfinite(end)]
        doubt = ", the interval allows either" if any(end != self.met for end in ends) else ""
        return ("met" if self.met else "missed") + doubt

    @property
    def bound_text(self) -> str:
        """The aim as it is written in a table."""
        value = f"{100 * self.bound:.0f} %" if self.percent else f"{self.bound:{'+' if self.signed and self.bound else ''}g}"
        return f"{'at most' if self.upper else 'at least'} {value}"

    @property
    def figure_text(self) -> str:
        """The figure with its interval."""
        return figure_text(None if self.measured is None else (self.measured.estimate, self.measured.low, self.measured.high),
                           self.percent, self.signed)

    def _reaches(self, value: float) -> bool:
        return value <= self.bound if self.upper else value >= self.bound


def aims(metrics: Mapping[str, Any]) -> tuple[Aim, ...]:
    """The aims of the task in `metrics["task"]`, in the order of its card; none for a task that has none."""
    task = metrics.get("task")
    own = _lesion_aims(metrics) if task == "xray-lesions" else _grade_aims(metrics) if task == "xray-grade" else ()
    return (*own, *_shared_aims(metrics)) if own else ()


def above_floor(scores: Mapping[str, Any]) -> Interval | None:
    """ECE minus what a perfect model would show on as many films: as it was measured, or from the two figures without an interval."""
    if (known := interval_of(scores.get("ece_above_floor"))) is not None:
        return known
    ece, floor = interval_of(scores.get("ece")), interval_of(scores.get("ece_floor"))
    return None if ece is None or floor is None else Interval(ece.estimate - floor.estimate, float("nan"), float("nan"))


def _lesion_aims(metrics: Mapping[str, Any]) -> tuple[Aim, ...]:
    scores = part(metrics, "test", "scores")
    seen = sum(interval_of(row) is not None for row in part(metrics, "test", "classes").values())
    some = f"{seen} of {LESION_CLASSES} classes occur in the test split" if 0 < seen < LESION_CLASSES else ""
    return (
        Aim("AUROC, abnormal or not", interval_of(scores.get("auroc")), 0.95),
        Aim("ECE above its floor", above_floor(scores), 0.01, upper=True),
        Aim("student minus ensemble", interval_of(part(metrics, "test", "paired").get("student_minus_ensemble")), -0.01, signed=True),
        Aim("mAP@0.5 over 7 lesion classes", interval_of(scores.get("map50")), 0.55, remark=some),
    )


def _grade_aims(metrics: Mapping[str, Any]) -> tuple[Aim, ...]:
    scores = part(metrics, "test", "scores")
    return (
        Aim("balanced accuracy", interval_of(scores.get("balanced_accuracy")), 0.70),
        Aim("quadratic kappa", interval_of(scores.get("quadratic_kappa")), 0.88),
    )


def _shared_aims(metrics: Mapping[str, Any]) -> tuple[Aim, ...]:
    paired = part(metrics, "test", "paired", "ensemble_minus_best_member")
    best = f"best member: {paired['member']}" if paired.get("member") else ""
    trust = part(metrics, "trust")
    near = figure_text(trust.get("pointing_one_box"), percent=True)
    spare = "" if interval_of(trust.get("pointing_one_box")) is None else f"half a map cell beside it allowed: {near}"
    return (
        Aim("ensemble minus its best member, paired", interval_of(paired or None), 0.0, signed=True, remark=best),
        Aim("the map's peak lies in the lesion, films with one", interval_of(trust.get("pointing_one_box_strict")), 0.80, percent=True,
            remark=spare),
        Aim("twins whose probability falls beyond the placebo's", interval_of(trust.get("twins_fall")), 0.95, percent=True),
    )
