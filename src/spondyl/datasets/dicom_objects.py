"""What every DICOM object of the digital spine shares: derived UIDs, a nameless subject, the same bytes each time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

TOP = 4095


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose object it is.

    Attributes:
        root: What the UIDs derive from: seed, role and subject.
        sex: "F", "M" or "O".
        age_years: 0 is not said.
    """

    root: str
    sex: str = "O"
    age_years: float = 0.0


def derived_uid(*parts: object) -> UID:
    """A UID under 2.25 (PS3.5 B.2) that those parts alone decide: 122 bits of their SHA-256 as a version-8 UUID."""
    digest = bytearray(hashlib.sha256("/".join(str(part) for part in ("spondyl", *parts)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def new_object(sop_class: UID, owner: Owner, series: int, instance: int) -> Dataset:
    """A data set with its meta information, patient, study, series and equipment; explicit little endian until it is compressed."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = derived_uid(owner.root, series, instance)
    ds.file_meta.ImplementationClassUID = derived_uid("implementation")
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = derived_uid(owner.root), derived_uid(owner.root, series)
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName = "20200101", "120000", "", ""
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", series, instance
    ds.Manufacturer, ds.ManufacturerModelName = "Spondyl", "digital spine"
    ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "", "", owner.sex
    ds.PatientID = derived_uid(owner.root, "patient")[5:21]
    if owner.age_years > 0:
        ds.PatientAge = f"{round(owner.age_years):03d}Y"
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "Synthetic: drawn by the Spondyl digital spine"
    ds.BurnedInAnnotation = "NO"
    return ds


def put_pixels(ds: Dataset, stored: NDArray[Any], photometric: str = "MONOCHROME2", bits: int = 12) -> None:
    """Unsigned grey pixels (rows, columns) in cells of 16 bits, or of 8 where `bits` is 8."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, photometric
    ds.Rows, ds.Columns = (int(n) for n in stored.shape)
    allocated = 8 if bits == 8 else 16
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, bits, bits - 1, 0
    data = stored.astype("u1" if bits == 8 else "<u2").tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)


def window_of(low: float, high: float) -> tuple[str, str]:
    """(WindowCenter, WindowWidth) that map `low` to black and `high` to white by PS3.3 C.11.2.1.2."""
    return f"{(low + high + 1) / 2:g}", f"{max(high - low, 1) + 1:g}"


def decimals(values: Any, places: int) -> list[str]:
    """Values as DS text, at most 16 characters."""
    return [f"{float(value):.{places}f}" for value in np.ravel(values)]


def save(path: Path, ds: Dataset, strict: bool = True) -> None:
    """Write the object; `strict` adds the preamble and insists on complete meta information."""
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=strict)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
