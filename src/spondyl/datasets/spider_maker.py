"""Cohorts in SPIDER's layout: T1 and T2 volumes of several sagittal slices, masks of the volume's materials, gradings, overview."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.masks import CANAL, FIRST_DISC, series_mask
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.tables import write_table
from spondyl.datasets.making.truths import subject_truth, whole_discs
from spondyl.datasets.making.views import built, study_of
from spondyl.datasets.metaimage import Volume, oriented, write_mha
from spondyl.datasets.spider import COLUMNS
from spondyl.phantom.resonance import MrSeries, render_mr

STORED = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
"""How every second subject is stored: axes along the patient's, as many archives do."""


def draw_plan(order: Order, index: int) -> Plan:
    """A subject with a T1 and a T2 series of the same slices."""
    rng = order.rng(index)
    spec = order.subject(rng)
    scans = study_of(rng, spec, order, stir=False)
    return Plan(index, spec, {name: scans[name] for name in ("t1", "t2")})


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """Images and masks of both series, and the subject's rows."""
    volume = built(plan.spec, order.scale)
    truth = subject_truth(volume, order, plan.index)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    counts, discs = [], [0]
    for name, scan in plan.scans.items():
        series = render_mr(volume, scan)
        whole = [disc.from_bottom for disc in whole_discs(truth, series)]
        mask = series_mask(volume, series)
        mask[(mask >= FIRST_DISC) & ~np.isin(mask, [FIRST_DISC - 1 + disc for disc in whole])] = 0
        for folder, voxels in (("images", series.pixels.astype(np.int16)), ("masks", mask)):
            stored = _volume(voxels, series)
            write_mha(root / folder / f"{plan.index + 1}_{name}.mha", oriented(stored, STORED) if plan.index % 2 else stored)
        present = np.unique(mask)
        counts.append([f"{plan.index + 1}_{name}", "training", int(((present > 0) & (present < CANAL)).sum()), len(whole)])
        discs = whole
    by_number = {disc.from_bottom: disc for disc in truth.discs}
    grades: list[list[Any]] = [[plan.index + 1, k, *(getattr(by_number[k], field) for field in COLUMNS)] for k in discs]
    return {"overview": counts, "gradings": [*grades, [plan.index + 1, 0, *[0] * len(COLUMNS)]]}


def _volume(voxels: Any, series: MrSeries) -> Volume:
    """A series of one stack as a volume: columns, rows, slices."""
    direction = series.orientations[0]
    rows, columns = series.spacing_mm
    axes = np.stack([direction[:3], direction[3:], np.cross(direction[:3], direction[3:])])
    x, y, z = (float(v) for v in series.positions_mm[0])
    return Volume(voxels, (columns, rows, series.step_mm), axes, (x, y, z))


def write_tables(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """radiological_gradings.csv, whose header cells have the release's spaces, and overview.csv."""
    rows = [record for _, record in records]
    write_table(root / "radiological_gradings.csv", [line for one in rows for line in one["gradings"]],
                ["Patient", "IVD label ", *(f" {name}" for name in COLUMNS.values())])
    write_table(root / "overview.csv", [line for one in rows for line in one["overview"]],
                ["new_file_name", "subset", "num_vertebrae", "num_discs"])


LAYOUTS = {"spider": Layout("spider", draw_plan, write_subject, write_tables)}
