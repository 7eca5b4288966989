"""A folder of MR slices as a series, ordered along its normal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from spondyl.core.errors import InputError
from spondyl.datasets.film_records import Instance, MrSeries

TAGS = ["ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"]


def read_series(folder: Path, series: str, description: str) -> MrSeries:
    """The files <number>.dcm of a folder, ordered along their normal; by number where they do not say where they lie.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    files = sorted((path for path in folder.glob("*.dcm") if path.stem.isdecimal()), key=lambda path: int(path.stem))
    if not files:
        raise InputError("dataset-file-missing", f"a {description} series of the table has no files named <number>.dcm",
                         "Copy the series, or remove its row")
    heads = [_head(path, description) for path in files]
    directions = next((head[1] for head in heads if head[1] is not None), None)
    normal = np.cross(directions[:3], directions[3:]) if directions is not None else np.zeros(3)
    placed = directions is not None and all(head[0] is not None for head in heads)
    instances = []
    for k, (path, (position, own)) in enumerate(zip(files, heads, strict=True)):
        along = float(normal @ position) if placed and position else float(k)
        instances.append(Instance(int(path.stem), path, position or (0.0, 0.0, 0.0), along, own))
    return MrSeries(series, description, tuple(sorted(instances, key=lambda one: (one.along_mm, one.number))), directions)


def _head(path: Path, description: str) -> tuple[tuple[float, float, float] | None, tuple[float, ...] | None]:
    """ImagePositionPatient and ImageOrientationPatient of a file, None where it does not say."""
    try:
        ds = dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
        position = [float(value) for value in ds.get("ImagePositionPatient") or ()]
        orientation = tuple(float(value) for value in ds.get("ImageOrientationPatient") or ())
    except (InvalidDicomError, AttributeError, ValueError, TypeError, OSError) as error:
        raise InputError("dataset-image-unreadable", f"instance {int(path.stem)} of a {description} series is no DICOM file "
                         f"({type(error).__name__})", "Copy the file again") from error
    return (position[0], position[1], position[2]) if len(position) == 3 else None, orientation if len(orientation) == 6 else None
