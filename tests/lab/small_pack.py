"""A pack of the digital spine that a tiny locator learns in seconds: small slices of the lowest discs, T1 and T2 of each subject."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from spondyl.datasets.cohort import grades_of_truth, padded
from spondyl.datasets.pictures import write_picture
from spondyl.datasets.spider_pack import BOXES, GRADES, SERIES
from spondyl.phantom import Acquisition, SagittalSlice, draw_subject, render_sagittal

T2 = Acquisition("t2", rows=132, columns=100, spacing_mm=(1.2, 1.2), centre_mm=(4.0, -45.0), noise=0.01)
T1 = replace(T2, sequence="t1", tr_ms=550.0, te_ms=11.0)
PATIENTS = 9


def subject_slices(index: int) -> dict[str, SagittalSlice]:
    """T1 and T2 of one subject."""
    spec = draw_subject(np.random.default_rng(100 + index), "uniform")
    turn = {"rotation_deg": index % 5 * 2.0 - 4, "centre_mm": (4.0, -45.0 + index % 3 * 4), "noise_seed": index}
    return {"t1": render_sagittal(spec, replace(T1, **turn)), "t2": render_sagittal(spec, replace(T2, **turn))}


def write_small_pack(root: Path) -> None:
    """The pack at `root`, in the layout `spider_pack`; every disc is boxed."""
    (root / "images").mkdir(parents=True)
    series: list[list[object]] = [list(SERIES)]
    gradings: list[list[object]] = [["patient", "disc_from_bottom", *GRADES]]
    boxes: list[list[object]] = [list(BOXES)]
    for index in range(PATIENTS):
        patient = index + 1
        slices = subject_slices(index)
        discs = slices["t2"].truth.discs
        gradings += [[patient, d.from_bottom, *(getattr(grades_of_truth(d), name) for name in GRADES)] for d in discs]
        for name, slice_ in slices.items():
            write_picture(root / "images" / f"{patient}_{name}.png", slice_.pixels)
            series.append([f"{patient}_{name}", patient, name, len(discs), slice_.spacing_mm[0]])
            boxes += [[f"{patient}_{name}", patient, d.from_bottom, *map(int, padded(d.box, slice_.pixels.shape, 3)), 1] for d in discs]
    for file, rows in (("series.csv", series), ("gradings.csv", gradings), ("disc_boxes.csv", boxes)):
        with (root / file).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)
