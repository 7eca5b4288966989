"""How the digital spine looks to networks that have seen patients only: discs found, numbered and graded on rendered slices.

A look of the spine is tuned on one cohort with some fold models, and quoted once on other seeds with the others. In-silico:
these figures say how alike the digital spine is to patients, not how good the networks are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spondyl.core.errors import InputError, NotFoundError, describe_unknown
from spondyl.datasets.cohort import as_sequence, draw_member, grades_of_truth, padded, subject_rng
from spondyl.datasets.records import DiscSlice
from spondyl.inference import Bundle, Engine
from spondyl.lab.mri_discs.measure import grading
from spondyl.lab.mri_discs.predict import DiscRow, SliceRow, disc_rows, slice_row
from spondyl.metrics.detection import box_iou
from spondyl.metrics.intervals import Interval, share_interval
from spondyl.phantom import Acquisition, SagittalSlice, SubjectSpec, render_sagittal
from spondyl.tasks.mri_discs.answers import GRADE

OnStep = Callable[[str, int, int], None]
Source = Callable[[SubjectSpec, Acquisition], SagittalSlice]
SOURCES: dict[str, Source] = {"midline": render_sagittal}
"""Who paints the mid-sagittal slice, by name: the mid-line painter; other renderers register here."""
SPACE_EVERY = 6
"""One subject in so many also has a SPACE series, as in the lumbar pack (30 of 179 patients)."""
SAME = 0.5
"""Intersection over union from which a found box is a disc's, as in the patients' figures."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Which slices are drawn: the cohort's seed, role, size and profile, and who paints them."""

    seed: int
    role: str
    subjects: int
    profile: str = "symptomatic"
    source: str = "midline"

    def slices(self, on_step: OnStep = lambda *_: None) -> Iterator[DiscSlice]:
        """T1 and T2 of every subject (and SPACE of some), with the sacrum in view as in the pack, boxed and graded by measurement.

        Raises:
            NotFoundError: If nothing paints slices by that name.
        """
        if self.source not in SOURCES:
            raise NotFoundError("unknown-slice-source", describe_unknown("source of slices", self.source, SOURCES))
        for index in range(self.subjects):
            member = draw_member(self.seed, self.role, index, self.profile, "none")
            scans = dict(member.scans)
            if index % SPACE_EVERY == 0:
                rng = subject_rng(self.seed, self.role, index).spawn(1)[0]
                scans["t2_space"] = as_sequence(rng, scans["t2"], "t2_space")
            for scan in scans.values():
                yield as_disc_slice(str(index), scan.sequence, SOURCES[self.source](member.spec, scan))
            on_step("Drawing slices", index + 1, self.subjects)


def as_disc_slice(patient: str, sequence: str, drawn: SagittalSlice) -> DiscSlice:
    """A rendered slice as a data set would hand it over; boxes have the border of the lumbar pack's."""
    discs = drawn.truth.discs
    return DiscSlice(
        stem=f"{patient}_{sequence}",
        patient=patient,
        sequence=sequence,
        pixels=drawn.pixels,
        spacing_mm=drawn.spacing_mm,
        boxes={d.from_bottom: padded(d.box, drawn.pixels.shape) for d in discs},
        grades={d.from_bottom: grades_of_truth(d) for d in discs},
        boxes_complete=True,
        num_discs=len(discs),
    )


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

    Beside them what the locator found of the slices that the gate would have refused, and boxes that are no disc's.
    """
    hits: dict[str, list[bool]] = {"found": [], "found_and_numbered": [], "found_if_not_refused": [], "numbered_if_not_refused": []}
    units: list[str] = []
    stray = 0
    for row in rows:
        boxes = list(row.slice.boxes.values())
        own = np.array([disc.box for disc in row.located.discs]) if row.located else np.zeros((0, 4))
        same = np.asarray(box_iou(own, np.array(boxes))) >= SAME if len(own) and boxes else np.zeros((len(own), len(boxes)), bool)
        found = [bool(column.any()) for column in same.T]
        numbered = [number <= len(own) and bool(same[number - 1, k]) for k, number in enumerate(row.slice.boxes)]
        taken = not row.refusal
        hits["found"] += [taken and hit for hit in found]
        hits["found_and_numbered"] += [taken and hit for hit in numbered]
        hits["found_if_not_refused"] += found
        hits["numbered_if_not_refused"] += numbered
        units += [row.slice.patient] * len(boxes)
        stray += int((~same.any(1)).sum())
    return {
        "slices": len(rows),
        "discs": len(units),
        **{name: interval(share_interval(np.array(values, bool), np.array(units))) for name, values in hits.items()},
        "boxes_that_are_no_disc": stray,
        "refused": sum(row.refusal != "" for row in rows),
    }


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
