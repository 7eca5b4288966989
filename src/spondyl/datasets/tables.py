"""CSV tables of data sets, read strictly: a missing file, a column nobody knows, or a cell that is no number is an InputError."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets.records import Box, DiscGrades

Row = Mapping[str, str]


def read_table(root: Path, name: str, required: Collection[str], optional: Collection[str] | None = ()) -> list[dict[str, str]]:
    """Rows of `root/name` as dicts of stripped text; header cells lose the spaces around them.

    Args:
        required: Columns that must be there.
        optional: Columns that may be there; None accepts any.

    Raises:
        InputError: `dataset-file-missing`, `dataset-column-missing`, `dataset-column-unknown` or `dataset-row-short`.
    """
    path = root / name
    if not path.is_file():
        raise InputError("dataset-file-missing", f"{name} is not in the data folder", f"Put {name} there, or name the folder that holds it")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(name, header, required, optional)
        rows = [dict(zip(header, (cell.strip() for cell in row), strict=False)) for row in reader if any(row)]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError("dataset-row-short", f"line {number} of {name} has {len(row)} cells, the header has {len(header)}",
                             "Export the table again")
    return rows


def _check_header(name: str, header: Sequence[str], required: Collection[str], optional: Collection[str] | None) -> None:
    missing = [column for column in required if column not in header]
    if missing:
        raise InputError("dataset-column-missing", f"{name} has no column {missing[0]!r}; it has {', '.join(header) or 'none'}",
                         "Rename the column as in the reference page of the layout")
    unknown = [column for column in header if optional is not None and column not in required and column not in optional]
    if unknown:
        raise InputError("dataset-column-unknown", f"In {name}: " + describe_unknown("column", unknown[0], [*required, *(optional or ())]),
                         "Rename or remove the column")


def number(row: Row, column: str, table: str, line: int) -> float:
    """The cell as a number.

    Raises:
        InputError: `dataset-cell-invalid`, with the cell, its column and its line.
    """
    try:
        return float(row[column])
    except ValueError:
        raise InputError("dataset-cell-invalid", f"line {line} of {table}: {column} is {row[column]!r}, not a number",
                         "Correct the cell") from None


def grades_of(row: Row, columns: Mapping[str, str], table: str, line: int) -> DiscGrades:
    """Grades from a row; `columns` maps the fields of DiscGrades to column names.

    Raises:
        InputError: `dataset-cell-invalid` where a cell is no number or out of its range.
    """
    values = {field: int(number(row, column, table, line)) for field, column in columns.items()}
    try:
        return DiscGrades(**values)
    except ValueError as error:
        raise InputError("dataset-cell-invalid", f"line {line} of {table}: {error}", "Correct the cell") from None


def check_box(box: Box, pixels: NDArray[np.float32], where: str) -> Box:
    """The box, if it has an area and lies inside the image.

    Raises:
        InputError: `dataset-box-outside`, with the box and the size of the image.
    """
    rows, columns = pixels.shape
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
        raise InputError("dataset-box-outside", f"{where}: the box {box} is empty or leaves the image of {columns} x {rows} pixels",
                         "Boxes are x0, y0, x1, y1 in pixels of the image file, half-open")
    return box
