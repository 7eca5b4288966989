"""Fit the part of a picture that holds something into a fixed frame, and find the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging.affine import Affine, affine_sample, apply_affine, invert


@dataclass(frozen=True, slots=True, eq=False)
class Letterbox:
    """One map between a picture and the frame a network sees.

    Attributes:
        to_source: (2, 3), from frame (x, y) to picture (x, y).
        shape: (rows, columns) of the frame.
    """

    to_source: Affine
    shape: tuple[int, int]

    def forward(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Picture (x, y) to frame (x, y), shape (..., 2)."""
        return apply_affine(invert(self.to_source), points)

    def back(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frame (x, y) to picture (x, y), shape (..., 2)."""
        return apply_affine(self.to_source, points)

    def sample(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The picture as the network sees it, float32 of `shape`, 0 outside."""
        return affine_sample(pixels, self.to_source, self.shape)


def content_box(pixels: NDArray[np.float32], threshold: float = 0.04) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the rows and columns that hold more than background.

    A row or column counts when its 95th percentile exceeds `threshold` of the picture's 99th percentile. A picture with no
    contrast is its own content.
    """
    cut = threshold * float(np.percentile(pixels, 99))
    rows = np.flatnonzero(np.percentile(pixels, 95, axis=1) > cut)
    columns = np.flatnonzero(np.percentile(pixels, 95, axis=0) > cut)
    if len(rows) < 8 or len(columns) < 8:
        return 0, 0, pixels.shape[1], pixels.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def letterbox(box: tuple[float, float, float, float], shape: tuple[int, int]) -> Letterbox:
    """The map that fits `box` (x0, y0, x1, y1) of a picture into the middle of a frame, aspect kept."""
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        raise ValueError(f"a box needs an area, got {box}")
    scale = max((x1 - x0) / shape[1], (y1 - y0) / shape[0])
    x_start = (x0 + x1) / 2 - scale * shape[1] / 2
    y_start = (y0 + y1) / 2 - scale * shape[0] / 2
    return Letterbox(np.array([[scale, 0.0, x_start], [0.0, scale, y_start]]), shape)
