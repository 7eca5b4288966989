"""Bone density followed over the examinations of one person: what result.json says, compared by the rules of `metrics.bone_change`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spondyl.core import InputError, StudyResult
from spondyl.core.result import DECIMALS, DISCLAIMER
from spondyl.metrics.bone_change import UNIT, Change, Common, Examination, compare, least_significant_change, over_common, pairs
from spondyl.metrics.bone_density import REGION
from spondyl.reports.bone_labels import labels_of
from spondyl.reports.rows import EVIDENCE

SCHEMA = "spondyl.change/1"
TASK = "dxa-osteoporosis"
DENSITY, AREA = "areal_bone_density", "projected_area"
MOST_EXAMINATIONS = 50
MOST_RMS_SD = 0.1
"""g/cm2: a precision error above this is a percentage or another unit."""
RANGE = re.compile(r"L([1-4])\s*(?:-|–|to)\s*L?([1-4])\b")
LIST = re.compile(r"\b(?:of|over)\s+(L[1-4]\b(?:(?:\s*(?:,|-|–|and|to)\s*)+L[1-4]\b)*)")
"""The vertebrae in "mean of L1, L2, L4 (L3 left out)", and in "mean of L1-L4"."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One examination of a series.

    Attributes:
        label: What the caller calls it, or its number.
        study: Keyed pseudonym.
        evidence: "real", "in-silico" or "".
        unreliable: Vertebrae that are not counted because they were found unreliable.
        examination: Its densities.
    """

    label: str
    study: str
    evidence: str
    unreliable: tuple[str, ...]
    examination: Examination


@dataclass(frozen=True, slots=True)
class Step:
    """A comparison: places of the two examinations in the series, what the earlier one is ("baseline", "previous"), and the change."""

    earlier: int
    later: int
    against: tuple[str, ...]
    change: Change


@dataclass(frozen=True, slots=True)
class BoneSeries:
    """Examinations in the order given, and what changed.

    Attributes:
        examinations, steps: Each examination against the first and against the one before.
        common: Means over the vertebrae that count in all of them, or None where fewer than two do.
        machines: "same", "cross-calibrated" or None.
        rms_sd_g_cm2: Precision error of the site, or None.
        notes: What the reader must know, in sentences.
    """

    examinations: tuple[Followed, ...]
    steps: tuple[Step, ...]
    common: Common | None
    machines: str | None
    rms_sd_g_cm2: float | None
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """`spondyl.change/1`: what the command line and REST answer."""
        rms_sd = self.rms_sd_g_cm2
        lsc = None if rms_sd is None else _rounded(least_significant_change(rms_sd))
        return {
            "schema": SCHEMA, "disclaimer": DISCLAIMER, "machines": self.machines,
            "precision": {"rms_sd": rms_sd, "lsc": lsc, "unit": UNIT},
            "examinations": [_examination(number, one) for number, one in enumerate(self.examinations, 1)],
            "changes": [_step(step) for step in self.steps],
            "common": None if self.common is None else _common(self.common),
            "notes": list(self.notes),
        }


def bone_series(
    results: Sequence[StudyResult], *, at: str = "", same_machine: bool = False, cross_calibrated: bool = False,
    rms_sd_g_cm2: float | None = None,
) -> BoneSeries:
    """The series of these results, in the order given.

    Args:
        results: Of the task dxa-osteoporosis, two or more; that they are of one person is the caller's word.
        at: Labels, one a result, with commas between; dates (2019, 2019-03, 2019-03-21) must ascend.
        same_machine, cross_calibrated: What is known of the machines; without one of them there is no verdict.
        rms_sd_g_cm2: Precision error of the site over these vertebrae.

    Raises:
        InputError: If the results cannot be followed (too few, one twice, another task, no density), or an option does not fit.
    """
    check_options(len(results), same_machine=same_machine, cross_calibrated=cross_calibrated, rms_sd_g_cm2=rms_sd_g_cm2)
    labels = labels_of(at, len(results))
    followed = tuple(_followed(result, number, label) for number, (result, label) in enumerate(zip(results, labels, strict=True), 1))
    all_different(results)
    machines = "same" if same_machine else "cross-calibrated" if cross_calibrated else None
    own = [one.examination for one in followed]
    steps = tuple(Step(a, b, against, compare(own[a], own[b], machines=machines, rms_sd_g_cm2=rms_sd_g_cm2))
                  for a, b, against in pairs(len(own)))
    common = over_common(own) if {one.unit for one in own} == {UNIT} else None
    return BoneSeries(followed, steps, common, machines, rms_sd_g_cm2, _notes(followed, steps, machines, rms_sd_g_cm2))


def check_options(count: int, *, same_machine: bool, cross_calibrated: bool, rms_sd_g_cm2: float | None) -> None:
    """Whether so many examinations and these options make sense.

    Raises:
        InputError: If they do not.
    """
    check_count(count)
    if same_machine and cross_calibrated:
        raise InputError("change-machines", "the machines were called both the same and cross-calibrated", "Say one of the two, or neither")
    if rms_sd_g_cm2 is not None and not 0 < rms_sd_g_cm2 <= MOST_RMS_SD:
        raise InputError("change-precision", f"a precision error of {rms_sd_g_cm2:g} g/cm2 is not one of a spine DXA",
                         "Give the RMS-SD of the site's precision study in g/cm2, 0.010 or so; not a percentage")


def check_count(count: int) -> None:
    """Raises InputError if so many examinations are not compared."""
    if not 2 <= count <= MOST_EXAMINATIONS:
        said = f"{count} examination{'s were' if count != 1 else ' was'} given; 2 to {MOST_EXAMINATIONS} are compared"
        raise InputError("change-count", said, "Name the earlier and the later one, in this order")


def check_answered(result: StudyResult, number: int) -> None:
    """Raises InputError if the result is a refusal."""
    if result.refusal is not None:
        raise InputError("change-not-answered", f"examination {number} was {result.status}: {result.refusal.get('message', '')}",
                         "Leave it out, or analyze another picture of that examination")


def _followed(result: StudyResult, number: int, label: str) -> Followed:
    if result.task != TASK:
        raise InputError("change-other-task", f"examination {number} is a result of {result.task}; bone density is in results of {TASK}",
                         f"Give the result.json of {TASK}")
    check_answered(result, number)
    unreliable = {item.level for item in result.findings if item.finding == "unreliable_vertebra" and item.value == "present"}
    evidence = result.bundle.evidence if result.bundle else ""
    return Followed(label, result.study["key"], evidence, tuple(name for name in REGION if name in unreliable),
                    _densities(result, number, unreliable))


def _densities(result: StudyResult, number: int, unreliable: set[str | None]) -> Examination:
    """The densities of a result; the vertebrae that its mean names count, but for those that it found unreliable."""
    said = [item for item in result.measurements if item.name == DENSITY]
    if not said:
        raise InputError("change-no-density", f"examination {number} has no bone density: it had neither a calibrated pair nor a report",
                         "A picture alone has no g/cm2; analyze the scanner's DICOM files")
    if not all(isinstance(item.value, int | float) and 0 < item.value < float("inf") for item in said):
        raise InputError("change-no-density", f"examination {number} has a bone density that is no positive number", "Analyze it again")
    by_level = {item.level: item.value for item in said if item.level in REGION}
    mean = next((item for item in said if item.level is None), None)
    named = named_vertebrae(mean.method) if mean is not None else ()
    if mean is not None and not named:  # a mean over an unknown set: only the vertebrae themselves can be compared
        named, mean = tuple(name for name in REGION if name in by_level), None
    counted = tuple(name for name in named if name not in unreliable)
    own = mean.value if mean is not None and counted == named else None
    areas = {item.level: item.value / 100 for item in result.measurements
             if item.name == AREA and item.unit == "mm2" and item.level and item.value > 0}
    return Examination({name: by_level[name] for name in REGION if name in by_level}, counted, own,
                       " and ".join(sorted({item.unit for item in said})), _source(result), areas)


def named_vertebrae(method: str) -> tuple[str, ...]:
    """The vertebrae that a mean's method names, from L1 down.

    Example:
        >>> named_vertebrae("mean of L1, L2, L4"), named_vertebrae("L2-L4, as the scanner's report says")
        (('L1', 'L2', 'L4'), ('L2', 'L3', 'L4'))
    """
    listed = LIST.search(method)
    words = listed[1] if listed else method
    found = set(re.findall(r"\bL[1-4]\b", words))
    found |= {f"L{n}" for first, last in RANGE.findall(words) for n in range(int(first), int(last) + 1)}
    return tuple(name for name in REGION if name in found)


def _source(result: StudyResult) -> str:
    codes = {warning.code for warning in result.warnings}
    if "density-from-report" in codes:
        return "read from the scanner's report"
    if "density-measured" in codes and result.bundle is not None:  # other weights outline other pixels
        return f"measured by the weights {result.bundle.name} {result.bundle.version} ({result.bundle.sha256[:8]})"
    return ""


def all_different(results: Sequence[StudyResult]) -> None:
    """Raises InputError if one examination was given twice, or one picture under two keys."""
    seen: dict[str, int] = {}
    for number, result in enumerate(results, 1):
        for name in {result.study["key"], *(note.id for note in result.images)}:
            if name in seen:
                said = f"examinations {seen[name]} and {number} are the same study or rest on the same image"
                raise InputError("change-same-study", said, "Give each examination once")
            seen[name] = number


def _notes(followed: Sequence[Followed], steps: Sequence[Step], machines: str | None, rms_sd: float | None) -> tuple[str, ...]:
    notes = ["That the examinations are of one person is the caller's word; results carry no identity."]
    notes += [f"Weights {EVIDENCE.get(kind, kind)}." for kind in dict.fromkeys(one.evidence for one in followed) if kind]
    sets = dict.fromkeys(step.change.common.vertebrae for step in steps if step.change.common)
    if len(sets) > 1:
        notes.append("Not all comparisons are over the same vertebrae: see each.")
    fewer = [", ".join(names) for names in sets if names != REGION]
    if rms_sd is not None and fewer:
        notes.append(f"The precision must be of the same vertebrae ({'; '.join(fewer)}): over fewer than four it is worse (ISCD 2023).")
    if rms_sd is not None and machines == "cross-calibrated":
        notes.append("The precision must be that of the cross-calibrated machines together, not of one of them.")
    return tuple(notes)


def _examination(number: int, one: Followed) -> dict[str, Any]:
    own = one.examination
    return {
        "number": number, "label": one.label, "study": one.study, "evidence": one.evidence, "source": own.source, "unit": own.unit,
        "density": {name: _rounded(value) for name, value in own.density.items()}, "counted": list(own.counted),
        "unreliable": list(one.unreliable), "mean": _rounded(own.mean),
    }


def _common(common: Common) -> dict[str, Any]:
    return {"vertebrae": list(common.vertebrae), "mean_of": common.method, "densities": [_rounded(value) for value in common.means]}


def _step(step: Step) -> dict[str, Any]:
    change = step.change
    return {
        "earlier": step.earlier + 1, "later": step.later + 1, "against": list(step.against),
        **(_common(change.common) if change.common else {"vertebrae": [], "mean_of": None, "densities": []}),
        "change": _rounded(change.change), "change_percent": _rounded(change.change_percent), "lsc": _rounded(change.lsc),
        "lsc_percent": _rounded(change.lsc_percent), "lsc_from": change.lsc_from or None, "verdict": change.verdict,
        "provisional": change.provisional, "reason": change.reason or None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS) + 0.0
