"""Curves of the spine followed over the films of one person: what result.json says, compared by the rules of `metrics.curve_change`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spondyl.core import BundleNote, InputError, StudyResult
from spondyl.core.result import DECIMALS, DISCLAIMER
from spondyl.metrics.bone_change import pairs
from spondyl.metrics.curve_change import BETWEEN_READERS_DEG, READERS_DEG, VERTEBRA, WITHIN_READER_DEG, CurveChange, FilmCurve, compare
from spondyl.reports.bone_labels import labels_of
from spondyl.reports.bone_series import all_different, check_answered, check_count
from spondyl.reports.rows import EVIDENCE

SCHEMA = "spondyl.curve-change/1"
TASK = "xray-alignment"
COBB = "Cobb, end plates"
"""`convention` of the curves that are followed; those of the AASCE data set are another angle."""
RESEARCH_ONLY = "research-only-weights"
STOPS = {"spine-cut": "shows a part of the spine only", "second-spine": "shows more than one spine",
         "vertebra-not-found": "has a gap in its column"}
"""Warnings of a result under which its largest curve is not compared, and what is said of such a film."""
DOUBTS = ("film-doubtful", "angle-uncertain")
"""Warnings that are passed on."""
SAID = ("angle_deg", "error_deg", "upper", "upper_from_bottom", "lower", "lower_from_bottom", "apex", "apex_from_bottom", "bulges_to",
        "side")
"""What is told of a curve, as result.json has it."""
ALWAYS = (
    "That the films are of one person is the caller's word; results carry no identity.",
    "Only the largest curve of each film is compared.",
    "The error is the detector's (90 %), carried through the formula. Positioning and time of day are not in it.",
    f"Readers themselves differ by {WITHIN_READER_DEG} degrees (one reader twice) and {BETWEEN_READERS_DEG} (two readers), 95 % limits, "
    f"Morrissy 1990. A change of under {READERS_DEG:.0f} degrees is within what readers differ by.",
)
"""Notes of every comparison."""


@dataclass(frozen=True, slots=True)
class FollowedFilm:
    """One film of a series.

    Attributes:
        label: What the caller calls it, or its number.
        study: Keyed pseudonym.
        bundle: What read it, or None where the result does not say it.
        research_only: Whether its weights are for research only.
        curve: The largest, or None where there is none of a degree or more.
        said: The same with apex and places from the bottom, under the names of SAID; empty where there is none.
        curves: How many curves there are.
        doubts: Codes of its warnings that are in STOPS or DOUBTS.
    """

    label: str
    study: str
    bundle: BundleNote | None
    research_only: bool
    curve: FilmCurve | None
    said: Mapping[str, Any]
    curves: int
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CurveStep:
    """A comparison: places of the two films in the series, what the earlier one is ("baseline", "previous"), and the change."""

    earlier: int
    later: int
    against: tuple[str, ...]
    change: CurveChange


@dataclass(frozen=True, slots=True)
class CurveSeries:
    """Films in the order given, and what changed.

    Attributes:
        films, steps: Each film against the first and against the one before.
        notes: What the reader must know, in sentences.
    """

    films: tuple[FollowedFilm, ...]
    steps: tuple[CurveStep, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """`spondyl.curve-change/1`: what the command line answers with --json."""
        return {
            "schema": SCHEMA, "disclaimer": DISCLAIMER, "task": TASK,
            "examinations": [_film(number, one) for number, one in enumerate(self.films, 1)],
            "changes": [_step(step) for step in self.steps],
            "notes": list(self.notes),
        }


def curve_series(results: Sequence[StudyResult], *, at: str = "") -> CurveSeries:
    """The series of these results, in the order given.

    Args:
        results: Of the task xray-alignment, two or more; that they are of one person is the caller's word.
        at: Labels, one a result, with commas between; dates (2019, 2019-03, 2019-03-21) must ascend.

    Raises:
        InputError: If the results cannot be followed: too few, one twice, another task, a curve that makes no sense.
    """
    check_count(len(results))
    labels = labels_of(at, len(results))
    films = tuple(_followed(result, number, label) for number, (result, label) in enumerate(zip(results, labels, strict=True), 1))
    all_different(results)
    steps = tuple(CurveStep(a, b, against, _compared(films[a], films[b])) for a, b, against in pairs(len(films)))
    return CurveSeries(films, steps, _notes(films, steps))


def refuse_options(given: Mapping[str, bool]) -> None:
    """Raises InputError if one of these options was given, which are only for densities."""
    if named := [name for name, was_given in given.items() if was_given]:
        raise InputError("change-option-for-densities", f"only bone density takes {', '.join(named)}; the results are of {TASK}",
                         "Leave out what is only for densities")


def _compared(earlier: FollowedFilm, later: FollowedFilm) -> CurveChange:
    """The change, without a verdict where a film does not show all of one spine."""
    change = compare(earlier.curve, later.curve)
    stops = [f"the {which} film {STOPS[code]}" for which, one in (("earlier", earlier), ("later", later)) for code in one.doubts
             if code in STOPS]
    return replace(change, verdict=None, reason=" and ".join(stops)) if stops and change.verdict is not None else change


def _followed(result: StudyResult, number: int, label: str) -> FollowedFilm:
    if result.task != TASK:
        raise InputError("change-other-task", f"examination {number} is a result of {result.task}; curves are in results of {TASK}",
                         f"Give the result.json of {TASK}")
    check_answered(result, number)
    try:
        own = [row for row in result.curves if row["convention"] == COBB]
        largest = max(own, key=lambda row: float(row["angle_deg"]), default=None)
        said = {} if largest is None else told(largest)
        curve = FilmCurve(**{name: said[name] for name in FilmCurve.__dataclass_fields__}) if said else None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError("change-bad-curve", f"examination {number} has a curve that is not one of {TASK}", "Analyze it again") from None
    codes = {warning.code for warning in result.warnings}
    doubts = tuple(code for code in (*STOPS, *DOUBTS) if code in codes)
    return FollowedFilm(label, result.study["key"], result.bundle, RESEARCH_ONLY in codes, curve, said, len(own), doubts)


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A curve of result.json under the names of SAID, each value of its own kind.

    Raises:
        KeyError, TypeError, ValueError: If it is not.
    """
    found = {name: row[name] for name in SAID}
    for name in ("upper", "lower", "apex"):
        if found[name] == "":  # a place beyond all names
            found[name] = None
        if found[name] is not None and not VERTEBRA.fullmatch(found[name]):
            raise ValueError(f"{name} is no vertebra: {found[name]!r}")
        if not (found[name + "_from_bottom"] is None or type(found[name + "_from_bottom"]) is int):
            raise TypeError(f"{name} is counted in whole numbers: {found[name + '_from_bottom']!r}")
    for name in ("angle_deg", "error_deg"):
        if isinstance(found[name], bool | str):
            raise TypeError(f"{name} is no number: {found[name]!r}")
        found[name] = float(found[name])
    return found


