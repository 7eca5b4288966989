"""The pixel data element -> one array of stored cells a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, generate_frames

from spondyl.core import InputError
from spondyl.dicom.dataset import transfer_syntax
from spondyl.dicom.decode import check_size, decode_codestream, decode_rle
from spondyl.dicom.headers import Codestream, codestream, damaged, truncated
from spondyl.dicom.pixels import Cells
from spondyl.dicom.tags import TAG_ERRORS, count, word

MAX_FRAMES = 20_000
ITEM = b"\xfe\xff\x00\xe0"
_TAGS = ((0x7FE00010, ""), (0x7FE00008, "f4"), (0x7FE00009, "f8"))


@dataclass(frozen=True, slots=True)
class PixelData:
    """The element as it lies in the file.

    Attributes:
        data: Its bytes.
        floating: "f4", "f8" or "" for whole numbers.
        encapsulated: Compressed frames in items.
        little: Byte order of native cells.
        words: Whether native cells are stored as 16-bit words (VR OW).
        syntax: Transfer syntax UID.
    """

    data: bytes
    floating: str
    encapsulated: bool
    little: bool
    words: bool
    syntax: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What the tags say about the cells, after the codestream's own header was heard.

    Attributes:
        rows, columns, samples, frames: Of the element.
        allocated: Bits of a cell.
        cells: Which of them count.
        photometric: Upper case.
        planar: Colour planes one after another.
        max_pixels: The limit every codestream is held to.
    """

    rows: int
    columns: int
    samples: int
    frames: int
    allocated: int
    cells: Cells
    photometric: str
    planar: bool
    max_pixels: int


def pixel_data(dataset: Dataset) -> PixelData | None:
    """The element that holds the pixels, or None."""
    for tag, floating in _TAGS:
        if tag not in dataset:
            continue
        element = dataset.get_item(tag)
        data = getattr(element, "value", None)
        if not isinstance(data, bytes) or not data:
            continue
        little = bool(getattr(element, "is_little_endian", dataset.original_encoding[1]))
        undefined = getattr(element, "length", 0) == 0xFFFFFFFF or bool(getattr(element, "is_undefined_length", False))
        syntax = transfer_syntax(dataset)
        compressed = undefined or syntax.startswith("1.2.840.10008.1.2.4") or syntax.endswith(".1.2.5")
        encapsulated = not floating and data[:4] == ITEM and compressed
        return PixelData(data, floating, encapsulated, little, getattr(element, "VR", "") == "OW", syntax)
    return None


def read_layout(dataset: Dataset, source: PixelData, max_pixels: int) -> Layout:
    """Sizes and bits, checked against the limit before anything is decoded.

    Raises:
        InputError: `image-too-large`, `tag-unusable`, `pixel-layout-unsupported` or `transfer-syntax-unsupported`.
    """
    first = _first_header(source)
    rows, columns = (count(dataset, keyword, least=1) for keyword in ("Rows", "Columns"))
    if rows is None or columns is None:
        if first is None:
            raise InputError("tag-unusable", "Rows or Columns is missing or empty", "Export the image again")
        rows, columns = first.rows, first.columns
    samples = first.samples if first else count(dataset, "SamplesPerPixel", default=1, least=1) or 1
    frames = count(dataset, "NumberOfFrames", default=1, least=1) or 1
    check_size(rows, columns, samples, frames, max_pixels)
    if frames > MAX_FRAMES or samples not in (1, 3):
        message = f"{frames} frames of {samples} samples a pixel"
        raise InputError("pixel-layout-unsupported", message, f"At most {MAX_FRAMES} frames of 1 or 3 samples are read")
    photometric = word(dataset, "PhotometricInterpretation").upper() or ("RGB" if samples == 3 else "MONOCHROME2")
    allocated, cells = _cells(dataset, source, first)
    return Layout(rows, columns, samples, frames, allocated, cells, photometric, count(dataset, "PlanarConfiguration", 0) == 1, max_pixels)


