"""What a bundle of bone density is worth on a data set: classes from pictures and from calibrated pairs, decisions, vertebrae, writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.dxa_truth import VertebraOnPicture
from spondyl.inference import Bundle, open_engine
from spondyl.lab.dxa.asking import Said, ask_pairs, ask_pictures, ask_rewritten
from spondyl.lab.dxa.baseline import baseline_probabilities
from spondyl.lab.dxa.cases import Case, OnStep, read_cases
from spondyl.lab.dxa.fitted import macro_f1, said_of
from spondyl.lab.dxa.gate import gate_figures
from spondyl.metrics.bone_density import CLASSES, REGION, predictive_values
from spondyl.metrics.calibration import brier, ece, ece_floor, recalibration
from spondyl.metrics.discrimination import auroc, average_precision
from spondyl.metrics.intervals import Interval, bootstrap_interval, coverage_by_class, share_interval
from spondyl.metrics.thresholds import f1_score, sensitivity, specificity
from spondyl.tasks.dxa_osteoporosis.trust import REASONS

PREVALENCES = (0.05, 0.10, 0.20)
DRAWS = 1000
NEAR = 0.5
"""Heights of a vertebra within which what was found is it."""
GATE_CASES, GATE_EACH, GATE_SUBJECTS, GATE_SEED = 200, 20, 40, 91
"""Genuine pictures, drawn ones of each kind, and radiographed subjects that the gate is shown; no training used this seed."""
REWRITTEN = 200
"""Cases that are asked once more with other writing."""
OWN_SPLITS = {"test": ("test", None), "val": ("val",), "train": ("train",)}
Figures = dict[str, Any]


def measure(bundle: Bundle, data: Path, layout: str, split: str, backend: str, precision: str, on_step: OnStep) -> Figures:
    """Figures of a bundle; intervals are 95 %, by patient.

    Raises:
        InputError: The data set cannot be used.
    """
    engine = open_engine(bundle, backend, precision)
    cases = read_cases(layout, data, OWN_SPLITS.get(split, (split,)), on_step)
    pictures = ask_pictures(cases, engine, on_step)
    pairs = ask_pairs(cases, engine, on_step)
    plain = [one for one in pictures if one.probabilities is not None][:REWRITTEN]
    again = [cases[one.case] for one in plain]
    other, over = (ask_rewritten(again, engine, on_step, over=over) for over in (False, True))
    test: Figures = {
        "cases": len(cases), "patients": len({case.patient for case in cases}),
        "classes": {name: sum(case.label == k for case in cases) for k, name in enumerate(CLASSES)},
        "training_images_met": sum(case.image in bundle.training_images for case in cases),
        "refused": dict(Counter(one.refused for one in pictures if one.refused)),
        "picture": of_classes(cases, pictures),
        "baseline": of_baseline(cases, bundle),
        "members": members_of(cases, pictures), "decided": of_decisions(cases, pictures),
        "vertebrae": of_vertebrae(cases, pictures),
        "gate": gate_figures([case for case in cases if case.panel][:GATE_CASES], engine, GATE_SEED, GATE_EACH, GATE_SUBJECTS, on_step),
        "writing": {"cases": len(plain), "with_caption": sum(bool(case.panel and case.panel.masked) for case in again),
                    "largest_change": _largest_change(plain, other), "largest_change_of_student": _largest_change(plain, other, "student"),
                    "largest_change_written_over": _largest_change(plain, over)},
    }
    if pairs:
        test |= {"pair": {**of_classes(cases, pairs), "refused": dict(Counter(one.refused for one in pairs if one.refused)),
                          "decided": of_decisions(cases, pairs)}, "density": of_densities(cases, pairs)}
    return {"task": bundle.task, "evidence": bundle.note.evidence, "split": split, "test": sayable(test), "software": engine.software,
            "bundle": {"name": bundle.note.name, "version": bundle.note.version, "sha256": bundle.sha256}}


def sayable(value: Any) -> Any:
    """The same with None for every number that cannot be said (a class that does not occur)."""
    if isinstance(value, dict):
        return {name: sayable(one) for name, one in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _arrays(cases: Sequence[Case], said: Sequence[Said]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.str_], list[Said]]:
    """(labels, probabilities, patients, answers) of those with a class."""
    kept = [one for one in said if one.probabilities is not None]
    labels = np.array([cases[one.case].label for one in kept], np.int64)
    table = np.array([one.probabilities for one in kept], np.float64).reshape(-1, 3)
    return labels, table, np.array([cases[one.case].patient for one in kept], np.str_), kept


def of_classes(cases: Sequence[Case], said: Sequence[Said]) -> Figures:
    """Discrimination, calibration and coverage of the three classes."""
    labels, p, patients, kept = _arrays(cases, said)
    if not len(kept):
        return {"cases": 0}
    return {**class_figures(labels, p, patients), "cases": len(kept), "coverage": _coverage(kept, labels, patients),
            "set_size": float(np.mean([sum(one.kept) for one in kept])),
            "milliseconds": float(np.median([one.milliseconds for one in kept]))}


def class_figures(labels: NDArray[np.int64], p: NDArray[np.float64], patients: NDArray[np.str_]) -> Figures:
    """Figures of three-class probabilities with intervals."""
    rng = np.random.default_rng(0)

    def interval(metric: Callable[..., float], *arrays: NDArray[Any]) -> Figures:
        return as_dict(bootstrap_interval(metric, patients, *arrays, rng=rng, draws=DRAWS))

    said, sick = said_of(p), labels == 2
    floor = ece_floor(p, np.random.default_rng(0))
    again = recalibration(sick.astype(np.int64), p[:, 2])
    return {
        "macro_f1": interval(macro_f1, labels, said),
        "accuracy": interval(lambda a, b: float((a == b).mean()), labels, said),
        "f1": {name: f1_score(labels == k, said == k) for k, name in enumerate(CLASSES)},
        "osteoporosis_auroc": interval(auroc, sick, p[:, 2]), "osteopenia_or_worse_auroc": interval(auroc, labels >= 1, p[:, 1] + p[:, 2]),
        "osteoporosis_auprc": interval(average_precision, sick, p[:, 2]),
        "sensitivity": interval(sensitivity, sick, said == 2),
        "specificity": interval(specificity, sick, said == 2),
        "brier": brier(labels, p), "ece": ece(labels, p), "ece_floor": floor.mean, "ece_above_floor": ece(labels, p) - floor.mean,
        "slope": again.slope, "intercept": again.intercept, "prevalence": float(sick.mean()),
    }


def _coverage(kept: Sequence[Said], labels: NDArray[np.int64], patients: NDArray[np.str_]) -> Figures:
    rows = coverage_by_class(np.array([one.kept for one in kept]), labels, patients)
    return {name: as_dict(row) for name, row in zip(("all", *CLASSES), rows, strict=True)}


def of_baseline(cases: Sequence[Case], bundle: Bundle) -> Figures:
    """Age and sex alone, fitted on the training patients."""
    own = bundle.metrics.get("baseline")
    known = [case for case in cases if case.age_years is not None and case.sex is not None]
    if not own or not known:
        return {"cases": 0}
    p = baseline_probabilities(np.array([case.age_years for case in known], np.float64), np.array([case.sex == "F" for case in known]), own)
    return {**class_figures(np.array([case.label for case in known]), p, np.array([case.patient for case in known])), "cases": len(known)}


def members_of(cases: Sequence[Case], said: Sequence[Said]) -> Figures:
    """Each member's areas, and how often it says what the reader says; for the student also how far apart they are."""
    labels, p, patients, kept = _arrays(cases, said)
    table: Figures = {}
    for name in kept[0].members if kept else ():
        own = np.array([one.members[name] for one in kept])
        area = bootstrap_interval(auroc, patients, labels == 2, own[:, 2], rng=np.random.default_rng(0), draws=DRAWS)
        table[name] = {"osteoporosis_auroc": as_dict(area), "macro_f1": macro_f1(labels, said_of(own)),
                       "agrees": float((said_of(own) == said_of(p)).mean()), "mean_difference": float(np.abs(own - p).max(axis=1).mean())}
    return table


