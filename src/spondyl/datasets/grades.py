"""Graded folders: spine films by degeneration grade.

    {train,val,test}/grade_{0..4}/*.{png,jpg,jpeg,tif,dcm}     folders may also be called 0 to 4; all may lie in dataset/
    patients.csv                                               optional: file, patient_id, and where known study_id, view

Without patients.csv patients are unknown, and whatever is measured is image-level.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import FilePixels, read_file
from spondyl.datasets.film_records import GradedFilm
from spondyl.datasets.folders import beside, filed

GRADES = range(5)
FOLDERS = {**{f"grade_{grade}": str(grade) for grade in GRADES}, **{str(grade): str(grade) for grade in GRADES}}
VIEWS = {"ap": "frontal", "pa": "frontal", "frontal": "frontal", "lat": "lateral", "lateral": "lateral"}


@sources.register("grades", GradedFilm)
def read(root: Path) -> Iterator[GradedFilm]:
    """The films by split, grade and name. Pixels: `read_film`.

    Raises:
        InputError: Where folders or patients.csv are not in the layout.
    """
    base = root / "dataset" if (root / "dataset").is_dir() else root
    files = list(filed(base, FOLDERS, splits_needed=True))
    table = beside(base, "patients.csv", ("patient_id",), ("study_id", "view"), {one.file for one in files})
    return (GradedFilm(one.split or "", int(one.label), one.file, table.get(one.file, {}).get("patient_id") or None,
                       table.get(one.file, {}).get("study_id") or None, _view(table.get(one.file, {}).get("view", "")), one.path)
            for one in files)


def _view(text: str) -> str | None:
    if text and text.lower() not in VIEWS:
        raise InputError("dataset-cell-invalid", "in patients.csv: " + describe_unknown("view", text, VIEWS), "Correct the cell")
    return VIEWS[text.lower()] if text else None


def read_film(film: GradedFilm) -> FilePixels:
    """The film's pixels, as the serving reader gives them.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    return read_file(film.path, f"a film of grade {film.grade} in {film.split}/")
