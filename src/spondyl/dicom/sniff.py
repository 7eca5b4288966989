"""What a file is, from its first bytes; never from its name."""

from __future__ import annotations

from typing import Literal

PREAMBLE = 128
HEAD = 512
"""Bytes that `sniff` needs to see."""

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "bigtiff"),
    (b"MM\x00+", "bigtiff"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BM", "bmp"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"ObjectType =", "metaimage"),
    (b"NRRD000", "nrrd"),
    (b"\x00\x00\x00\x0cjP  ", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
)

_ORDERS: tuple[Literal["little"], Literal["big"]] = ("little", "big")
_FIRST_GROUPS = (0x0002, 0x0004, 0x0008)
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OW PN SH SL SQ SS ST TM UC UI UL UN UR US UT".split())


def sniff(data: bytes) -> str:
    """ "dicom", "png", "jpeg", "tiff", "zip", the name of another format that is not read, or "unknown".

    A DICOM file without its preamble is known by a first element that makes sense.
    """
    if data[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return "dicom"
    for magic, kind in MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[344:348] in (b"n+1\x00", b"ni1\x00"):
        return "nifti"
    return "dicom" if data[:4] == b"DICM" or _starts_with_an_element(data) else "unknown"


def _starts_with_an_element(data: bytes) -> bool:
    """Whether the first eight bytes are an element of group 0002, 0004 or 0008 in any transfer syntax."""
    if len(data) < 8:
        return False
    for order in _ORDERS:
        group, element = (int.from_bytes(data[at : at + 2], order) for at in (0, 2))
        if group in _FIRST_GROUPS and element < 0x3000:
            length = int.from_bytes(data[4:8], order)
            if data[4:6] in _VRS or (order == "little" and length <= 0x400 and length % 2 == 0):
                return True
    return False


def zero_preamble(data: bytes) -> bytes:
    """The same file with a blank 128-byte preamble, which may hold anything, such as another file; others as they are."""
    return bytes(PREAMBLE) + data[PREAMBLE:] if data[PREAMBLE : PREAMBLE + 4] == b"DICM" else data
