"""SPIDER as released: volumes, masks and gradings (van der Graaf et al. 2024, Zenodo 10159290, CC BY 4.0).

    images/<patient>_<t1|t2|t2_SPACE>.mha     masks/ the same names: 1-25 vertebrae from the bottom, 100 canal, 201-225 discs
    radiological_gradings.csv                 one row a disc; header cells carry spaces; rows of disc 0 are void
    overview.csv                              optional: new_file_name, num_discs, ...

The middle slice across the patient is taken, as in the lumbar pack. Voxels are permuted and flipped to stand upright with the front
at the left, never interpolated. A box is the disc's mask in that slice with `cohort.BOX_PADDING_PX` around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InputError, describe_unknown
from spondyl.datasets import sources
from spondyl.datasets.cohort import padded
from spondyl.datasets.metaimage import SAGITTAL, Volume, oriented, read_mha
from spondyl.datasets.records import Box, DiscGrades, DiscSlice
from spondyl.datasets.tables import grades_of, number, read_table

COLUMNS = {"modic": "Modic", "upper_endplate": "UP endplate", "lower_endplate": "LOW endplate", "spondylolisthesis": "Spondylolisthesis",
           "herniation": "Disc herniation", "narrowing": "Disc narrowing", "bulging": "Disc bulging", "pfirrmann": "Pfirrman grade"}
SEQUENCES = {"t1": "t1", "t2": "t2", "t2_SPACE": "t2_space"}
FIRST_DISC, LAST_DISC = 201, 225


@sources.register("spider", DiscSlice)
def read(root: Path) -> Iterator[DiscSlice]:
    """One slice a series, in the order of the file names. Gradings are checked before the first slice.

    Raises:
        InputError: With the table and line, or the number of the volume, that is wrong.
    """
    grades = _grades(root)
    counts = _counts(root)
    volumes = sorted((root / "images").glob("*.mha"))
    if not volumes:
        raise InputError("dataset-file-missing", "images/ holds no .mha volume", "Name the folder that holds images/ and masks/")
    return (_slice(root, path, f"volume {at} of images/", grades, counts) for at, path in enumerate(volumes, start=1))


def _grades(root: Path) -> dict[str, dict[int, DiscGrades]]:
    name = "radiological_gradings.csv"
    table: dict[str, dict[int, DiscGrades]] = defaultdict(dict)
    for line, row in enumerate(read_table(root, name, ("Patient", "IVD label", *COLUMNS.values())), start=2):
        disc = int(number(row, "IVD label", name, line))
        if disc > 0:
            table[row["Patient"]][disc] = grades_of(row, COLUMNS, name, line)
    return table


def _counts(root: Path) -> dict[str, int]:
    """Number of discs by stem, where overview.csv gives it."""
    if not (root / "overview.csv").is_file():
        return {}
    rows = enumerate(read_table(root, "overview.csv", ("new_file_name",), None), start=2)
    return {row["new_file_name"].removesuffix(".mha"): int(number(row, "num_discs", "overview.csv", line))
            for line, row in rows if row.get("num_discs")}


def _slice(root: Path, path: Path, where: str, grades: Mapping[str, Mapping[int, DiscGrades]], counts: Mapping[str, int]) -> DiscSlice:
    patient, _, ending = path.stem.partition("_")
    if ending not in SEQUENCES:
        raise InputError("dataset-cell-invalid", f"{where}: " + describe_unknown("sequence", ending, SEQUENCES), "Rename the volume")
    image = _upright(read_mha(path, where), where)
    mask = _upright(read_mha(root / "masks" / path.name, f"the mask of {where}"), where)
    if image.voxels.shape != mask.voxels.shape:
        raise InputError("dataset-mask-mismatch", f"{where}: {image.voxels.shape} voxels, its mask has {mask.voxels.shape}",
                         "Take image and mask from the same release")
    middle = image.voxels.shape[0] // 2
    pixels = window(image.voxels[middle])
    labels = np.unique(mask.voxels)
    boxes = disc_boxes(mask.voxels[middle])
    own = dict(sorted(grades.get(patient, {}).items()))
    return DiscSlice(
        stem=path.stem, patient=patient, sequence=SEQUENCES[ending], pixels=pixels,
        spacing_mm=(image.spacing_mm[1], image.spacing_mm[0]), boxes=boxes, grades=own,
        boxes_complete=bool(own) and set(boxes) == set(own),
        num_discs=counts.get(path.stem, int(((labels >= FIRST_DISC) & (labels <= LAST_DISC)).sum())),
    )


def _upright(volume: Volume, where: str) -> Volume:
    try:
        return oriented(volume, SAGITTAL)
    except ValueError as error:
        raise InputError("dataset-orientation", f"{where}: {error}", "Resample the volume to the patient's axes") from error


def window(values: NDArray[Any]) -> NDArray[np.float32]:
    """The slice between its 0.5th and 99.5th percentile as float32 0..1; all zeros where it is flat."""
    low, high = np.percentile(values, (0.5, 99.5))
    if not high > low:
        return np.zeros(values.shape, np.float32)
    return np.asarray(np.clip((values.astype(np.float32) - np.float32(low)) / np.float32(high - low), 0, 1), np.float32)


def disc_boxes(mask: NDArray[Any]) -> dict[int, Box]:
    """By disc from the bottom, the padded box of its label (201 is disc 1) in a slice of the mask."""
    boxes: dict[int, Box] = {}
    for label in np.unique(mask):
        if FIRST_DISC <= label <= LAST_DISC:
            rows, columns = np.nonzero(mask == label)
            tight = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
            boxes[int(label) - FIRST_DISC + 1] = padded(tight, mask.shape)
    return boxes
