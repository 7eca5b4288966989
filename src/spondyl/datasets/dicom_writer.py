"""Phantom slices as MR Image Storage objects (PS3.3 A.4): legal, without identity, the same bytes from the same seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from spondyl.phantom import Acquisition

WHITE = 4000
"""Stored value of display white (12 bits); the window of each file maps 0..4000 to 0..1 exactly."""
DESCRIPTIONS = {"t1": "T1 TSE SAG", "t2": "T2 TSE SAG", "t2_space": "T2 SPACE SAG", "stir": "STIR SAG"}


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
    position_mm: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float] = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    thickness_mm: float = 4.0
    gap_mm: float = 4.4
    sex: str = "O"
    age_years: float = 0.0


def derived_uid(*parts: object) -> UID:
    """A UID under 2.25 (PS3.5 B.2) that those parts alone decide: 122 bits of their SHA-256 as a version-8 UUID."""
    digest = bytearray(hashlib.sha256("/".join(str(part) for part in ("spondyl", *parts)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def write_slice(path: Path, pixels: NDArray[np.float32], scan: Acquisition, place: Place) -> None:
    """One slice, 12 bits, explicit little endian, with a preamble and file meta information."""
    dataset = slice_dataset(pixels, scan, place)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    path.write_bytes(buffer.getvalue())


def slice_dataset(pixels: NDArray[np.float32], scan: Acquisition, place: Place) -> Dataset:
    """The data set of one slice, pixels 0..1."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = derived_uid(place.root, place.series, place.instance)
    ds.file_meta.ImplementationClassUID = derived_uid("implementation")
    _identify(ds, scan, place)
    _acquisition(ds, scan, place)
    stored = np.rint(np.clip(pixels, 0, 1) * WHITE).astype("<u2")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = (int(n) for n in stored.shape)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = "2000.5", "4001"
    ds.PixelData = stored.tobytes()
    return ds


def _identify(ds: Dataset, scan: Acquisition, place: Place) -> None:
    """Who and what: a nameless subject; every UID derives from the seed."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, derived_uid(place.root, place.series, place.instance)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = derived_uid(place.root), derived_uid(place.root, place.series)
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = derived_uid(place.root, "frame"), ""
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName = "20200101", "120000", "", ""
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", place.series, place.instance
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "Spondyl", "digital spine"
    ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "", "", place.sex
    ds.PatientID = derived_uid(place.root, "patient")[5:21]
    if place.age_years > 0:
        ds.PatientAge = f"{round(place.age_years):03d}Y"
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "Synthetic: drawn by the Spondyl digital spine"
    ds.BurnedInAnnotation, ds.BodyPartExamined, ds.PatientPosition = "NO", "LSPINE", "HFS"
    ds.SeriesDescription = ds.ProtocolName = DESCRIPTIONS[scan.sequence].replace("SAG", "SAG" if abs(place.orientation[0]) < 0.5 else "TRA")


def _acquisition(ds: Dataset, scan: Acquisition, place: Place) -> None:
    """Sequence and geometry."""
    ds.ScanningSequence = ["SE", "IR"] if scan.sequence == "stir" else "SE"
    ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SK", "", "3D" if scan.sequence == "t2_space" else "2D"
    ds.RepetitionTime, ds.EchoTime = f"{scan.tr_ms:.3f}", f"{scan.te_ms:.3f}"
    ds.EchoTrainLength, ds.MagneticFieldStrength = 3 if scan.sequence == "t1" else 17, f"{scan.field_tesla:g}"
    if scan.sequence == "stir":
        ds.InversionTime = "160"
    ds.PixelSpacing = [f"{mm:.6f}" for mm in scan.spacing_mm]
    ds.SliceThickness, ds.SpacingBetweenSlices = f"{place.thickness_mm:g}", f"{place.gap_mm:g}"
    ds.ImageOrientationPatient = [f"{v:g}" for v in place.orientation]
    ds.ImagePositionPatient = [f"{v:.4f}" for v in place.position_mm]
