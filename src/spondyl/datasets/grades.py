"""Graded folders: spine films by degeneration grade.

    {train,val,test}/grade_{0..4}/*.{png,jpg,jpeg,tif,dcm}     folders may also be called 0 to 4; all may lie in dataset/
    patients.csv                                               optional: file, patient_id, and where known study_id, view
    discs.csv                                                  optional: file, disc, xmin, ymin, xmax, ymax, grade; one row a disc

Without patients.csv patients are unknown, and whatever is measured is image-level. discs.csv is ours: it says
which discs of a film have which grade, and where they lie, so that networks can be told where to look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import FilePixels, check_boxes, read_file
from spondyl.datasets.film_records import GradedDisc, GradedFilm
from spondyl.datasets.folders import SPLITS, beside, filed
from spondyl.datasets.tables import Row, number, read_table

GRADES = range(5)
FOLDERS = {**{f"grade_{grade}": str(grade) for grade in GRADES}, **{str(grade): str(grade) for grade in GRADES}}
DISCS_TABLE = "discs.csv"
DISC_COLUMNS = ("file", "disc", "xmin", "ymin", "xmax", "ymax", "grade")
VIEWS = {"ap": "frontal", "pa": "frontal", "frontal": "frontal", "lat": "lateral", "lateral": "lateral"}


@sources.register("grades", GradedFilm)
def read(root: Path) -> Iterator[GradedFilm]:
    """The films by split, grade and name. Pixels: `read_film`.

    Raises:
        InputError: Where folders, patients.csv or discs.csv are not in the layout.
    """
    base = _base(root)
    files = list(filed(base, FOLDERS, splits_needed=True))
    table = beside(base, "patients.csv", ("patient_id",), ("study_id", "view"), {one.file for one in files})
    discs = _discs(base, {one.file for one in files})
    return (GradedFilm(one.split or "", int(one.label), one.file, table.get(one.file, {}).get("patient_id") or None,
                       table.get(one.file, {}).get("study_id") or None, _view(table.get(one.file, {}).get("view", "")), one.path,
                       discs.get(one.file, ()))
            for one in files)


def _base(root: Path) -> Path:
    return root / "dataset" if (root / "dataset").is_dir() else root


def class_folders(root: Path) -> dict[str, set[int]]:
    """The grades that each split folder has a folder for, with or without films in it."""
    return {split: {int(FOLDERS[path.name.lower()]) for path in (_base(root) / split).iterdir()
                    if path.is_dir() and path.name.lower() in FOLDERS}
            for split in SPLITS if (_base(root) / split).is_dir()}


def _discs(base: Path, files: Collection[str]) -> dict[str, tuple[GradedDisc, ...]]:
    """The discs of each film; empty where there is no such table."""
    if not (base / DISCS_TABLE).is_file():
        return {}
    found: dict[str, dict[str, GradedDisc]] = {}
    for line, row in enumerate(read_table(base, DISCS_TABLE, DISC_COLUMNS, None), start=2):
        file = row["file"].replace("\\", "/")
        if file not in files:
            raise InputError("dataset-row-astray", f"line {line} of {DISCS_TABLE} names no film of the data folder",
                             "Write the path under the data folder, with forward slashes")
        if row["disc"] in found.setdefault(file, {}):
            raise InputError("dataset-row-twice", f"line {line} of {DISCS_TABLE} names the disc {row['disc']!r} of a film again",
                             "Keep one row")
        found[file][row["disc"]] = _disc(row, line)
    return {file: tuple(rows.values()) for file, rows in found.items()}


def _disc(row: Row, line: int) -> GradedDisc:
    x0, y0, x1, y1 = (number(row, column, DISCS_TABLE, line) for column in DISC_COLUMNS[2:6])
    if row["grade"] not in FOLDERS:
        raise InputError("dataset-cell-invalid", f"line {line} of {DISCS_TABLE}: grade is {row['grade']!r}, not one of 0 to 4",
                         "Correct the cell")
    try:
        return GradedDisc(row["disc"], (x0, y0, x1, y1), int(FOLDERS[row["grade"]]))
    except ValueError as error:
        raise InputError("dataset-box-outside", f"line {line} of {DISCS_TABLE}: {error}",
                         "Coordinates are pixels of the original image") from None


def _view(text: str) -> str | None:
    if text and text.lower() not in VIEWS:
        raise InputError("dataset-cell-invalid", "in patients.csv: " + describe_unknown("view", text, VIEWS), "Correct the cell")
    return VIEWS[text.lower()] if text else None


def read_film(film: GradedFilm) -> FilePixels:
    """The film's pixels, as the serving reader gives them.

    Raises:
        InputError: `dataset-file-missing`, `dataset-image-unreadable`, or `dataset-box-outside` where a disc leaves the film.
    """
    where = f"a film of grade {film.grade} in {film.split}/"
    picture = read_file(film.path, where)
    check_boxes([disc.box for disc in film.discs], picture.pixels.shape, where)
    return picture