def vertebra_words(said: Mapping[str, Any], which: str) -> str:
    """ "T5", "#13 from the bottom" where it has no sure name, "?" where nothing is known. `which` is "upper", "lower" or "apex"."""
    number = said.get(which + "_from_bottom")
    return said.get(which) or ("?" if number is None else f"#{number} from the bottom")


def _notes(films: Sequence[FollowedFilm], steps: Sequence[CurveStep]) -> tuple[str, ...]:
    kinds = dict.fromkeys(one.bundle.evidence for one in films if one.bundle)
    notes = [*ALWAYS, *(f"Weights {EVIDENCE.get(kind, kind)}." for kind in kinds)]
    by_bundle: dict[str, list[int]] = {}
    for number, one in enumerate(films, 1):
        by_bundle.setdefault(one.bundle.sha256 if one.bundle else "", []).append(number)
    if len(by_bundle) > 1:
        read = (f"{_numbers(numbers)} by {_bundle_words(films[numbers[0] - 1].bundle)}" for numbers in by_bundle.values())
        notes.append(f"The films were read by different bundles, which differ by themselves: {'; '.join(read)}.")
    if research := [number for number, one in enumerate(films, 1) if one.research_only]:
        notes.append(f"The weights that read {_numbers(research)} were trained on data that are for research only.")
    if doubtful := [number for number, one in enumerate(films, 1) if set(one.doubts) & set(DOUBTS)]:
        notes.append(f"A person should look at {_numbers(doubtful)}: the film or its largest angle is in doubt.")
    if any(step.change.same is not None and not all(films[at].said["side"] for at in (step.earlier, step.later)) for step in steps):
        notes.append("Not every film tells the patient's side. Curves were then matched by the side of the picture, as if all films were "
                     "shown the same way round.")
    return tuple(notes)


def _numbers(numbers: Sequence[int]) -> str:
    return f"examination{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _bundle_words(bundle: BundleNote | None) -> str:
    return f"{bundle.name} {bundle.version} ({bundle.sha256[:8]})" if bundle else "one that the result does not name"


def _film(number: int, one: FollowedFilm) -> dict[str, Any]:
    bundle = one.bundle
    return {
        "number": number, "label": one.label, "study": one.study, "evidence": bundle.evidence if bundle else "",
        "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256} if bundle else None,
        "research_only": one.research_only, "curves": one.curves, "largest": dict(one.said) or None,
    }


def _step(step: CurveStep) -> dict[str, Any]:
    change = step.change
    return {
        "earlier": step.earlier + 1, "later": step.later + 1, "against": list(step.against), "same_curve": change.same,
        "change_deg": _rounded(change.change_deg), "error_deg": _rounded(change.error_deg), "verdict": change.verdict,
        "reason": change.reason or None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS) + 0.0
