"""Cohorts in VinDr-SpineXR's layout: one or two films a study, as DX or CR, or in the wild form that archives have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spondyl.datasets.dicom_film import film_object, save_film
from spondyl.datasets.dicom_objects import Owner
from spondyl.datasets.ids import hex_id
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import film_truth, subject_truth
from spondyl.datasets.making.views import built, film_of
from spondyl.datasets.vindr import COLUMNS, NO_FINDING, SPLITS
from spondyl.phantom.rays import render_xray

PATTERN = ("train", "train", "train", "train", "test")
"""4,000 studies of train to 1,000 of test, as released."""
BOTH, DX = 0.9, 0.7
"""Shares of studies with both views, and of DX objects among DX and CR [O]."""
READERS = 3


def draw_plan(order: Order, index: int) -> Plan:
    """A study: which views, how they are taken, which kind of object, who reads."""
    rng = order.rng(index)
    spec = order.subject(rng)
    views = ("ap", "lateral") if rng.random() < BOTH else (("ap", "lateral")[int(rng.random() < 0.5)],)
    scans = {view: film_of(rng, spec, view, order) for view in views}
    split = "test" if order.role_of(index) == "test" else "train"
    kind = "DX" if rng.random() < DX else "CR"
    return Plan(index, spec, scans, {"split": split, "kind": kind, "reader": f"rad{rng.integers(READERS) + 1}"})


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """The films of a study and their rows."""
    volume = built(plan.spec, order.scale)
    truth = subject_truth(volume, order, plan.index)
    owner = Owner(order.owner(plan.index), plan.spec.sex, plan.spec.age_years)
    study = hex_id("vindr", owner.root)
    rows: list[list[Any]] = []
    for number, (view, scan) in enumerate(plan.scans.items(), start=1):
        series, image = hex_id("vindr", owner.root, view, "series"), hex_id("vindr", owner.root, view)
        film = render_xray(volume, scan)
        ds = film_object(film.pixels, scan, owner, number, plan.choices["kind"])
        save_film(root / f"{plan.choices['split']}_images" / f"{image}.dicom", ds, (study, series, image) if order.wild else None)
        boxes = film_truth(truth, film, order, plan.index).boxes
        head = [study, series, image, plan.choices["reader"]]
        rows += [[*head, box.lesion_type, *box.box] for box in boxes] or [[*head, NO_FINDING, None, None, None, None]]
    return {"split": plan.choices["split"], "rows": rows}


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """annotations/train.csv and test.csv; a split without films has none."""
    rows: dict[str, list[list[Any]]] = {}
    for _, record in records:
        rows.setdefault(record["split"], []).extend(record["rows"])
    for split in SPLITS:
        if split in rows:
            write_table(root / "annotations" / f"{split}.csv", rows[split], COLUMNS)


LAYOUTS = {"vindr": Layout("vindr", draw_plan, write_subject, write_tables, wild=True, pattern=PATTERN)}
