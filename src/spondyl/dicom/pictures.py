"""PNG, JPEG and TIFF -> grey frames over the range that the bit depth gives; a picture has no millimetres."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from spondyl.core import InputError
from spondyl.dicom.decode import CODEC_ERRORS, check_size
from spondyl.dicom.frames import Frame
from spondyl.dicom.headers import Codestream, damaged, jpeg_header, png_header, tiff_header, tiff_pages, tiff_tags, truncated
from spondyl.dicom.pixels import luminance
from spondyl.dicom.wire import Head

MAX_PAGES = 500


def read_picture(data: bytes, kind: str, max_pixels: int) -> tuple[Head, Iterator[Frame]]:
    """Head and frames of a picture; `kind` is "png", "jpeg" or "tiff". Only a TIFF has more than one frame.

    Raises:
        InputError: With the code of what is wrong; the frames may raise too.
    """
    if kind == "tiff":
        pages = tiff_pages(data, MAX_PAGES)
        headers = [tiff_header(data, at) for at in pages[:MAX_PAGES]]
        if not headers or len(pages) > MAX_PAGES:
            raise InputError("pixel-layout-unsupported", f"a TIFF file of {len(pages)} pages or more", f"1 to {MAX_PAGES} are read")
        total = sum(header.rows * header.columns * header.samples for header in headers)
        check_size(1, 1, max(total, 1), 1, max_pixels, "the TIFF header")
        return Head(frames=len(headers)), (_tiff(data, at, index, headers[index]) for index, at in enumerate(pages))
    header = png_header(data) if kind == "png" else jpeg_header(data)
    _check(header, max_pixels)
    return Head(), iter([_frame(_png(data) if kind == "png" else _jpeg(data, header))])


def _check(header: Codestream, max_pixels: int) -> None:
    check_size(header.rows, header.columns, header.samples, 1, max_pixels, f"the {header.kind} header")
    if not header.complete:
        raise truncated(f"the {header.kind} file is cut")


def _png(data: bytes) -> NDArray[Any]:
    try:
        return np.asarray(imagecodecs.png_decode(data))
    except CODEC_ERRORS:
        raise damaged("the PNG stream is broken") from None


def _jpeg(data: bytes, header: Codestream) -> NDArray[Any]:
    try:
        if header.samples == 4:  # CMYK: Pillow knows Adobe's inverted inks
            return np.asarray(Pillow.open(BytesIO(data)).convert("RGB"))
        samples = np.asarray(imagecodecs.jpeg8_decode(data))
    except (*CODEC_ERRORS, Pillow.DecompressionBombError):
        raise damaged("the JPEG stream is broken") from None
    return upright(samples, header.orientation)


def upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The picture as a viewer turns it: EXIF orientation 1-8."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples[:, ::-1] if orientation in (2, 3, 6, 7) else samples


def _tiff(data: bytes, at: int, index: int, header: Codestream) -> Frame:
    _check(header, header.rows * header.columns * header.samples)
    tags = tiff_tags(data, at)
    photometric = tags.get(262, (1,))[0]
    try:
        samples = np.asarray(imagecodecs.tiff_decode(data, index))
    except CODEC_ERRORS:
        raise damaged("the TIFF page is broken") from None
    if photometric == 3:
        samples = _coloured(samples, tags.get(320, ()))
    if samples.dtype.kind == "i":
        raise InputError("pixel-layout-unsupported", "a TIFF of signed numbers", "Save it with unsigned 8 or 16 bits")
    if samples.ndim == 3 and samples.shape[0] in (3, 4) and samples.shape[1:] == (header.rows, header.columns):
        samples = samples.transpose(1, 2, 0)
    if photometric == 0:
        samples = ~samples if samples.dtype == bool else samples.dtype.type(_top(samples)) - samples
    return _frame(samples)


def _coloured(indices: NDArray[Any], colours: tuple[int, ...]) -> NDArray[np.uint16]:
    """TIFF palette: all reds, then greens, then blues, 16 bits each."""
    if len(colours) < 3 or len(colours) // 3 <= int(indices.max()):
        raise damaged("the TIFF palette is too short")
    table = np.asarray(colours[: len(colours) // 3 * 3], np.uint16).reshape(3, -1).T
    return np.asarray(table[indices])


def _top(samples: NDArray[Any]) -> float:
    return 1.0 if samples.dtype.kind in "bf" else float(np.iinfo(samples.dtype).max)


def _frame(samples: NDArray[Any]) -> Frame:
    """Grey over the range of the data type. Transparent parts become black."""
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] > 4):
        raise InputError("pixel-layout-unsupported", f"a picture of {samples.ndim} dimensions", "Save it as grey or RGB")
    if samples.dtype.kind == "f" and not (samples.min(initial=0) >= 0 and samples.max(initial=1) <= 1):
        raise InputError("no-display-range", "a picture of floating-point numbers outside 0..1", "Save it with 8 or 16 bits")
    top, colour = _top(samples), False
    if samples.ndim == 2 or samples.shape[2] <= 2:
        plain = samples if samples.ndim == 2 else samples[..., 0]
        grey = plain.astype(np.float32) / np.float32(top)
    else:
        grey, colour = luminance(samples, top)
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        grey = grey * (samples[..., -1].astype(np.float32) / np.float32(top))
    return Frame(np.ascontiguousarray(grey, np.float32), colour=colour)
