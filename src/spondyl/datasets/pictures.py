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


def write_grey(path: Path, levels: NDArray[np.integer]) -> None:
    """An 8-bit grey PNG of levels 0..255, lightly packed: films are large, and time counts for more than a tenth of their size."""
    Picture.fromarray(levels.astype(np.uint8)).save(path, format="PNG", compress_level=1)


def write_jpeg(path: Path, levels: NDArray[np.integer]) -> None:
    """An 8-bit grey JPEG of levels 0..255."""
    Picture.fromarray(levels.astype(np.uint8)).save(path, format="JPEG", quality=92)
