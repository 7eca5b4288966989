"""Figures of `xray-alignment`: films found and measured by the engine that serves, settings of a film's fold chosen on the other folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.inference import Bundle, open_engine
from spondyl.lab.alignment.asking import Asked, Read, ask, corner_errors, read
from spondyl.lab.alignment.cases import Case, OnStep, read_cases
from spondyl.lab.alignment.fitted import LEAST_NAMED, fit_settings, shape_gaps, widest
from spondyl.lab.alignment.gate import gate_figures
from spondyl.lab.alignment.noise import baseline
from spondyl.lab.alignment.twins import unjudged
from spondyl.metrics import Interval, auroc, bootstrap_interval
from spondyl.metrics.spine_curves import LEAST_CURVE_DEG, aasce_angles
from spondyl.tasks.xray_alignment.naming import NAMES
from spondyl.tasks.xray_alignment.shapes import SHAPES

OTHER_SEED, EACH = 77, 12
"""Of the drawn pictures that judge the gate: other ones than those that taught it, so many of each kind."""
LOST = 1.0
"""Corner error that stands for a film on which no vertebra was found, in widths."""
SURGEON_DEG = 25.0
"""From here on curves are braced; the second yes-or-no that is reported."""
DRAWS = 1000
Numbers = NDArray[np.float64]


def measure(bundle: Bundle, data: Path, layout: str, split: str, backend: str, precision: str, on_step: OnStep) -> dict[str, Any]:
    """Figures of a bundle on a data set.

    Films that taught it are recognised by their content and read by the networks of the fold that held their group back, with settings
    that the other folds choose; all other films as they are served. Where there are both, the others are told of.

    Raises:
        InputError: The data cannot be used.
    """
    engine = open_engine(bundle, backend, precision)
    cases = [case for case in read_cases(layout, data, on_step) if case.split in (split, None)]
    met = [int(bundle.manifest.training_images.get(case.image, -1)) for case in cases]
    fresh = [case for case, fold in zip(cases, met, strict=True) if fold < 0]
    twins = 0
    if fresh:
        readings = [read(film, bundle.settings) for film in ask(fresh, [-1] * len(fresh), engine, on_step)]
    else:
        kept = np.flatnonzero(~unjudged(cases, met)).tolist() or list(range(len(cases)))
        twins = len(cases) - len(kept)
        readings = nested(ask([cases[k] for k in kept], [met[k] for k in kept], engine, on_step), bundle.settings["strengths"])
    strangers = unseen_by_gate(cases, met, bundle)
    test = {**figures(readings, bundle.settings["angles"], bundle.settings["seed"]), "training_images_met": sum(fold >= 0 for fold in met),
            "twins": twins, "judged": "as served" if fresh else "out of fold",
            "gate": gate_figures(strangers, engine, OTHER_SEED, EACH, on_step)}
    note = bundle.note
    return {"task": note.name, "evidence": note.evidence, "layout": layout, "test": test,
            "bundle": {"name": note.name, "version": note.version, "sha256": bundle.sha256}}


def unseen_by_gate(cases: Sequence[Case], folds: Sequence[int], bundle: Bundle) -> list[Case]:
    """Films that the gate was not taught by."""
    blind = set(bundle.networks["gate"].unseen_folds)
    return [case for case, fold in zip(cases, folds, strict=True) if fold < 0 or fold in blind]


def nested(asked: Sequence[Asked], strengths: Sequence[float]) -> list[Read]:
    """What is said of films, each with settings that the other folds chose."""
    folds = sorted({film.fold for film in asked})
    own = {fold: fit_settings([film for film in asked if film.fold != fold], strengths) for fold in folds}
    return [read(film, own[film.fold]) for film in asked]


def figures(readings: Sequence[Read], strengths: Mapping[str, float], seed: int) -> dict[str, Any]:
    """Everything that is told of a set of films; intervals are 95 %, by group.

    Args:
        strengths: `angles` of a bundle's settings, for the baseline.
    """
    rng = np.random.default_rng(seed)
    groups = [one.asked.group for one in readings]
    table = np.array([_row(one) for one in readings])
    mid, mid_true, cobb, cobb_true, mid_error, cobb_error, smape = table.T

    def told(metric: Callable[..., float], *arrays: Numbers) -> list[float | None]:
        return _plain(bootstrap_interval(metric, groups, *arrays, rng=rng, draws=DRAWS))

    found = np.array([sum(place >= 0 for place in one.match) for one in readings], np.float64)
    wanted = np.array([len(one.asked.truth) for one in readings], np.float64)
    false = np.array([one.false for one in readings], np.float64)
    errors = [corner_errors(one).ravel() for one in readings]
    every = np.concatenate([*errors, *([[LOST]] if not any(map(len, errors)) else [])])
    middle = np.array([np.median(row) if len(row) else LOST for row in errors])
    return {
        "films": len(readings), "groups": len(set(groups)), "vertebrae": int(wanted.sum()),
        "found": told(lambda a, b: float(a.sum() / b.sum()), found, wanted), "false_per_film": told(lambda a: float(a.mean()), false),
        "corner_error": {"median": float(np.median(every)), "p90": float(np.percentile(every, 90)),
                         "median_of_films": told(lambda a: float(np.median(a)), middle)},
        "mid_line": _angle(told, mid, mid_true, mid_error), "cobb": _angle(told, cobb, cobb_true, cobb_error),
        "smape": told(lambda a: float(a.mean()), smape),
        "at_least": {f"{cut:g}": _at_least(told, cobb, cobb_true, cut) for cut in (LEAST_CURVE_DEG, SURGEON_DEG)},
        "said_below": _said_below(cobb, cobb_true, cobb_error),
        "names": _names(readings), "shapes": _shapes(readings),
        "baseline": baseline([(one.asked.truth, one.asked.rows) for one in readings], float(np.median(every)),
                             strengths, seed),
    }


def _row(one: Read) -> tuple[float, ...]:
    """Mid-line angle and its truth, Cobb's and its truth, half-widths of their intervals, SMAPE."""
    true = np.array(aasce_angles(one.asked.truth, one.asked.rows))
    own = np.array(one.angled.mid_lines if one.angled.mid_lines else (0.0, 0.0, 0.0))
    angle, error = one.angled.widest
    smape = 100 * float(np.abs(own - true).sum() / max(float((own + true).sum()), 1e-9))
    return float(own[0]), float(true[0]), angle, widest(one.asked.truth), one.angled.mid_error_deg, error, smape


