"""Heat maps laid over the picture, on one colour scale for every image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from spondyl.core import HeatMap
from spondyl.imaging import affine_sample, apply_affine, invert
from spondyl.reports.slice_png import encode

STOPS = np.array([[40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]], np.float32)
"""Colours from 0 to 1, evenly spaced: dark violet to light yellow (after the colour map "inferno"), readable without colour vision."""
MOST_SIDE = 640
OPACITY = 0.7
"""Opacity where the map is 1; it falls to nothing where the map is 0."""


def overlay(heat: HeatMap, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The map in place on the picture: RGBA uint8, (rows, columns, 4) of `shape`; transparent outside the map's own frame.

    A value has the same colour in every image: nothing is stretched to the map's own largest value.
    """
    canvas = np.zeros((*shape, 4), np.uint8)
    x0, y0, x1, y1 = _footprint(heat, shape)
    if x1 <= x0 or y1 <= y0:
        return canvas
    canvas[y0:y1, x0:x1] = colours(_placed(heat, (x0, y0, x1, y1)))
    return canvas


def colours(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGBA of values 0..1 (clipped), shape (..., 4)."""
    clipped = np.clip(values, 0, 1)
    at = clipped * (len(STOPS) - 1)
    scale = np.arange(len(STOPS))
    channels = [np.interp(at, scale, STOPS[:, channel]) for channel in range(3)]
    return np.rint(np.stack([*channels, clipped * OPACITY * 255], axis=-1)).astype(np.uint8)


def reduced_overlay(heat: HeatMap, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The overlay of a picture of `shape`, made at most MOST_SIDE pixels a side: a map has no finer detail, and a film has many pixels."""
    scale = min(1.0, MOST_SIDE / max(shape))
    rows, columns = (max(1, round(side * scale)) for side in shape)
    stretch = np.array([[columns / shape[1]], [rows / shape[0]]])
    return overlay(replace(heat, to_image=heat.to_image * stretch), (rows, columns))


def heat_png(heat: HeatMap, shape: tuple[int, int]) -> bytes:
    """The overlay as a PNG with transparency, to be stretched over the picture: of its own size, or reduced where that is large."""
    return encode(Picture.fromarray(reduced_overlay(heat, shape)))


def _footprint(heat: HeatMap, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the pixels that the map can reach."""
    rows, columns = heat.values.shape
    corners = apply_affine(heat.to_image, np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], np.float64))
    low = np.clip(np.floor(corners.min(axis=0)), 0, (shape[1], shape[0])).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, (shape[1], shape[0])).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _placed(heat: HeatMap, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Values on the pixels of `box`, 0 where the pixel's centre lies outside the map. The edge of the map is repeated, not faded."""
    x0, y0, x1, y1 = box
    rows, columns = heat.values.shape
    to_map = invert(heat.to_image)
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    at = apply_affine(to_map, np.stack([x, y], axis=-1))
    inside = (at >= 0).all(axis=-1) & (at[..., 0] <= columns) & (at[..., 1] <= rows)
    from_box = to_map.copy()
    from_box[:, 2] = apply_affine(to_map, np.array([x0, y0], np.float64)) + 1
    values = affine_sample(np.pad(heat.values, 1, mode="edge"), from_box, (y1 - y0, x1 - x0))
    return np.where(inside, values, np.float32(0)).astype(np.float32)
