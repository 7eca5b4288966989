"""Pictures as the serving reader sees them: 8-bit luminance / 255 as float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from spondyl.core.errors import InputError


def read_picture(path: Path, where: str) -> NDArray[np.float32]:
    """Luminance of a picture file, float32 (rows, columns), 0..1.

    Args:
        where: How the caller knows the picture (a table and a line); it stands in the message, the path does not.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    if not path.is_file():
        raise InputError("dataset-file-missing", f"{where}: its picture is not in the data folder", "Copy the picture, or remove the row")
    try:
        with Picture.open(path) as picture:
            luminance = np.asarray(picture.convert("L"), dtype=np.float32)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError("dataset-image-unreadable", f"{where}: its picture cannot be decoded ({type(error).__name__})",
                         "Export the picture again") from error
    return luminance / np.float32(255)


def write_picture(path: Path, pixels: NDArray[np.float32]) -> None:
    """An 8-bit grey PNG; values outside 0..1 are clipped. Reading it back is exact to half of 1/255."""
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    Picture.fromarray(levels).save(path, format="PNG")
