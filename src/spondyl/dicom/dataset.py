"""Bytes -> pydicom data set, with what pydicom would do without a limit done here with one."""

from __future__ import annotations

import zlib
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from spondyl.core import InputError
from spondyl.dicom.headers import truncated
from spondyl.dicom.tags import TAG_ERRORS

DEFLATED = b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1"
PIXEL_DATA = b"\xe0\x7f\x10\x00"
DIRECTORY = "1.2.840.10008.1.3.10"


def quiet_pydicom() -> None:
    """Stop pydicom from validating what it reads and from quoting values in warnings; for a process of its own."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.convert_wrong_length_to_UN = True


def parse(data: bytes, max_inflated: int) -> Dataset:
    """The data set of a file, with or without preamble and file meta.

    Raises:
        InputError: `dicom-damaged`, or `expands-too-far` for a deflated file beyond `max_inflated` bytes.
    """
    if data[:4] == b"DICM":
        data = bytes(128) + data
    data = _inflate(data, max_inflated)
    try:
        dataset = pydicom.dcmread(BytesIO(data), force=True)
    except (InvalidDicomError, *TAG_ERRORS):
        raise damaged() from None
    if len(dataset) == 0:  # pydicom gives up everything when a file ends inside an element
        raise truncated("the file ends inside an element") if PIXEL_DATA in data else damaged()
    return dataset


def damaged() -> InputError:
    """The error for elements that make no sense."""
    return InputError("dicom-damaged", "the DICOM elements cannot be followed to the end", "Copy or export the file again")


def _inflate(data: bytes, max_inflated: int) -> bytes:
    """The file with its data set expanded and named Explicit Little Endian, if it is deflated; else as it is."""
    if DEFLATED not in data[132:1024] or data[132:136] != b"\x02\x00\x00\x00":
        return data
    start = 144 + int.from_bytes(data[140:144], "little")
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = stream.decompress(data[start:], max_inflated)
    except zlib.error:
        raise damaged() from None
    if stream.unconsumed_tail:
        raise InputError("expands-too-far", f"the deflated data set expands beyond {max_inflated} bytes", "Store it without deflation")
    if not stream.eof:
        raise truncated("the deflated data set is cut")
    return data[:start].replace(DEFLATED, EXPLICIT.ljust(len(DEFLATED), b"\x00")) + plain


def transfer_syntax(dataset: Dataset) -> str:
    """Its UID, "" when the file does not say."""
    meta = getattr(dataset, "file_meta", None)
    return str(meta.get("TransferSyntaxUID", "") or "") if meta is not None else ""


def is_directory(dataset: Dataset) -> bool:
    """Whether the file is a DICOMDIR."""
    meta = getattr(dataset, "file_meta", None)
    return "DirectoryRecordSequence" in dataset or (meta is not None and str(meta.get("MediaStorageSOPClassUID", "")) == DIRECTORY)
