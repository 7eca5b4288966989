"""The plain picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from spondyl.core import Image


def slice_png(image: Image) -> bytes:
    """The image as an 8-bit grey PNG of its own size, 0..1 shown as black to white."""
    return encode(Picture.fromarray(grey(image)))


def grey(image: Image) -> NDArray[np.uint8]:
    """uint8 (rows, columns): 0..1 of the display range as 0..255."""
    pixels = np.nan_to_num(image.pixels, nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def encode(picture: Picture.Image) -> bytes:
    """PNG bytes; the same picture gives the same bytes."""
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()