def of_decisions(cases: Sequence[Case], said: Sequence[Said]) -> Figures:
    """Who is decided, how rightly, and what the rule would be worth at other prevalences."""
    labels, p, patients, kept = _arrays(cases, said)
    if not len(kept):
        return {"cases": 0}
    decided = np.array([not one.refer for one in kept])
    sick, positive = labels == 2, said_of(p) == 2
    figures: Figures = {"cases": len(kept), "prevalence": float(sick.mean()), "share": as_dict(share_interval(decided, patients))}
    if decided.any():
        plus, minus = decided & positive, decided & ~positive
        figures |= {
            "positive": int(plus.sum()), "negative": int(minus.sum()),
            "ppv": as_dict(share_interval(sick[plus], patients[plus])), "npv": as_dict(share_interval(~sick[minus], patients[minus])),
            "sensitivity": sensitivity(sick[decided], positive[decided]), "specificity": specificity(sick[decided], positive[decided]),
        }
        figures["at_prevalence"] = {f"{share:g}": values_at(sick, plus, minus, share) for share in PREVALENCES}
    return figures


def values_at(sick: NDArray[np.bool_], plus: NDArray[np.bool_], minus: NDArray[np.bool_], prevalence: float) -> Figures:
    """PPV of the decided positive and NPV of the decided negative, were that share of everybody sick; None where nobody is decided so.

    Rates are over all cases, decided or not: abstaining is commoner among the sick than among the well, or the other way round.

    Args:
        sick, plus, minus: Of each case: has it, is decided to have it, is decided not to.
    """
    ppv, _ = predictive_values(sensitivity(sick, plus), specificity(sick, plus), prevalence)
    _, npv = predictive_values(sensitivity(sick, ~minus), specificity(sick, ~minus), prevalence)
    return {name: value if np.isfinite(value) else None for name, value in (("ppv", ppv), ("npv", npv))}


