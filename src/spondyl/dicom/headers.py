"""The size a codestream claims, read from its own header before any codec sees it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from spondyl.core import InputError

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a header claims.

    Attributes:
        kind: "jpeg", "jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k", "png" or "tiff".
        rows, columns, samples: Of one frame.
        bits: Per sample.
        complete: Whether the end marker is there.
        ycc: Whether the stream itself says that it holds YCbCr (True), RGB (False), or is silent (None).
        orientation: EXIF orientation 1-8 of a JPEG, 1 when silent.
    """

    kind: str
    rows: int
    columns: int
    samples: int
    bits: int
    complete: bool = True
    ycc: bool | None = None
    orientation: int = 1


def damaged(what: str) -> InputError:
    """The error for pixels that no decoder can make sense of."""
    return InputError("pixel-data-damaged", f"the compressed pixels cannot be decoded: {what}", "Export the image again")


def truncated(what: str) -> InputError:
    """The error for pixels that end too early."""
    return InputError("pixel-data-truncated", f"the pixels end too early: {what}", "Copy or export the file again")


def codestream(data: bytes) -> Codestream | None:
    """Header of a JPEG, JPEG-LS or JPEG 2000 codestream, or None if it is none of them.

    Raises:
        InputError: `pixel-data-damaged` if it begins like one and then makes no sense.
    """
    if data[:2] == b"\xff\xd8":
        return jpeg_header(data)
    at = data.find(b"\xff\x4f\xff\x51", 0, 65536) if data[:12] == b"\x00\x00\x00\x0cjP  \r\n\x87\n" else 0
    return _j2k_header(data, at) if data[at : at + 4] == b"\xff\x4f\xff\x51" else None


def jpeg_header(data: bytes) -> Codestream:
    """Header of a JPEG or JPEG-LS stream, from its markers."""
    frame: tuple[int, int, int, int, int] | None = None
    ycc: bool | None = None
    orientation = 1
    for marker, start, body in _jpeg_segments(data):
        if marker == 0xE0 and body[:5] == b"JFIF\x00":
            ycc = True
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            ycc = body[11] != 0
        elif marker == 0xE1 and body[:6] == b"Exif\x00\x00":
            orientation = _exif_orientation(body[6:])
        elif marker in _SOF and len(body) >= 6:
            bits, rows, columns, samples = struct.unpack(">BHHB", body[:6])
            frame = (marker, rows, columns, samples, bits)
        elif marker == 0xDA:
            if frame is None:
                break
            kind = {0xC3: "jpeg-lossless", 0xF7: "jpeg-ls"}.get(frame[0], "jpeg")
            return Codestream(kind, *frame[1:], data.find(b"\xff\xd9", start) > 0, ycc, orientation)
    raise damaged("no frame header before the scan")


def _jpeg_segments(data: bytes) -> list[tuple[int, int, bytes]]:
    """(marker, offset, body) up to and with the first start of scan."""
    found, at = [], 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise damaged("a JPEG marker is missing")
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, at, data[at + 4 : at + 2 + length]))
        if marker == 0xDA or len(found) > 1000:
            break
        at += 2 + max(length, 2)
    return found


def _exif_orientation(tiff: bytes) -> int:
    """EXIF orientation, 1 (upright) if there is none that makes sense."""
    try:
        tags = tiff_tags(tiff, next(iter(tiff_pages(tiff, limit=1))))
    except (InputError, StopIteration):
        return 1
    value = int(tags.get(274, (1,))[0])
    return value if 1 <= value <= 8 else 1


def _j2k_header(data: bytes, at: int) -> Codestream:
    if len(data) < at + 43:
        raise truncated("the JPEG 2000 header is cut")
    capabilities, xsize, ysize, xoff, yoff = struct.unpack_from(">HIIII", data, at + 6)
    samples, depth = struct.unpack_from(">HB", data, at + 40)
    kind = "htj2k" if capabilities & 0x4000 else "jpeg-2000"
    complete = data.rfind(b"\xff\xd9") > at
    coding = data.find(b"\xff\x52", at + 40, at + 65536)
    transform = coding > 0 and data[coding + 8 : coding + 9] == b"\x01"
    return Codestream(kind, ysize - yoff, xsize - xoff, samples, (depth & 0x7F) + 1, complete, transform)


def png_header(data: bytes) -> Codestream:
    """Size from IHDR."""
    if len(data) < 29 or data[12:16] != b"IHDR":
        raise damaged("a PNG file without its header")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", data, 16)
    samples = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 4)
    return Codestream("png", rows, columns, samples, bits, b"IEND" in data)


def tiff_pages(data: bytes, limit: int) -> list[int]:
    """Offsets of the image file directories, at most `limit + 1`, each once."""
    order = _order(data)
    offsets: list[int] = []
    at = int(struct.unpack_from(order + "I", data, 4)[0]) if len(data) >= 8 else 0
    while at and at not in offsets and len(offsets) <= limit:
        if at + 2 > len(data):
            raise truncated("a TIFF directory lies behind the end of the file")
        offsets.append(at)
        end = at + 2 + 12 * int(struct.unpack_from(order + "H", data, at)[0])
        at = int(struct.unpack_from(order + "I", data, end)[0]) if end + 4 <= len(data) else 0
    return offsets


def tiff_tags(data: bytes, at: int) -> dict[int, tuple[int, ...]]:
    """Whole-number tags of one TIFF directory (at most 2^20 values each)."""
    order, tags = _order(data), {}
    for entry in range(at + 2, at + 2 + 12 * int(struct.unpack_from(order + "H", data, at)[0]), 12):
        if entry + 12 > len(data):
            break
        tag, kind, count = struct.unpack_from(order + "HHI", data, entry)
        letter = {1: "B", 3: "H", 4: "I"}.get(kind)
        if letter is None or not 0 < count <= 2**20:
            continue
        size = struct.calcsize(letter) * count
        where = entry + 8 if size <= 4 else int(struct.unpack_from(order + "I", data, entry + 8)[0])
        if where + size <= len(data):
            tags[tag] = struct.unpack_from(f"{order}{count}{letter}", data, where)
    return tags


def tiff_header(data: bytes, at: int) -> Codestream:
    """Size of one TIFF page, and whether its strips or tiles lie inside the file."""
    tags = tiff_tags(data, at)
    rows, columns = (int(tags.get(tag, (0,))[0]) for tag in (257, 256))
    ends = [
        offset + size
        for offsets, sizes in ((273, 279), (324, 325))
        for offset, size in zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False)
    ]
    bits = int(max(tags.get(258, (1,))))
    return Codestream("tiff", rows, columns, int(tags.get(277, (1,))[0]), bits, max(ends, default=0) <= len(data))


def _order(data: bytes) -> str:
    if data[:2] not in (b"II", b"MM"):
        raise damaged("neither Intel nor Motorola byte order")
    return "<" if data[:2] == b"II" else ">"
