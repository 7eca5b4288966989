"""Cohorts of whole-spine frontal films in AASCE's layout, and in that of the frontal pack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core.errors import InputError
from spondyl.datasets.aasce import TOP
from spondyl.datasets.aasce_pack import COLUMNS
from spondyl.datasets.corners import VERTEBRAE
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import film_truth, subject_truth
from spondyl.datasets.making.views import built, film_of
from spondyl.datasets.pictures import write_jpeg
from spondyl.metrics.spine_curves import aasce_angles
from spondyl.phantom.rays import render_xray

PATTERN = ("train", "train", "train", "test")
"""481 films of training to 128 of test, as released."""


def draw_plan(order: Order, index: int) -> Plan:
    """One film of a subject with 17 vertebrae above the sacrum."""
    rng = order.rng(index)
    spec = order.subject(rng)
    if len(spec.vertebrae) != VERTEBRAE:
        raise InputError("setting-invalid", f"films of this layout show {VERTEBRAE} vertebrae, the profile {order.profile} has "
                         f"{len(spec.vertebrae)}", f"Use the profile scoliosis, or --set vertebrae={VERTEBRAE}")
    return Plan(index, spec, {"ap": film_of(rng, spec, "ap", order, "whole_spine")},
                {"folder": "test" if order.role_of(index) == "test" else "training"})


def _film(path: Path, plan: Plan, order: Order) -> Record:
    """Write the film as JPEG; its size, corners (17, 4, 2) from the top down, and angles."""
    scan = plan.scans["ap"]
    volume = built(plan.spec, order.scale, whole_spine=True)
    film = render_xray(volume, scan)
    truth = film_truth(subject_truth(volume, order, plan.index), film, order, plan.index)
    by_index = {one.index: one.corners for one in truth.vertebrae}
    corners = np.array([by_index[k] for k in reversed(range(VERTEBRAE))])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jpeg(path, film.shown >> (scan.bits - 8))
    return {"name": path.name, "shape": [scan.rows, scan.columns], "corners": corners.tolist(),
            "angles": list(aasce_angles(corners, scan.rows)), "folder": plan.choices["folder"]}


def write_release(root: Path, plan: Plan, order: Order) -> Record:
    """The film in boostnet_labeldata/data."""
    return _film(root / TOP / "data" / plan.choices["folder"] / f"digital-spine-{plan.index:05d}.jpg", plan, order)


def write_release_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """filenames.csv, landmarks.csv and angles.csv, without headers."""
    tables: dict[str, dict[str, list[list[Any]]]] = {}
    for _, one in records:
        rows, columns = one["shape"]
        points = np.array(one["corners"]).reshape(-1, 2)
        tables.setdefault(one["folder"], {"filenames": [], "landmarks": [], "angles": []})
        own = tables[one["folder"]]
        own["filenames"].append([one["name"]])
        own["landmarks"].append([*(points[:, 0] / columns).tolist(), *(points[:, 1] / rows).tolist()])
        own["angles"].append(one["angles"])
    for folder, own in tables.items():
        for name, lines in own.items():
            write_table(root / TOP / "labels" / folder / f"{name}.csv", lines)


def write_pack(root: Path, plan: Plan, order: Order) -> Record:
    """The film in images/."""
    return _film(root / "images" / f"spine_{plan.index + 1:05d}.jpg", plan, order)


def write_pack_table(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """landmarks.csv; every subject is a group of its own."""
    rows = [[one["name"], f"g{index + 1:05d}", one["shape"][1], one["shape"][0], *one["angles"], *np.ravel(one["corners"]).tolist()]
            for index, one in records]
    write_table(root / "landmarks.csv", rows, COLUMNS)


LAYOUTS = {
    "aasce": Layout("aasce", draw_plan, write_release, write_release_tables, pattern=PATTERN),
    "aasce_pack": Layout("aasce_pack", draw_plan, write_pack, write_pack_table),
}
