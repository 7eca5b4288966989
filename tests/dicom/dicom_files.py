"""Files for the reading tests, made on the spot: small, and with a patient whose identity must never come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from spondyl.dicom import Reader, ReadReport, Source

KEY = b"a key of the test suite"
NAME, IDENT, BIRTH, UID = "Wunderlich^Zebedeus", "ID-77310042", "19510923", "1.2.826.0.1.3680043.8.498.7731004277310042"
SECRETS = ("Wunderlich", "Zebedeus", IDENT, BIRTH, UID, "7731004277310042")


def plasma(rows: int = 24, columns: int = 20, bits: int = 12, seed: int = 0) -> NDArray[np.uint16]:
    """A smooth picture that uses the whole range of `bits`."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(rows, columns)).cumsum(0).cumsum(1)
    walk = (walk - walk.min()) / (walk.max() - walk.min())
    return np.round(walk * (2**bits - 1)).astype(np.uint16)


def dataset(pixels: NDArray[Any], bits: int = 12, **tags: Any) -> Dataset:
    """An MR image of these stored values (unsigned or signed whole numbers), uncompressed; tags override."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    made.PatientName, made.PatientID, made.PatientBirthDate = NAME, IDENT, BIRTH
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid(UID[:30] + ".")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID + ".1", UID + ".2"
    made.Modality, made.PhotometricInterpretation, made.SamplesPerPixel = "MR", "MONOCHROME2", 1
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated = 8 * pixels.dtype.itemsize
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes() + bytes(pixels.nbytes % 2)
    made["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    with unchecked():
        for keyword, value in tags.items():
            if keyword in made:
                del made[keyword]
            if value is not None:
                setattr(made, keyword, value)
    return made


@contextmanager
def unchecked() -> Iterator[None]:
    """Write what the standard forbids."""
    settings = pydicom.config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before


def compressed(made: Dataset, syntax: str, frames: Sequence[bytes]) -> Dataset:
    """The same with its pixels replaced by these codestreams."""
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate(list(frames))
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def written(made: Dataset, **options: Any) -> bytes:
    """The file's bytes."""
    buffer = BytesIO()
    with unchecked():
        pydicom.dcmwrite(buffer, made, enforce_file_format=options.pop("enforce_file_format", True), **options)
    return buffer.getvalue()


def read(reader: Reader, folder: Path, *files: bytes, name: str = "image", pair: bool = False) -> ReadReport:
    """Write the files into a folder and read them one by one as named sources."""
    sources = []
    for index, data in enumerate(files):
        path = folder / f"{index:04d}.{name}"
        path.write_bytes(data)
        sources.append(Source(path, f"case {index}"))
    return reader.read(sources, pair=pair)


def code_of(report: ReadReport) -> str:
    """The code of the one thing that was skipped."""
    assert not report.studies
    (row,) = report.skipped
    assert row.message
    return row.code


PNG: Callable[..., bytes] = imagecodecs.png_encode