def _first_header(source: PixelData) -> Codestream | None:
    """Header of the first compressed frame, or None for native and RLE pixels."""
    if not source.encapsulated or source.syntax.endswith(".1.2.5"):
        return None
    try:
        fragments = generate_fragments(source.data)
        next(fragments, None)  # the offset table
        header = codestream(next(fragments, b""))
    except TAG_ERRORS:
        raise damaged("the items that should hold the frames are broken") from None
    if header is None and source.syntax:
        raise InputError(
            "transfer-syntax-unsupported",
            f"pixels of transfer syntax {source.syntax if _is_known(source.syntax) else 'unknown'} are in no codec that is read",
            "Export it uncompressed, or as JPEG, JPEG-LS or JPEG 2000",
        )
    return header


def _is_known(uid: str) -> bool:
    """Whether a UID is one of the standard's own, so that naming it says nothing about anybody."""
    return uid.startswith("1.2.840.10008.1.2") and len(uid) <= 24


def _cells(dataset: Dataset, source: PixelData, header: Codestream | None) -> tuple[int, Cells]:
    """(BitsAllocated, which bits count), each tag believed only as far as it is possible."""
    if source.floating:
        return 8 * int(source.floating[1]), Cells(bits=32)
    known = header.bits if header else 0
    allocated = count(dataset, "BitsAllocated", least=1) or (8 if 0 < known <= 8 else 16)
    if header is not None and allocated < known:
        allocated = 8 if known <= 8 else 16 if known <= 16 else 32
    if allocated not in (1, 8, 16, 32):
        raise InputError("pixel-layout-unsupported", f"cells of {allocated} bits", "Export it with 8, 16 or 32 bits allocated")
    stored = min(count(dataset, "BitsStored", least=1) or known or allocated, allocated)
    signed = count(dataset, "PixelRepresentation", 0) == 1 and allocated > 1
    high = count(dataset, "HighBit")
    shift = high + 1 - stored if high is not None and stored <= high + 1 <= allocated else 0
    if header is not None:
        shift = shift if known > stored else 0
    return allocated, Cells(stored, shift, signed, kept=0 if signed else known)


def frame_cells(source: PixelData, layout: Layout) -> Iterator[tuple[NDArray[Any], str, int]]:
    """(cells, photometric interpretation after decoding, scale) of each frame: (rows, columns) or (rows, columns, 3).

    The scale is that of `decode_codestream`.

    Raises:
        InputError: As `decode_codestream`; `size-mismatch` if a codestream is not as large as the tags say.
    """
    if not source.encapsulated:
        yield from ((cells, layout.photometric, 1) for cells in _native(source, layout))
        return
    for stream in _streams(source, layout.frames):
        yield _compressed(stream, source, layout)


def _streams(source: PixelData, frames: int) -> Iterator[bytes]:
    """The compressed frames. Where each fragment is a frame, the offset table, which may be wrong, is not asked."""
    try:
        found = list(generate_fragments(source.data))[1:]
        if len(found) != frames:
            found = list(generate_frames(source.data, number_of_frames=frames))
    except TAG_ERRORS:
        raise truncated("the items that should hold the frames are broken") from None
    if len(found) < frames:
        raise truncated(f"{len(found)} of {frames} frames are there")
    yield from found[:frames]


def _compressed(stream: bytes, source: PixelData, layout: Layout) -> tuple[NDArray[Any], str, int]:
    header = codestream(stream)
    if header is None:
        planes = decode_rle(stream, layout.rows, layout.columns, layout.samples, max(layout.allocated, 8))
        return (planes if planes.ndim == 2 else planes.transpose(1, 2, 0)), layout.photometric, 1
    check_size(header.rows, header.columns, header.samples, 1, layout.max_pixels, "the compressed frame")
    if (header.rows, header.columns, header.samples) != (layout.rows, layout.columns, layout.samples):
        raise InputError(
            "size-mismatch",
            f"the tags say {layout.rows} x {layout.columns} x {layout.samples}, the compressed frame is "
            f"{header.rows} x {header.columns} x {header.samples}",
            "Export the image again",
        )
    cells, scale = decode_codestream(stream, header, ycc=layout.photometric.startswith("YBR"), whole=not _plain_grey(layout, header))
    if 8 * cells.dtype.itemsize < layout.allocated:
        cells = cells.astype(f"{cells.dtype.kind}{layout.allocated // 8}")
    return cells, _after_decoding(layout, header), scale


