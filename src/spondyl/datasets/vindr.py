"""VinDr-SpineXR 1.0.0 (Nguyen et al. 2021, PhysioNet): spine films with boxes of seven classes of lesions.

    annotations/train.csv, test.csv     study_id, series_id, image_id, rad_id, lesion_type, xmin, ymin, xmax, ymax; one row a box
    train_images/<image_id>.dicom       test_images/ the same

A film without findings is one row `No finding` with empty box cells. Coordinates are pixels of the original image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.file_pixels import FilePixels, check_boxes, read_file
from spondyl.datasets.film_records import LesionBox, LesionFilm
from spondyl.datasets.tables import Row, number, read_table
from spondyl.phantom.measured import LESIONS

COLUMNS = ("study_id", "series_id", "image_id", "rad_id", "lesion_type", "xmin", "ymin", "xmax", "ymax")
SPLITS = ("train", "test")
NO_FINDING, OTHER = "No finding", "Other lesions"
RARE = ("Ankylosis", "Enthesophytes", "Fracture", "Sclerotic lesion", "Subchondral sclerosis", "Foreign body")
"""Names of the paper that the release folds into `Other lesions`."""
NAMES: Mapping[str, str] = {
    **{name.lower(): name for name in (*LESIONS, NO_FINDING)}, **{name.lower(): OTHER for name in RARE},
    "spondylolisthesis": "Spondylolysthesis",
}
"""From any accepted spelling, in lower case, to the released one."""


@sources.register("vindr", LesionFilm)
def read(root: Path) -> Iterator[LesionFilm]:
    """The films of train, then of test, in the order of their tables; one of the two may be missing. Pixels: `read_film`.

    Raises:
        InputError: With the table and the line that is wrong.
    """
    tables = [split for split in SPLITS if (root / "annotations" / f"{split}.csv").is_file()]
    if not tables:
        raise InputError("dataset-file-missing", "neither annotations/train.csv nor annotations/test.csv is in the data folder",
                         "Name the folder that holds annotations/ and train_images/")
    films = [film for split in tables for film in _films(root, split)]
    return iter(films)


def _films(root: Path, split: str) -> list[LesionFilm]:
    table = f"annotations/{split}.csv"
    rows: dict[str, list[tuple[int, Row]]] = {}
    for line, row in enumerate(read_table(root, table, COLUMNS, None), start=2):
        if not row["image_id"]:
            raise InputError("dataset-cell-invalid", f"line {line} of {table}: image_id is empty", "Correct the cell")
        rows.setdefault(row["image_id"], []).append((line, row))
    if not rows:
        raise InputError("dataset-table-empty", f"{table} has no rows", "Export the table again, or remove it")
    return [_film(root, split, table, image, own) for image, own in rows.items()]


def _film(root: Path, split: str, table: str, image: str, rows: list[tuple[int, Row]]) -> LesionFilm:
    line, first = rows[0]
    for at, row in rows:
        if (row["study_id"], row["series_id"]) != (first["study_id"], first["series_id"]):
            raise InputError("dataset-row-twice", f"line {at} of {table} puts the image of line {line} into another study or series",
                             "An image belongs to one study")
    lesions = [_lesion(row, table, at) for at, row in rows]
    return LesionFilm(
        split=split, study=first["study_id"], series=first["series_id"], image=image,
        readers=tuple(dict.fromkeys(row["rad_id"] for _, row in rows)), lesions=tuple(one for one in lesions if one is not None),
        path=root / f"{split}_images" / f"{image}.dicom", where=f"line {line} of {table}",
    )


def _lesion(row: Row, table: str, line: int) -> LesionBox | None:
    """The finding of a row, or None for `No finding`."""
    name = NAMES.get(row["lesion_type"].lower())
    if name is None:
        known = [*LESIONS, NO_FINDING]
        raise InputError("dataset-cell-invalid", f"line {line} of {table}: " + describe_unknown("lesion", row["lesion_type"], known),
                         "Correct the cell")
    if name == NO_FINDING:
        return None
    x0, y0, x1, y1 = (number(row, column, table, line) for column in COLUMNS[5:])
    try:
        return LesionBox(name, (x0, y0, x1, y1))
    except ValueError as error:
        raise InputError("dataset-box-outside", f"line {line} of {table}: {error}",
                         "Coordinates are pixels of the original image") from None


def read_film(film: LesionFilm) -> FilePixels:
    """The film's pixels, as the serving reader gives them.

    Raises:
        InputError: `dataset-file-missing`, `dataset-image-unreadable`, or `dataset-box-outside` where a box leaves the film.
    """
    picture = read_file(film.path, film.where)
    check_boxes([lesion.box for lesion in film.lesions], picture.pixels.shape, film.where)
    return picture
