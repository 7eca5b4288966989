"""Cohorts in DXA folders: vendor-like pictures by WHO class, with subjects.csv, the raw pairs and what is true of each vertebra."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spondyl.datasets import dxa_truth
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.dual_energy import pair_object
from spondyl.datasets.dxa import CLASSES, COLUMNS
from spondyl.datasets.grades_maker import PATTERN, split_of
from spondyl.datasets.ids import hex_id
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import density_label, subject_truth
from spondyl.datasets.making.views import built, density_scan_of
from spondyl.datasets.pictures import write_grey
from spondyl.phantom.measured import density_words
from spondyl.phantom.rays import render_dxa


def draw_plan(order: Order, index: int) -> Plan:
    """One scan of a subject."""
    rng = order.rng(index)
    spec = order.subject(rng)
    return Plan(index, spec, {"dxa": density_scan_of(rng, spec, order)}, {"split": split_of(order, index)})


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """The picture in its folder; its text, if it has one, says the numbers of its label.

    A subject to whom the WHO classes do not apply has no label, and is not written.
    """
    volume = built(plan.spec, order.scale)
    truth = subject_truth(volume, order, plan.index)
    scan = render_dxa(volume, plan.scans["dxa"], words=density_words(truth))
    label = density_label(truth)
    if label is None:
        return {"rows": [], "vertebrae": []}
    patient = hex_id("dxa", order.owner(plan.index))[:12]
    name = f"{plan.choices['split']}/{label.who_class}/{patient}.png"
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    write_grey(root / name, scan.picture)
    owner = Owner(order.owner(plan.index), plan.spec.sex, plan.spec.age_years)
    save((root / dxa_truth.RAW / name).with_suffix(".dcm"), pair_object(scan, owner, 1))
    row = [name, patient, plan.spec.sex, round(plan.spec.age_years), round(label.bmd_g_cm2, 4), round(label.t_score, 2), label.region]
    return {"rows": [row], "vertebrae": dxa_truth.truth_rows(name, truth, scan)}


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """subjects.csv, and every folder of the layout."""
    rows: list[list[Any]] = []
    vertebrae: list[list[Any]] = []
    for _, record in records:
        rows += record["rows"]
        vertebrae += record["vertebrae"]
    for split in {row[0].split("/")[0] for row in rows}:
        for name in CLASSES:
            (root / split / name).mkdir(parents=True, exist_ok=True)
    write_table(root / "subjects.csv", rows, ("file", *COLUMNS))
    write_table(root / dxa_truth.TABLE, vertebrae, dxa_truth.COLUMNS)


LAYOUTS = {"dxa": Layout("dxa", draw_plan, write_subject, write_tables, pattern=PATTERN)}