def of_vertebrae(cases: Sequence[Case], said: Sequence[Said]) -> Figures:
    """Unreliable vertebrae, by reason: of all that are there, one not found counting as not flagged; names; how curved spines are."""
    rows: list[tuple[str, dict[str, float], tuple[str, ...]]] = []
    named = total = 0
    curves = []
    for one in said:
        case = cases[one.case]
        told = [v for v in case.truth if v.name in REGION]
        total += len(told)
        for true in told:
            name, row = _nearest(one, true)
            named += name == true.name
            rows.append((case.patient, row, true.reasons))
        if case.truth and not one.refused:
            curves.append((one.curve, max(v.cobb_deg for v in case.truth)))
    if not rows:
        return {"vertebrae": 0}
    patients = np.array([row[0] for row in rows])
    figures: Figures = {"vertebrae": total, "named": named}
    figures["found"] = sum(bool(row[1]) for row in rows)
    for reason in ("any", *REASONS):
        truth = np.array([bool(row[2]) if reason == "any" else reason in row[2] for row in rows])
        scores = np.array([row[1].get(reason, 0.0) for row in rows])
        area = bootstrap_interval(auroc, patients, truth, scores, rng=np.random.default_rng(0), draws=DRAWS)
        figures[reason] = {"auroc": as_dict(area), "present": int(truth.sum())}
    table = np.array(curves)
    figures["curve"] = {"mean_absolute_error": float(np.abs(table[:, 0] - table[:, 1]).mean()),
                        "auroc_10_deg": auroc(table[:, 1] >= 10, table[:, 0]), "curved": int((table[:, 1] >= 10).sum())}
    return figures


def _nearest(said: Said, true: VertebraOnPicture) -> tuple[str, dict[str, float]]:
    """Name and probabilities of what was found where a vertebra is; nothing where nothing was."""
    middle, height = true.corners.mean(axis=0), float(np.linalg.norm(true.corners[3] - true.corners[0]))
    for name, place, row in said.unreliable:
        if np.linalg.norm(np.asarray(place) - middle) < NEAR * height:
            return name, row
    return "", {}


def of_densities(cases: Sequence[Case], said: Sequence[Said]) -> Figures:
    """Areal densities against the truth, by vertebra and of the subject."""
    pairs = [(one.measured[v.name], v.bmd_g_cm2) for one in said for v in cases[one.case].truth
             if v.name in one.measured and v.bmd_g_cm2 is not None]
    means = [(one.measured[""], cases[one.case].bmd_g_cm2) for one in said if "" in one.measured and cases[one.case].bmd_g_cm2 is not None]
    return {name: {"count": len(rows), "bias": float(np.mean([a - float(b or 0) for a, b in rows])),
                   "mean_absolute_error": float(np.mean([abs(a - float(b or 0)) for a, b in rows]))}
            for name, rows in (("vertebra", pairs), ("mean", means)) if rows}


def _largest_change(plain: Sequence[Said], other: Sequence[Said], member: str = "") -> float:
    pairs = [(a.members.get(member), b.members.get(member)) if member else (a.probabilities, b.probabilities)
             for a, b in zip(plain, other, strict=True)]
    return max((1.0 if a is None or b is None else float(np.abs(a - b).max()) for a, b in pairs), default=0.0)


def as_dict(interval: Interval) -> Figures:
    """Plain numbers; None for what cannot be said."""
    return {name: None if np.isnan(value) else float(value)
            for name, value in (("estimate", interval.estimate), ("low", interval.low), ("high", interval.high))}
