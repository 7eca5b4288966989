"""Corners of vertebrae on a frontal film, in an order that can be relied on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from spondyl.core.errors import InputError

VERTEBRAE, CORNERS = 17, 4


def sorted_corners(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four corners of each vertebra as top-left, top-right, bottom-left, bottom-right, (n, 4, 2).

    The two with the smaller x are the left ones: vertebrae are wider than tall, so this holds up to 60 degrees of tilt, where
    sorting by y would fail from about 25.
    """
    across = np.take_along_axis(points, np.argsort(points[..., 0], axis=1, kind="stable")[..., None], axis=1)
    sides = across.reshape(-1, 2, 2, 2)
    down = np.take_along_axis(sides, np.argsort(sides[..., 1], axis=2, kind="stable")[..., None], axis=2)
    return np.asarray(down.transpose(0, 2, 1, 3).reshape(-1, CORNERS, 2))


def picture_shape(path: Path, where: str) -> tuple[int, int]:
    """(rows, columns) of a picture file, from its header.

    Raises:
        InputError: `dataset-file-missing` or `dataset-image-unreadable`.
    """
    if not path.is_file():
        raise InputError("dataset-file-missing", f"{where}: its film is not in the data folder", "Copy the film, or remove the row")
    try:
        with Picture.open(path) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError("dataset-image-unreadable", f"{where}: its film cannot be decoded ({type(error).__name__})",
                         "Export the film again") from error


def check_corners(points: NDArray[np.float64], shape: tuple[int, int], where: str) -> None:
    """Refuse corners that cannot belong to that film; a twentieth of the film beyond its edge is let through.

    Raises:
        InputError: `dataset-point-astray`.
    """
    size = np.array([shape[1], shape[0]])
    if not np.isfinite(points).all() or (points < -0.05 * size).any() or (points > 1.05 * size).any():
        raise InputError("dataset-point-astray", f"{where}: corners lie outside the film of {shape[1]} x {shape[0]} pixels",
                         "Take landmarks and films from the same release")
