"""AASCE 2019 / SpineWeb data set 16 (Wu et al. 2017): frontal whole-spine films with the corners of 17 vertebrae. Research use only.

    boostnet_labeldata/data/{training,test}/*.jpg
    boostnet_labeldata/labels/{training,test}/filenames.csv, landmarks.csv, angles.csv      one row a film, no header

Landmarks are 68 x then 68 y, divided by the film's width and height; the order of a vertebra's corners is not reliable and is sorted again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError
from spondyl.datasets import sources
from spondyl.datasets.corners import CORNERS, VERTEBRAE, check_corners, picture_shape, sorted_corners
from spondyl.datasets.film_records import CornerFilm

TOP = "boostnet_labeldata"
SPLITS = {"training": "train", "test": "test"}
POINTS = VERTEBRAE * CORNERS


@sources.register("aasce", CornerFilm)
def read(root: Path) -> Iterator[CornerFilm]:
    """The films of training, then of test, in the order of filenames.csv; one of the two may be missing.

    Raises:
        InputError: With the table and the line that is wrong.
    """
    base = root / TOP if (root / TOP).is_dir() else root
    present = [folder for folder in SPLITS if (base / "labels" / folder).is_dir()]
    if not present:
        raise InputError("dataset-file-missing", f"{TOP}/labels/training is not in the data folder", f"Name the folder that holds {TOP}")
    return (film for folder in present for film in _films(base, folder))


def _films(base: Path, folder: str) -> Iterator[CornerFilm]:
    names, marks, angles = (_rows(base, f"labels/{folder}/{name}.csv", width)
                            for name, width in (("filenames", 1), ("landmarks", 2 * POINTS), ("angles", 3)))
    if not len(names) == len(marks) == len(angles):
        raise InputError("dataset-row-short", f"labels/{folder} has {len(names)} file names, {len(marks)} rows of landmarks and "
                         f"{len(angles)} of angles", "Take the three tables from the same release")
    for line, (name, mark, angle) in enumerate(zip(names, marks, angles, strict=True), start=1):
        path = base / "data" / folder / name[0]
        where = f"line {line} of labels/{folder}/filenames.csv"
        shape = picture_shape(path, where)
        values = _numbers(mark, f"labels/{folder}/landmarks.csv", line)
        points = np.stack([values[:POINTS] * shape[1], values[POINTS:] * shape[0]], axis=-1)
        check_corners(points, shape, where)
        first, second, third = _numbers(angle, f"labels/{folder}/angles.csv", line)
        yield CornerFilm(SPLITS[folder], name[0], name[0], sorted_corners(points.reshape(VERTEBRAE, CORNERS, 2)),
                         (float(first), float(second), float(third)), shape, path)


def _rows(base: Path, name: str, width: int) -> list[list[str]]:
    if not (base / name).is_file():
        raise InputError("dataset-file-missing", f"{name} is not in the data folder", f"Put {name} there")
    with (base / name).open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if row]
    for line, row in enumerate(rows, start=1):
        if len(row) != width:
            raise InputError("dataset-row-short", f"line {line} of {name} has {len(row)} cells, {width} are wanted",
                             "Export the table again")
    return rows


def _numbers(row: list[str], table: str, line: int) -> NDArray[np.float64]:
    try:
        return np.array([float(cell) for cell in row])
    except ValueError as error:
        raise InputError("dataset-cell-invalid", f"line {line} of {table}: {error}", "Correct the cell") from None