def _plain_grey(layout: Layout, header: Codestream) -> bool:
    """Whether samples of the codestream are grey values that may be averaged: no indices, no signs, no bits that do not count."""
    cells = layout.cells
    return layout.photometric.startswith("MONOCHROME") and not cells.signed and cells.bits == cells.width == header.bits


def _after_decoding(layout: Layout, header: Codestream) -> str:
    """JPEG is decoded to RGB, and JPEG 2000 undoes its own colour transform; JPEG-LS knows none."""
    if layout.samples == 1:
        return layout.photometric
    if header.kind in ("jpeg", "jpeg-lossless"):
        return "RGB"
    reversible = header.kind in ("jpeg-2000", "htj2k") and (header.ycc or layout.photometric in ("YBR_RCT", "YBR_ICT"))
    return "RGB" if reversible else layout.photometric


def _native(source: PixelData, layout: Layout) -> Iterator[NDArray[Any]]:
    rows, columns, samples = layout.rows, layout.columns, layout.samples
    pixels = rows * columns * samples
    if layout.photometric == "YBR_FULL_422" and layout.allocated == 8 and len(source.data) < pixels * layout.frames:
        yield from _subsampled(source.data, layout)
        return
    wanted = (pixels * layout.frames * layout.allocated + 7) // 8
    if len(source.data) < wanted:
        raise truncated(f"{len(source.data)} bytes of {wanted} are there")
    if layout.allocated == 1:
        bits = np.unpackbits(np.frombuffer(source.data, np.uint8), bitorder="little", count=pixels * layout.frames)
        yield from (bits.reshape(layout.frames, rows, columns) if samples == 1 else ())
        return
    dtype = np.dtype(source.floating or f"u{layout.allocated // 8}").newbyteorder("<" if source.little else ">")
    cells = np.frombuffer(_unswapped(source, layout), dtype, pixels * layout.frames)
    cells = cells.astype(dtype.newbyteorder("="), copy=False)
    for frame in cells.reshape(layout.frames, -1):
        if samples == 1:
            yield frame.reshape(rows, columns)
        else:
            yield frame.reshape(samples, rows, columns).transpose(1, 2, 0) if layout.planar else frame.reshape(rows, columns, samples)


def _unswapped(source: PixelData, layout: Layout) -> bytes:
    """Big endian words of 8-bit cells hold the second pixel first (PS3.5 8.1.2)."""
    if source.little or not source.words or layout.allocated != 8 or len(source.data) % 2:
        return source.data
    return np.frombuffer(source.data, ">u2").astype("<u2").tobytes()


def _subsampled(data: bytes, layout: Layout) -> Iterator[NDArray[Any]]:
    """YBR_FULL_422: Y1 Y2 Cb Cr for two pixels; the chroma is repeated."""
    rows, columns, size = layout.rows, layout.columns, layout.rows * layout.columns * 2
    if columns % 2 or len(data) < size * layout.frames:
        raise truncated(f"{len(data)} bytes of {size * layout.frames} are there")
    for index in range(layout.frames):
        pairs = np.frombuffer(data, np.uint8, size, index * size).reshape(rows, columns // 2, 4)
        chroma = np.repeat(pairs[..., 2:], 2, axis=1)
        yield np.concatenate([pairs[..., :2].reshape(rows, columns, 1), chroma], axis=-1)
