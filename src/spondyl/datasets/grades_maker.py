"""Cohorts in graded folders: films by the grade of their worst whole disc, PNG or DICOM, with patients.csv and discs.csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spondyl.datasets.dicom_film import film_object
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.grades import DISC_COLUMNS, DISCS_TABLE
from spondyl.datasets.ids import hex_id
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import film_truth, subject_truth
from spondyl.datasets.making.views import built, film_of
from spondyl.datasets.pictures import write_grey
from spondyl.phantom.rays import render_xray

PATTERN = ("train", "train", "test", "train", "train", "val", "train", "train", "train", "test",
           "train", "train", "val", "train", "train", "train", "test", "train", "train", "val")
"""70 % train, 15 % val, 15 % test."""
BOTH, AS_DICOM = 0.4, 0.2
"""Shares of subjects with both views, and of subjects whose films are DICOM instead of PNG [O]."""
VIEWS = {"ap": "frontal", "lateral": "lateral"}


def split_of(order: Order, index: int) -> str:
    """The folder of a subject; twins go to train."""
    role = order.role_of(index)
    return role if role in ("train", "val", "test") else "train"


def draw_plan(order: Order, index: int) -> Plan:
    """One or two films of a subject."""
    rng = order.rng(index)
    spec = order.subject(rng)
    views = ("ap", "lateral") if rng.random() < BOTH else (("ap", "lateral")[int(rng.random() < 0.5)],)
    scans = {view: film_of(rng, spec, view, order) for view in views}
    return Plan(index, spec, scans, {"split": split_of(order, index), "ending": "dcm" if rng.random() < AS_DICOM else "png"})


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """The films in their folders. A film that shows no whole disc has no grade and is not written."""
    volume = built(plan.spec, order.scale)
    truth = subject_truth(volume, order, plan.index)
    owner = Owner(order.owner(plan.index), plan.spec.sex, plan.spec.age_years)
    patient, rows, discs = hex_id("grades", owner.root)[:12], [], []
    for number, (view, scan) in enumerate(plan.scans.items(), start=1):
        film = render_xray(volume, scan)
        seen = film_truth(truth, film, order, plan.index)
        if seen.grade is None:
            continue
        name = f"{plan.choices['split']}/grade_{seen.grade}/{patient}_{view}.{plan.choices['ending']}"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if plan.choices["ending"] == "png":
            write_grey(root / name, film.shown >> (scan.bits - 8))
        else:
            save(root / name, film_object(film.pixels, scan, owner, number, "DX"))
        rows.append([name, patient, f"{patient}s", VIEWS[view]])
        discs += [[name, disc.level, *disc.box, disc.grade] for disc in seen.discs if disc.inside]
    return {"rows": rows, "discs": discs}


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """patients.csv and discs.csv, and every folder of the layout, also where no film has that grade."""
    kept = [record for _, record in records]
    rows: list[list[Any]] = [row for record in kept for row in record["rows"]]
    for split in {row[0].split("/")[0] for row in rows}:
        for grade in range(5):
            (root / split / f"grade_{grade}").mkdir(parents=True, exist_ok=True)
    write_table(root / "patients.csv", rows, ("file", "patient_id", "study_id", "view"))
    write_table(root / DISCS_TABLE, [row for record in kept for row in record["discs"]], DISC_COLUMNS)


LAYOUTS = {"grades": Layout("grades", draw_plan, write_subject, write_tables, pattern=PATTERN)}
