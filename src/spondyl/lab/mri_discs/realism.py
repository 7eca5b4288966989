"""How the digital spine looks to networks that have seen patients only: discs found, numbered and graded on rendered slices.

A look of the spine is tuned on one cohort with some fold models, and quoted once on other seeds with the others. In-silico:
these figures say how alike the digital spine is to patients, not how good the networks are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError
from spondyl.datasets.records import DiscSlice
from spondyl.inference import Bundle, Engine
from spondyl.lab.mri_discs.measure import grading
from spondyl.lab.mri_discs.predict import DiscRow, SliceRow, disc_rows, slice_row
from spondyl.metrics.detection import box_iou
from spondyl.metrics.intervals import Interval, share_interval
from spondyl.tasks.mri_discs.answers import GRADE

OnStep = Callable[[str, int, int], None]
SAME, NEAR_MM = 0.5, 5.0
"""A found box is a disc's from this intersection over union, as in the patients' figures; a found centre within this distance."""


def of_folds(bundle: Bundle, folds: Sequence[int]) -> Bundle:
    """The bundle with those of its networks only whose unseen folds are all among `folds`: disjoint folds share no network.

    Raises:
        InputError: If a kind of network would have no member left.
    """
    settings = {key: dict(value) if isinstance(value, Mapping) else value for key, value in bundle.settings.items()}
    for kind in ("gate", "locator", "grader"):
        kept = [name for name in settings[kind]["members"] if set(bundle.networks[name].unseen_folds) <= set(folds)]
        if not kept:
            raise InputError("no-fold-models", f"no {kind} is left with folds {list(folds)}", "Name two folds or more of the bundle's")
        settings[kind]["members"] = kept
    return replace(bundle, manifest=replace(bundle.manifest, settings=settings))


def open_gate(bundle: Bundle) -> Bundle:
    """The bundle with a gate that lets every picture pass, so that locators and graders can be judged by themselves."""
    settings = {**bundle.settings, "gate": {**bundle.settings["gate"], "least_upright": 0.0}}
    return replace(bundle, manifest=replace(bundle.manifest, settings=settings))


def measure_realism(engine: Engine, slices: Iterable[DiscSlice], total: int, on_step: OnStep = lambda *_: None) -> dict[str, Any]:
    """Discs found, found and numbered, and graded, by sequence; every interval by subject."""
    rows = []
    for done, slice_ in enumerate(slices, start=1):
        rows.append(slice_row(engine, slice_, None))
        on_step("Reading slices", done, total)
    discs = disc_rows(engine, rows, lambda done, of: on_step("Grading discs", done, of))
    sequences = sorted({row.slice.sequence for row in rows})
    return {
        "subjects": len({row.slice.patient for row in rows}),
        "slices": len(rows),
        "locating": {"all": finding(rows)} | {s: finding([row for row in rows if row.slice.sequence == s]) for s in sequences},
        "grading": {"t2, wet": _grades(engine, discs, "wet"), "t2, both": _grades(engine, discs, "both")},
        "networks": {kind: list(engine.bundle.settings[kind]["members"]) for kind in ("gate", "locator", "grader")},
    }


def finding(rows: Sequence[SliceRow]) -> dict[str, Any]:
    """Shares of the discs whose box was found at all, and found under its number; a refused slice has none found.

    Beside them: found and numbered by the centre alone, what the locator found of slices that the gate refuses, and boxes that are
    no disc's.
    """
    hits: dict[str, list[bool]] = {}
    units: list[str] = []
    stray = 0
    for row in rows:
        ways = {"": _same_box(row), "_by_centre": _same_centre(row)}
        for way, same in ways.items():
            found = [bool(column.any()) for column in same.T]
            numbered = [number <= len(same) and bool(same[number - 1, k]) for k, number in enumerate(row.slice.boxes)]
            for name, own in (("found", found), ("found_and_numbered", numbered)):
                hits.setdefault(name + way, []).extend(not row.refusal and hit for hit in own)
                hits.setdefault(f"{name}{way}_refused_or_not", []).extend(own)
        units += [row.slice.patient] * len(row.slice.boxes)
        stray += int((~ways["_by_centre"].any(1)).sum())
    return {
        "slices": len(rows),
        "discs": len(units),
        **{name: interval(share_interval(np.array(values, bool), np.array(units))) for name, values in hits.items()},
        "found_where_no_disc_is": stray,
        "refused": sum(row.refusal != "" for row in rows),
    }


def _same_box(row: SliceRow) -> NDArray[np.bool_]:
    """(found, true) whether their boxes agree."""
    found, true = _boxes(row)
    return np.asarray(box_iou(found, true) >= SAME, bool) if len(found) and len(true) else np.zeros((len(found), len(true)), bool)


def _same_centre(row: SliceRow) -> NDArray[np.bool_]:
    """(found, true) whether their centres agree; boxes keep the border of the pack's, which is in pixels, out of it."""
    found, true = (boxes[:, :2] + boxes[:, 2:] for boxes in _boxes(row))
    spacing = np.array((row.slice.spacing_mm or (1.0, 1.0))[::-1]) / 2
    return np.asarray(np.hypot(*((found[:, None] - true[None]) * spacing).transpose(2, 0, 1)) <= NEAR_MM, bool)


def _boxes(row: SliceRow) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 4) found from the bottom up, (m, 4) true."""
    found = np.array([disc.box for disc in row.located.discs]) if row.located else np.zeros((0, 4))
    return found, np.array(list(row.slice.boxes.values()), np.float64).reshape(-1, 4)


def _grades(engine: Engine, discs: Sequence[DiscRow], view: str) -> dict[str, Any]:
    """Agreement of the Pfirrmann grade on T2 (alone, or with T1), on slices read with the right number of discs."""
    own = [row for row in discs if row.view == view and row.sequence == "t2"]
    if not own:
        return {}
    body = grading(engine, own, "t2", view)
    truth = np.array([row.labels[0] for row in own])
    confusion = np.array(body[GRADE]["confusion"])
    kept = ("quadratic_kappa", "balanced_accuracy", "within_one_grade", "confusion", "ece", "ece_floor")
    return {
        "discs": body["discs"],
        "subjects": body["patients"],
        "share_of_grades": (np.bincount(truth, minlength=len(confusion)) / len(truth)).tolist(),
        "mean_said_by_grade": [float(row @ np.arange(1, len(row) + 1) / row.sum()) if row.sum() else None for row in confusion],
        **{key: body[GRADE][key] for key in kept},
    }


def interval(of: Interval) -> list[float | None]:
    """[estimate, low, high]; None where it cannot be said."""
    return [float(v) if np.isfinite(v) else None for v in (of.estimate, of.low, of.high)]
