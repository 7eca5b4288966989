"""MR slices as MR Image Storage objects (PS3.3 A.4): legal, without identity, the same bytes from the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from spondyl.datasets.dicom_objects import Owner, decimals, derived_uid, new_object, put_pixels, save, window_of
from spondyl.phantom import Acquisition
from spondyl.phantom.resonance import MrAcquisition, MrSeries

__all__ = ["DESCRIPTIONS", "WHITE", "Place", "derived_uid", "slice_dataset", "write_series", "write_slice"]

WHITE = 4000
"""Stored value of display white of a mid-line slice; the window of each file maps 0..4000 to 0..1 exactly."""
DESCRIPTIONS = {"t1": "T1 TSE SAG", "t2": "T2 TSE SAG", "t2_space": "T2 SPACE SAG", "stir": "STIR SAG"}
SHOWN = (0.5, 99.7)
"""Percentiles of a series that its window shows black and white."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which file of which series of which study it is, for UIDs and tags.

    Attributes:
        root: What the UIDs derive from: seed, role and subject.
        series: Number of the series in the study, from 1.
        instance: Number of the slice in the series, from 1.
        position_mm: ImagePositionPatient.
        orientation: ImageOrientationPatient.
        thickness_mm, gap_mm: Slice thickness, and distance from slice to slice.
        sex, age_years: Of the subject.
    """

    root: str
    series: int
    instance: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    thickness_mm: float = 4.0
    gap_mm: float = 4.4
    sex: str = "O"
    age_years: float = 0.0


def write_slice(path: Path, pixels: NDArray[np.float32], scan: Acquisition, place: Place) -> None:
    """One mid-line slice, 12 bits, explicit little endian, with a preamble and file meta information."""
    save(path, slice_dataset(pixels, scan, place))


def slice_dataset(pixels: NDArray[np.float32], scan: Acquisition, place: Place) -> Dataset:
    """The data set of one mid-line slice, pixels 0..1."""
    ds = _object(scan, place)
    if scan.sequence == "stir":
        ds.InversionTime = "160"
    put_pixels(ds, np.rint(np.clip(pixels, 0, 1) * WHITE).astype("<u2"))
    ds.WindowCenter, ds.WindowWidth = window_of(0, WHITE)
    return ds


def write_series(folder: Path, series: MrSeries, owner: Owner, number: int, instances: Sequence[int] | None = None) -> list[Path]:
    """A rendered series as `<folder>/<instance>.dcm`, with one window for all slices.

    Args:
        number: Of the series in the study, from 1.
        instances: Number of each slice, in its order; 1, 2, ... if left out. They may have gaps.
    """
    low, high = (float(np.rint(value)) for value in np.percentile(series.pixels, SHOWN))
    paths = []
    for k, instance in enumerate(instances or range(1, len(series.pixels) + 1)):
        place = Place(owner.root, number, instance, tuple(series.positions_mm[k]), tuple(series.orientations[k]), series.thickness_mm,
                      series.step_mm, owner.sex, owner.age_years)
        ds = _object(series.acquisition, place)
        if series.inversion_ms is not None:
            ds.InversionTime = f"{series.inversion_ms:.1f}"
        put_pixels(ds, series.pixels[k])
        ds.WindowCenter, ds.WindowWidth = window_of(low, high)
        paths.append(folder / f"{instance}.dcm")
        save(paths[-1], ds)
    return paths


def _object(scan: Acquisition | MrAcquisition, place: Place) -> Dataset:
    """Everything but the pixels."""
    ds = new_object(MRImageStorage, Owner(place.root, place.sex, place.age_years), place.series, place.instance)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = derived_uid(place.root, "frame"), ""
    ds.Modality, ds.BodyPartExamined, ds.PatientPosition = "MR", "LSPINE", "HFS"
    axial = abs(np.cross(place.orientation[:3], place.orientation[3:])[2]) > 0.7
    ds.SeriesDescription = ds.ProtocolName = DESCRIPTIONS[scan.sequence].replace("SAG", "TRA" if axial else "SAG")
    ds.ScanningSequence = ["SE", "IR"] if scan.sequence == "stir" else "SE"
    ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SK", "", "3D" if scan.sequence == "t2_space" else "2D"
    ds.RepetitionTime, ds.EchoTime = f"{scan.tr_ms:.3f}", f"{scan.te_ms:.3f}"
    ds.EchoTrainLength, ds.MagneticFieldStrength = 3 if scan.sequence == "t1" else 17, f"{scan.field_tesla:g}"
    ds.PixelSpacing = decimals(scan.spacing_mm, 6)
    ds.SliceThickness, ds.SpacingBetweenSlices = f"{place.thickness_mm:.6g}", f"{place.gap_mm:.6g}"
    ds.ImageOrientationPatient = [_short(value) for value in place.orientation]
    ds.ImagePositionPatient = decimals(place.position_mm, 4)
    return ds


def _short(value: float) -> str:
    """A direction as DS text of at most 16 characters."""
    return f"{value + 0.0:.10f}".rstrip("0").rstrip(".") if abs(value) > 1e-10 else "0"
