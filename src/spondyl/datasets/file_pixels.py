"""Pixels of a data set's file exactly as the serving reader gives them: VOI applied, MONOCHROME1 inverted, float32 0..1, bright is high."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import config

from spondyl.core import Geometry
from spondyl.core.errors import InputError
from spondyl.datasets.records import Box

MAX_PIXELS = 200_000_000
MAX_INFLATED = 2_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class FilePixels:
    """One picture of a file.

    Attributes:
        pixels: float32 (rows, columns), 0..1.
        spacing_mm: (row, column), or None where the file does not say; for films that is at the detector.
        view: "ap", "lateral", "sagittal", "coronal", "axial" or "unknown", from the file's tags.
        geometry: Where a slice lies in the patient, or None.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None
    view: str
    geometry: Geometry | None


def read_file(path: Path, where: str) -> FilePixels:
    """The first picture of a DICOM, PNG, JPEG or TIFF file, decoded in this process.

    Args:
        where: How the caller knows the file (a table and a line); it stands in the message, the path does not.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    from spondyl.dicom.frames import read_dicom
    from spondyl.dicom.pictures import read_picture
    from spondyl.dicom.sniff import sniff

    if not path.is_file():
        raise InputError("dataset-file-missing", f"{where}: its file is not in the data folder", "Copy the file, or remove the row")
    data = path.read_bytes()
    try:
        with warnings.catch_warnings(), config.disable_value_validation():  # archives break rules that pixels do not need
            warnings.simplefilter("ignore")
            kind = sniff(data)
            if kind in ("png", "jpeg", "tiff"):
                _, frames = read_picture(data, kind, MAX_PIXELS)
            else:
                _, frames = read_dicom(data, MAX_PIXELS, MAX_INFLATED)
            frame = next(iter(frames))
    except (InputError, StopIteration) as error:
        said = error.message if isinstance(error, InputError) else "it holds no frame"
        raise InputError("dataset-image-unreadable", f"{where}: its file cannot be decoded ({said})", "Export the file again") from error
    return FilePixels(frame.pixels, frame.spacing_mm, frame.view, frame.geometry)


def check_boxes(boxes: Iterable[Box], shape: tuple[int, ...], where: str) -> None:
    """Nothing, if every box lies on a picture of (rows, columns); a pixel over its edge is let pass, since some tools count from 1.

    Raises:
        InputError: `dataset-box-outside`.
    """
    rows, columns = shape[:2]
    for box in boxes:
        if box[2] > columns + 1 or box[3] > rows + 1:
            said = ", ".join(f"{value:g}" for value in box)
            raise InputError("dataset-box-outside", f"{where}: the box ({said}) leaves the film of {columns} x {rows} pixels",
                             "Coordinates are pixels of the original image")
