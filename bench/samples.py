"""Pictures to measure on: slices of the digital spine, written by `spondyl phantom`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


class NotMeasuredError(Exception):
    """This build has not got what the measurement needs; the row says so instead of a figure."""


def spondyl(*arguments: str) -> list[str]:
    """The command line of this environment."""
    return [str(Path(sys.executable).parent / "spondyl"), *arguments]


def make_slice(folder: Path) -> Path:
    """The middle sagittal T2 slice of a study, DICOM, somewhere in `folder`.

    Raises:
        NotMeasuredError: If the command fails.
    """
    command = spondyl("phantom", "make", "--layout", "dicom", "--subjects", "1", "--seed", "7", "--out", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasuredError("`spondyl phantom make --layout dicom` gives no T2 slice")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    return folder / next(row["file"] for row in truth["subjects"][0]["slices"] if row["sequence"] == "t2")


def write_variant(source: Path, target: Path, number: int) -> None:
    """A copy with other UIDs and a few other pixels: a study of its own."""
    import pydicom
    from pydicom.uid import generate_uid

    dataset = pydicom.dcmread(source)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (generate_uid() for _ in range(3))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    pixels = bytearray(dataset.PixelData)
    pixels[0:4] = number.to_bytes(4, "little") if dataset.BitsAllocated == 8 else bytes([number % 256, 0, number // 256, 0])
    dataset.PixelData = bytes(pixels)
    dataset.save_as(target)
