"""Cohorts in RSNA 2024's layout: MR studies of three or more series, instance numbers with gaps, 25 targets with their marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.datasets.dicom_objects import Owner
from spondyl.datasets.dicom_writer import write_series
from spondyl.datasets.ids import number_id
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import stenosis_marks, target_of
from spondyl.datasets.making.views import built, series_names, study_of
from spondyl.datasets.rsna2024 import SEVERITIES, SPLITS, TARGETS, printed, title
from spondyl.datasets.rsna2024_truth import COLUMNS, NUMBERS, TABLE
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.measured.readers import chances, read
from spondyl.phantom.resonance import MrAcquisition, MrSeries, render_mr

TWO_AXIAL, GAPS, DOWNWARD = 0.12, 0.08, 0.5
"""Shares of studies with two axial series, of instance numbers left out, and of series numbered from the head down [O]."""
MISSING = {"spinal_canal_stenosis": 5 / 9875, "neural_foraminal_narrowing": 50 / 19750, "subarticular_stenosis": 517 / 19750}
"""Share of empty cells by condition, counted in the real train.csv."""
DESCRIPTION = {"t1": "Sagittal T1", "t2": "Sagittal T2/STIR", "stir": "Sagittal T2/STIR"}


def draw_plan(order: Order, index: int) -> Plan:
    """A study: its series, their instance numbers, and which cells are empty."""
    rng = order.rng(index)
    spec = order.subject(rng)
    scans = study_of(rng, spec, order)
    axial = scans["axial_t2"]
    if len(axial.stacks) > 1 and rng.random() < TWO_AXIAL:
        half = len(axial.stacks) // 2
        scans["axial_t2"] = replace(axial, stacks=axial.stacks[:half])
        scans["axial_t2_upper"] = replace(axial, stacks=axial.stacks[half:], noise_seed=int(rng.integers(2**31)))
    numbers = {name: _numbers(rng, scans[name].slices) for name in series_names(scans)}
    rates = [next(share for name, share in MISSING.items() if name in target) for target in TARGETS]
    missing = [target for target, rate in zip(TARGETS, rates, strict=True) if rng.random() < rate]
    split = "test" if order.role == "test" else "train"
    study = str(number_id(f"{order.seed}/{order.role}", index))
    return Plan(index, spec, scans, {"split": split, "numbers": numbers, "missing": missing, "study": study})


def _numbers(rng: np.random.Generator, slices: int) -> list[int]:
    """Instance numbers of the slices in their order: from 1, with gaps, upward or downward."""
    steps = 1 + (rng.random(slices) < GAPS)
    numbers = np.cumsum(steps) - steps[0] + 1
    return [int(n) for n in (numbers[::-1] if rng.random() < DOWNWARD else numbers)]


def description_of(name: str) -> str:
    """The series_description of a series."""
    return DESCRIPTION.get(name, "Axial T2")


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """The series of a study, and its rows of the three tables."""
    volume = built(plan.spec, order.scale)
    measured = measure_subject(volume)
    said = measured if order.labels == "truth" else read(measured, order.reader(plan.index, 0))
    study, split = plan.choices["study"], plan.choices["split"]
    owner = Owner(order.owner(plan.index), plan.spec.sex, plan.spec.age_years)
    rendered: dict[str, MrSeries] = {}
    ids: dict[str, str] = {}
    for number, name in enumerate(series_names(plan.scans), start=1):
        scan: MrAcquisition = plan.scans[name]
        ids[name], rendered[name] = f"{study}{number}", render_mr(volume, scan)
        write_series(root / f"{split}_images" / study / ids[name], rendered[name], owner, number, plan.choices["numbers"][name])
    return {"split": split, "study": study, **_rows(stenosis_marks(said, rendered), plan.choices, ids), "truth": _truth_rows(measured)}


def _truth_rows(measured: SubjectTruth) -> list[list[Any]]:
    """What is true behind each target: rows of `rsna2024_truth.COLUMNS`, less the study."""
    return [[target_of(one.condition, one.side, one.from_bottom), one.level, one.grade, *chances(one), *one.point_mm,
             *(one.numbers.get(name) for name in NUMBERS)] for one in measured.stenosis]


def _rows(marks: Mapping[str, tuple[int, str, int, float, float]], choices: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """`series`, `grades` (by target) and `points` of a study. `marks`: by target, (grade, series name, slice, x, y)."""
    shown = {target: mark for target, mark in marks.items() if target not in choices["missing"]}
    points = [[ids[name], choices["numbers"][name][k], title(target[:-6]), printed(target[-5:]), x, y]
              for target, (_, name, k, x, y) in shown.items()]
    return {"series": [[series, description_of(name)] for name, series in ids.items()],
            "grades": {target: mark[0] for target, mark in shown.items()}, "points": points}


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """train.csv, train_label_coordinates.csv and train_series_descriptions.csv; the same with test_ for a test cohort; and the truth."""
    studies = [record for _, record in records]
    for split in SPLITS:
        own = [record for record in studies if record["split"] == split]
        if not own:
            continue
        labels = [[one["study"], *(SEVERITIES[one["grades"][t]] if t in one["grades"] else None for t in TARGETS)] for one in own]
        write_table(root / f"{split}.csv", labels, ("study_id", *TARGETS))
        points = [[one["study"], *row] for one in own for row in one["points"]]
        write_table(root / f"{split}_label_coordinates.csv", points,
                    ("study_id", "series_id", "instance_number", "condition", "level", "x", "y"))
        series = [[one["study"], *row] for one in own for row in one["series"]]
        write_table(root / f"{split}_series_descriptions.csv", series, ("study_id", "series_id", "series_description"))
        rows = [[f"{one['study']}_{target}", 1 / 3, 1 / 3, 1 / 3] for one in own for target in sorted(TARGETS)]
        write_table(root / "sample_submission.csv", rows, ("row_id", "normal_mild", "moderate", "severe"))
    write_table(root / TABLE, [[one["study"], *row] for one in studies for row in one.get("truth", ())], COLUMNS)


LAYOUTS = {"rsna2024": Layout("rsna2024", draw_plan, write_subject, write_tables)}