def _angle(told: Callable[..., list[float | None]], said: Numbers, true: Numbers, error: Numbers) -> dict[str, Any]:
    gap = said - true
    halves = np.array_split(np.argsort(error, kind="stable"), 2)
    return {"mean_absolute_error": told(lambda a: float(np.abs(a).mean()), gap), "bias": told(lambda a: float(a.mean()), gap),
            "median_absolute_error": told(lambda a: float(np.median(np.abs(a))), gap),
            "correlation": told(_correlation, said, true),
            "coverage": told(lambda a, b: float((np.abs(a) <= b).mean()), gap, error),
            "half_width_median": float(np.median(error)),
            "coverage_short_long": [float((np.abs(gap) <= error)[rows].mean()) for rows in halves if len(rows)],
            "limits_of_agreement": [float(gap.mean() - 1.96 * gap.std()), float(gap.mean() + 1.96 * gap.std())]}


def _at_least(told: Callable[..., list[float | None]], said: Numbers, true: Numbers, cut: float) -> dict[str, Any]:
    positive = (true >= cut).astype(np.float64)
    return {"auroc": told(lambda a, b: auroc(a, b), positive, said), "below": int((true < cut).sum()), "films": len(true)}


def _said_below(said: Numbers, true: Numbers, error: Numbers) -> dict[str, int]:
    """How often "below 10 degrees on this film" is said, and how often it is wrong."""
    spoken = said + error < LEAST_CURVE_DEG
    wrong = spoken & (true >= LEAST_CURVE_DEG)
    return {"said": int(spoken.sum()), "wrong": int(wrong.sum()), "below": int((true < LEAST_CURVE_DEG).sum())}


def _names(readings: Sequence[Read]) -> dict[str, Any]:
    """How many of the vertebrae that were found bear their name, and how many of those names are said."""
    right = said = right_said = total = 0
    for one in readings:
        if len(one.asked.truth) != len(NAMES) or not len(one.column):
            continue
        sure = one.naming.confidence >= LEAST_NAMED
        for true, place in enumerate(one.match):
            if place >= 0:
                good = one.naming.name(one.column.slots[place]) == NAMES[true]
                total, right = total + 1, right + good
                said, right_said = said + sure, right_said + (good and sure)
    return {"vertebrae": total, "right": right / max(total, 1), "said": said / max(total, 1), "right_of_said": right_said / max(said, 1)}


def _shapes(readings: Sequence[Read]) -> dict[str, dict[str, float]]:
    """Of the numbers of each vertebra: median absolute error, and the share of errors within their half-widths."""
    gaps: dict[str, list[Numbers]] = {name: [] for name in SHAPES}
    held: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in SHAPES}
    for one in readings:
        for name, (gap, sd) in shape_gaps(one).items():
            gaps[name].append(np.abs(gap))
            held[name].append(np.abs(gap) <= one.factors[name] * sd)
    joined = {name: (np.concatenate(gaps[name]), np.concatenate(held[name])) for name in SHAPES if gaps[name]}
    return {name: {"median_absolute_error": float(np.median(gap)), "coverage": float(good.mean())} for name, (gap, good) in joined.items()}


def _correlation(said: Numbers, true: Numbers) -> float:
    """Pearson's; NaN where either does not vary."""
    return float(np.corrcoef(said, true)[0, 1]) if said.std() > 0 and true.std() > 0 else float("nan")


def _plain(interval: Interval) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in (interval.estimate, interval.low, interval.high)]

