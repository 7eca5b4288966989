"""Spacing, place and view of a frame, from tags that may be wrong."""

from __future__ import annotations

import re

import numpy as np
from pydicom.dataset import Dataset

from spondyl.core import Geometry
from spondyl.dicom.tags import numbers, word

DOMINANT = 0.75
"""|normal| along one patient axis from which a slice is called by it: up to 41 degrees oblique, as angled discs are scanned."""

_PROJECTIONS = {"AP": "ap", "PA": "ap", "LL": "lateral", "RL": "lateral", "LAT": "lateral", "LATERAL": "lateral", "LLD": "ap", "RLD": "ap"}
_FRONTAL = re.compile(r"(?P<row>[LR])(?:[AP][HF]?|[HF][AP]?)? *\\ *[HF](?:[LR][AP]?|[AP][LR]?)?")
"""PatientOrientation of a frontal film (PS3.3 C.7.6.1.1.1): rows run mainly to a side and columns along the body, slanted at most."""
RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG", "RF", "XA"})
CALIBRATIONS = ("GEOMETRY", "FIDUCIAL")
SAME_SPACING = 1e-3
_FILMS = frozenset({"CR", "DX", "RF", "XA", "RG", "DR", "OT", ""})


def spacing(*places: Dataset) -> tuple[tuple[float, float] | None, str | None]:
    """((row, column) mm, its tag) from the first data set that has a usable one; PixelSpacing before ImagerPixelSpacing."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        for place in places:
            values = numbers(place, keyword)
            if len(values) == 2 and all(1e-4 < value < 100 for value in values):
                return (values[0], values[1]), keyword
    return None, None


def film_source(dataset: Dataset, source: str | None, modality: str) -> str | None:
    """The tag of a spacing, "ImagerPixelSpacing" where PixelSpacing of a radiograph is not told to hold in the patient.

    It does where a calibration is named, or where it is another one than at the detector (PS3.3 10.7.1.3).
    """
    if source != "PixelSpacing" or modality not in RADIOGRAPHS:
        return source
    own, at_detector = numbers(dataset, "PixelSpacing"), numbers(dataset, "ImagerPixelSpacing")
    other = len(own) == len(at_detector) == 2 and any(abs(a / b - 1) > SAME_SPACING for a, b in zip(own, at_detector, strict=True) if b)
    return source if other or word(dataset, "PixelSpacingCalibrationType").upper() in CALIBRATIONS else "ImagerPixelSpacing"


def geometry(position: Dataset, orientation: Dataset) -> Geometry | None:
    """Where the frame lies, or None unless position and a pair of perpendicular directions are there."""
    directions, place = directions_of(orientation), numbers(position, "ImagePositionPatient")
    if directions is None or len(place) != 3 or max(map(abs, place)) > 1e5:
        return None
    return Geometry((place[0], place[1], place[2]), *directions)


Direction = tuple[float, float, float]


def directions_of(orientation: Dataset) -> tuple[Direction, Direction] | None:
    """Row and column direction as unit vectors, or None if ImageOrientationPatient makes no sense."""
    values = numbers(orientation, "ImageOrientationPatient")
    if len(values) != 6:
        return None
    row, column = np.asarray(values[:3]), np.asarray(values[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not all(0.9 < length < 1.1 for length in lengths):
        return None
    row, column = row / lengths[0], column / lengths[1]
    if abs(float(row @ column)) > 0.05:
        return None
    return (float(row[0]), float(row[1]), float(row[2])), (float(column[0]), float(column[1]), float(column[2]))


def view(dataset: Dataset, orientation: Dataset, modality: str) -> str:
    """One of `core.study.VIEWS`: from the slice normal, or for films from ViewPosition and PatientOrientation."""
    directions = directions_of(orientation)
    if directions is not None:
        normal = np.abs(np.cross(*directions))
        axis = int(normal.argmax())
        return ("sagittal", "coronal", "axial")[axis] if normal[axis] >= DOMINANT else "unknown"
    return _projection(dataset) if modality in _FILMS else "unknown"


def left_at(dataset: Dataset, seen: str) -> str | None:
    """Edge of the picture at which the patient's left lies: "left", "right", or None unless PatientOrientation tells it of a frontal film.

    Args:
        dataset: The file.
        seen: Its `view`, which is "ap" for films only.
    """
    match = _FRONTAL.fullmatch(word(dataset, "PatientOrientation")) if seen == "ap" else None
    if match is None:
        return None
    return "right" if match["row"] == "L" else "left"


def _projection(dataset: Dataset) -> str:
    named = _PROJECTIONS.get(word(dataset, "ViewPosition").upper())
    if named:
        return named
    match = re.fullmatch(r"([LRAP])[A-Z]*\\([HF])[A-Z]*", word(dataset, "PatientOrientation").upper())
    if match is None:
        return "unknown"
    return "ap" if match[1] in "LR" else "lateral"
