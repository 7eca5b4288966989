"""Compressed frames -> sample arrays: imagecodecs first, then pylibjpeg-openjpeg and pyjpegls. No GDCM, no libjpeg of pylibjpeg.

What a frame is decoded with is read from the codestream itself; the transfer syntax is only believed for RLE, which has no magic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.dicom.headers import Codestream, damaged, truncated
from spondyl.dicom.reduced import decode_reduced

CODEC_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, OSError, ImportError, AttributeError)
"""What codecs raise for bad data or when they are not built in; a crash or a panic is the worker's to survive."""

Array = NDArray[Any]
Decoder = Callable[[bytes, Codestream, bool], Array]


def _jpeg(data: bytes, header: Codestream, ycc: bool) -> Array:
    if header.samples != 3:
        return np.asarray(imagecodecs.jpeg8_decode(data))
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace="YCBCR" if ycc else "RGB", outcolorspace="RGB"))


def _openjpeg(data: bytes, header: Codestream, ycc: bool) -> Array:
    from openjpeg.utils import decode  # the second choice, loaded only when the first one fails

    return np.asarray(decode(data))


def _pyjpegls(data: bytes, header: Codestream, ycc: bool) -> Array:
    import jpeg_ls  # type: ignore[import-untyped]  # it has no types

    return np.asarray(jpeg_ls.decode(np.frombuffer(data, np.uint8)))


DECODERS: dict[str, tuple[Decoder, ...]] = {
    "jpeg": (_jpeg,),
    "jpeg-lossless": (
        _jpeg,
        lambda data, *_: np.asarray(imagecodecs.ljpeg_decode(data)),
        lambda data, *_: np.asarray(imagecodecs.jpegsof3_decode(data)),
    ),
    "jpeg-ls": (lambda data, *_: np.asarray(imagecodecs.jpegls_decode(data)), _pyjpegls),
    "jpeg-2000": (lambda data, *_: np.asarray(imagecodecs.jpeg2k_decode(data)), _openjpeg),
    "htj2k": (
        lambda data, *_: np.asarray(imagecodecs.htj2k_decode(data)),
        lambda data, *_: np.asarray(imagecodecs.jpeg2k_decode(data)),
        _openjpeg,
    ),
}


def decode_codestream(data: bytes, header: Codestream, ycc: bool, whole: bool = True) -> tuple[Array, int]:
    """Samples of one frame, (rows, columns) or (rows, columns, samples), unsigned or signed integers; and their scale.

    The scale is 1, or how many samples a side are one that was repeated (see `dicom.reduced`).

    Args:
        data: The codestream.
        header: Its own header, already checked against the limits.
        ycc: Whether a three-component JPEG that does not say so itself holds YCbCr; the answer is then RGB.
        whole: Whether a big film must keep its whole resolution: False where its cells are plain grey (see `dicom.reduced`).

    Raises:
        InputError: `pixel-data-truncated` or `pixel-data-damaged`.
    """
    if not header.complete:
        raise truncated(f"the {header.kind} stream has no end marker")
    if not whole and (reduced := decode_reduced(data, header)) is not None:
        return reduced
    for decoder in DECODERS[header.kind]:
        try:
            array = decoder(data, header, ycc if header.ycc is None else header.ycc)
        except CODEC_ERRORS:
            continue
        if array.shape[:2] == (header.rows, header.columns):
            return array, 1
    raise damaged(f"no decoder accepts this {header.kind} stream of {header.rows} x {header.columns}")


def decode_rle(data: bytes, rows: int, columns: int, samples: int, allocated: int) -> Array:
    """One RLE frame as (rows, columns) or (samples, rows, columns): segments are colour planes.

    Raises:
        InputError: `pixel-data-truncated` or `pixel-data-damaged`.
    """
    dtype = np.dtype(f"<u{allocated // 8}")
    try:
        plain = imagecodecs.dicomrle_decode(data, dtype)
    except CODEC_ERRORS:
        raise damaged("the RLE segments do not fit together") from None
    wanted = rows * columns * samples * dtype.itemsize
    if len(plain) < wanted:
        raise truncated(f"RLE segments hold {len(plain)} bytes, {wanted} are declared")
    array = np.frombuffer(plain, dtype, rows * columns * samples)
    return array.reshape(rows, columns) if samples == 1 else array.reshape(samples, rows, columns)


def decoders() -> dict[str, str]:
    """Version of each codec on this machine, "missing" where the build has none; for `spondyl doctor`."""
    names = ("jpeg8", "ljpeg", "jpegls", "jpeg2k", "htj2k", "png", "tiff")
    shown_as = ("JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K", "PNG", "TIFF")
    answer = {}
    for shown, name in zip(shown_as, names, strict=True):
        try:
            answer[shown] = str(getattr(imagecodecs, f"{name}_version")())
        except CODEC_ERRORS:
            answer[shown] = "missing"
    return answer


def check_size(rows: int, columns: int, samples: int, frames: int, max_pixels: int, who: str = "the header") -> None:
    """Refuse a size before anything is allocated for it.

    Raises:
        InputError: `image-too-large` over the limit, `tag-unusable` where a side is nothing.
    """
    if min(rows, columns, samples, frames) < 1:
        message = f"{who} says {rows} rows x {columns} columns x {samples} samples x {frames} frames"
        raise InputError("tag-unusable", message, "Export the image again")
    if rows * columns * samples * frames > max_pixels:
        raise InputError(
            "image-too-large",
            f"{who} claims {rows} rows x {columns} columns x {samples} samples x {frames} frames; at most {max_pixels} samples are read",
            "If it is a real image, raise the limit or export it smaller",
        )
