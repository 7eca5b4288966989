"""Affine maps between pixel frames, and sampling through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]


def apply_affine(matrix: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (..., 2) as (x, y), mapped by a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(outer: Affine, inner: Affine) -> Affine:
    """The map that does `inner` first, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(matrix: Affine) -> Affine:
    """The map that goes back.

    Raises:
        ValueError: If the map flattens the plane, so that there is no way back.
    """
    if abs(np.linalg.det(matrix[:, :2])) < 1e-12:
        raise ValueError(f"an affine map with determinant 0 has no inverse: {matrix.tolist()}")
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def affine_sample(pixels: NDArray[np.float32], to_source: Affine, shape: tuple[int, int], fill: float = 0.0) -> NDArray[np.float32]:
    """The picture that a map sees: bilinear, with block averaging first where it shrinks by two or more.

    Args:
        pixels: float32, (rows, columns).
        to_source: (2, 3) map from (x, y) of the new picture to (x, y) of `pixels`.
        shape: (rows, columns) of the new picture.
        fill: Value outside the source.

    Returns:
        float32 of that shape.
    """
    factor = int(np.sqrt(abs(np.linalg.det(to_source[:, :2]))))
    if factor >= 2:
        pixels = block_mean(pixels, factor)
        to_source = to_source / factor
    rows, columns = pixels.shape
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32) + 0.5, np.arange(shape[0], dtype=np.float32) + 0.5)
    m = to_source.astype(np.float32)
    source_x = m[0, 0] * x + m[0, 1] * y + (m[0, 2] + 0.5)  # + 1 for the border below, - 0.5 for the pixel centre
    source_y = m[1, 0] * x + m[1, 1] * y + (m[1, 2] + 0.5)
    padded = np.full((rows + 2, columns + 2), np.float32(fill), dtype=np.float32)
    padded[1:-1, 1:-1] = pixels
    np.clip(source_x, 0, columns + 0.999, out=source_x)
    np.clip(source_y, 0, rows + 0.999, out=source_y)
    left, top = source_x.astype(np.int32), source_y.astype(np.int32)
    right_share, bottom_share = source_x - left, source_y - top
    corner = top * (columns + 2) + left
    flat = padded.ravel()
    upper = flat[corner] * (1 - right_share) + flat[corner + 1] * right_share
    lower = flat[corner + columns + 2] * (1 - right_share) + flat[corner + columns + 3] * right_share
    return np.asarray(upper * (1 - bottom_share) + lower * bottom_share, dtype=np.float32)


def block_mean(pixels: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean over factor x factor blocks; rows and columns that do not fill a block repeat the edge."""
    rows, columns = pixels.shape
    pad = ((0, -rows % factor), (0, -columns % factor))
    padded = np.pad(pixels, pad, mode="edge") if any(p[1] for p in pad) else pixels
    shaped = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    return np.asarray(shaped.mean(axis=(1, 3), dtype=np.float32), dtype=np.float32)
