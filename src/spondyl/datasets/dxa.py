"""DXA folders: bone density pictures by class.

    {train,val,test}/{normal,osteopenia,osteoporosis}/*     or two classes, or one folder a class without splits
    subjects.csv                                            optional: file, and where known patient_id, sex, age, bmd_g_cm2, t_score, region
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from spondyl.core.errors import InputError
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import FilePixels, read_file
from spondyl.datasets.film_records import DensityPicture
from spondyl.datasets.folders import beside, filed

CLASSES = ("normal", "osteopenia", "osteoporosis")
FOLDERS = {**{name: name for name in CLASSES}, "osteoporotic": "osteoporosis", "osteopenic": "osteopenia", "healthy": "normal"}
COLUMNS = ("patient_id", "sex", "age", "bmd_g_cm2", "t_score", "region")


@sources.register("dxa", DensityPicture)
def read(root: Path) -> Iterator[DensityPicture]:
    """The pictures by split, class and name. Pixels: `read_picture`.

    Raises:
        InputError: Where folders or subjects.csv are not in the layout.
    """
    files = list(filed(root, FOLDERS, splits_needed=False))
    table = beside(root, "subjects.csv", (), COLUMNS, {one.file for one in files})
    return iter([_picture(one.split, one.label, one.file, one.path, table.get(one.file, {})) for one in files])


def _picture(split: str | None, label: str, file: str, path: Path, row: Mapping[str, str]) -> DensityPicture:
    age, bmd, t = (_number(row, column) for column in ("age", "bmd_g_cm2", "t_score"))
    sex = row.get("sex", "").upper()[:1]
    if sex not in ("", "F", "M"):
        raise InputError("dataset-cell-invalid", f"in subjects.csv: sex is {row['sex']!r}", "Write F or M")
    return DensityPicture(split, label, file, path, row.get("patient_id") or None, sex or None, age, bmd, t, row.get("region") or None)


def _number(row: Mapping[str, str], column: str) -> float | None:
    text = row.get(column, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise InputError("dataset-cell-invalid", f"in subjects.csv: {column} is {text!r}, not a number", "Correct the cell") from None


def read_picture(picture: DensityPicture) -> FilePixels:
    """The picture's pixels, as the serving reader gives them.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    return read_file(picture.path, f"a picture of class {picture.who_class}")
