"""The frontal pack: films of SpineWeb data set 16 (Wu et al. 2017, research use only) with one table.

    images/<image>.jpg      8-bit grey
    landmarks.csv           image, group, width_px, height_px, cobb_1_deg, cobb_2_deg, cobb_3_deg, v01_tl_x, v01_tl_y, ... v17_br_y

Films of one study share a group. The order of a vertebra's corners is not reliable and is sorted again. The angles are tilt differences of
vertebral mid-lines that were computed from the landmarks; they are no second reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spondyl.core.errors import InputError
from spondyl.datasets import sources
from spondyl.datasets.corners import CORNERS, VERTEBRAE, check_corners, sorted_corners
from spondyl.datasets.film_records import CornerFilm
from spondyl.datasets.tables import Row, number, read_table

ANGLES = ("cobb_1_deg", "cobb_2_deg", "cobb_3_deg")
POINTS = tuple(f"v{k:02d}_{corner}_{axis}" for k in range(1, VERTEBRAE + 1) for corner in ("tl", "tr", "bl", "br") for axis in "xy")
COLUMNS = ("image", "group", "width_px", "height_px", *ANGLES, *POINTS)


@sources.register("aasce_pack", CornerFilm)
def read(root: Path) -> Iterator[CornerFilm]:
    """The films in the order of landmarks.csv; the table is checked before the first.

    Raises:
        InputError: With the line that is wrong.
    """
    rows = read_table(root, "landmarks.csv", COLUMNS, None)
    films = [_film(root, row, line) for line, row in enumerate(rows, start=2)]
    if len({film.image for film in films}) < len(films):
        raise InputError("dataset-row-twice", "landmarks.csv names an image twice", "Keep one row an image")
    return iter(films)


def _film(root: Path, row: Row, line: int) -> CornerFilm:
    where = f"line {line} of landmarks.csv"
    shape = int(number(row, "height_px", "landmarks.csv", line)), int(number(row, "width_px", "landmarks.csv", line))
    points = np.array([number(row, column, "landmarks.csv", line) for column in POINTS]).reshape(VERTEBRAE, CORNERS, 2)
    check_corners(points.reshape(-1, 2), shape, where)
    one, two, three = (number(row, column, "landmarks.csv", line) for column in ANGLES)
    path = root / "images" / row["image"]
    if not path.is_file():
        raise InputError("dataset-file-missing", f"{where}: its film is not in the data folder", "Copy the film, or remove the row")
    return CornerFilm(None, row["image"], row["group"], sorted_corners(points), (one, two, three), shape, path)
