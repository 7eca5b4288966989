"""From a slice to what the networks see. Training and serving both start here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, content_box, letterbox, percentile_scale


def normalised(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The slice with its 1st and 99th content percentile at 0 and 1; background outside the content does not count."""
    x0, y0, x1, y1 = content_box(pixels)
    return percentile_scale(pixels, 1.0, 99.0, sample=pixels[y0:y1, x0:x1])


def locator_frame(pixels: NDArray[np.float32], size: int) -> Letterbox:
    """The content of the slice, fitted into a square of `size` pixels."""
    return letterbox(content_box(pixels), (size, size))
