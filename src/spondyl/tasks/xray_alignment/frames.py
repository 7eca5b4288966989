"""The frames in which networks see a whole-spine film: the film, the column closer up, one vertebra. Training and serving share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, affine_sample, letterbox
from spondyl.imaging.affine import block_mean

Points = NDArray[np.float64]
Pixels = NDArray[np.float32]
WIDTH_SHARE = 0.5
"""Of the columns of a vertebra's frame that the vertebra fills."""
FILM_NEAR, VERTEBRA_NEAR = 1 / 16, 1 / 4
"""Reach over which greys are made even, in rows of a film's and of a vertebra's frame."""
GREY, SPREAD, LEAST_SPREAD = 0.5, 0.2, 0.02
"""Grey of the local mean, grey of one local standard deviation, and what is added to it so that empty film stays empty."""
MARGIN = (0.35, 0.9)
"""Room around the column in widths of a vertebra: above and below, left and right."""
ENOUGH_ROWS = 1280
"""Rows that a film needs: those that the networks were taught on have no more."""
SAMPLE_STEP = 4
"""Percentiles are taken over every fourth row and column."""
DARK, BRIGHT = 0.5, 99.5
"""Percentiles of a film that become 0 and 1; nothing is clipped, so that a bright abdomen keeps its bones."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Sizes in pixels, (rows, columns).

    Attributes:
        film: What the detector sees.
        vertebra: What the second look sees.
        gate: What the gate sees.
    """

    film: tuple[int, int] = (512, 256)
    vertebra: tuple[int, int] = (80, 96)
    gate: tuple[int, int] = (192, 96)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Frames:
        """From the `frames` of a bundle's settings."""
        (a, b), (c, d), (e, f) = (map(int, settings[name]) for name in ("film", "vertebra", "gate"))
        return cls((a, b), (c, d), (e, f))

    def as_dict(self) -> dict[str, list[int]]:
        """As a bundle keeps it."""
        return {"film": list(self.film), "vertebra": list(self.vertebra), "gate": list(self.gate)}


def reduced(pixels: Pixels) -> tuple[Pixels, int]:
    """(the film with blocks of pixels averaged where it has twice ENOUGH_ROWS or more, pixels a side of a block)."""
    factor = max(pixels.shape[0] // ENOUGH_ROWS, 1)
    return (block_mean(pixels, factor), factor) if factor > 1 else (pixels, 1)


def scaled(pixels: Pixels) -> Pixels:
    """The film with its own range at 0..1, what lies beyond it kept.

    Args:
        pixels: float32 (rows, columns), as `core.Image` holds them.
    """
    low, high = np.percentile(pixels[::SAMPLE_STEP, ::SAMPLE_STEP], [DARK, BRIGHT])
    return np.asarray((pixels - np.float32(low)) / np.float32(max(high - low, 1e-6)), np.float32)


def film_frame(film: tuple[int, int], shape: tuple[int, int]) -> Letterbox:
    """The whole film of that shape fitted into a frame, aspect kept."""
    return letterbox((0.0, 0.0, float(film[1]), float(film[0])), shape)


def close_frame(corners: Points, shape: tuple[int, int]) -> Letterbox:
    """The column, with room around it, fitted into a frame.

    Args:
        corners: (n, 4, 2) of the vertebrae that were found, pixels (x, y) of the film.
    """
    width = float(np.median(widths(corners)))
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    up, aside = MARGIN[0] * (high[1] - low[1]) / 2, MARGIN[1] * width
    return letterbox((float(low[0] - aside), float(low[1] - up / 2), float(high[0] + aside), float(high[1] + up / 2)), shape)


def vertebra_frame(corners: Points, shape: tuple[int, int]) -> Letterbox:
    """One vertebra upright in the middle of a frame, as wide as WIDTH_SHARE of it.

    Args:
        corners: (4, 2) top-left, top-right, bottom-left, bottom-right; pixels (x, y) of the film.
    """
    across = (corners[[1, 3]].mean(axis=0) - corners[[0, 2]].mean(axis=0)) / (shape[1] * WIDTH_SHARE)
    linear = np.column_stack([across, [-across[1], across[0]]])
    return Letterbox(np.column_stack([linear, corners.mean(axis=0) - linear @ (np.array([shape[1], shape[0]]) / 2)]), shape)


def widths(corners: Points) -> NDArray[np.float64]:
    """(n,) lengths of the mid-lines of (n, 4, 2) corners."""
    return np.asarray(np.linalg.norm(corners[:, (1, 3)].mean(axis=1) - corners[:, (0, 2)].mean(axis=1), axis=1))


def looked_at(pixels: Pixels, frame: Letterbox) -> Pixels:
    """Part of a film through a frame: what lies around the part is not touched, which is quicker than `Letterbox.sample` and the same."""
    ends = frame.back(np.array([[0.0, 0.0], [frame.shape[1], 0.0], [0.0, frame.shape[0]], [frame.shape[1], frame.shape[0]]]))
    room = 2 + 2 * int(np.sqrt(abs(np.linalg.det(frame.to_source[:, :2]))))
    x0, y0 = np.maximum(np.floor(ends.min(axis=0)).astype(int) - room, 0)
    x1, y1 = np.ceil(ends.max(axis=0)).astype(int) + room
    part = pixels[y0:max(y1, y0 + 1), x0:max(x1, x0 + 1)]
    if part.size == 0:
        return np.zeros(frame.shape, np.float32)
    moved = frame.to_source - np.array([[0.0, 0.0, x0], [0.0, 0.0, y0]])
    return affine_sample(part, moved, frame.shape)


def even(picture: Pixels, near: float) -> Pixels:
    """Greys with the local mean at GREY and the local spread at SPREAD, 0..1: films differ in exposure, and within themselves.

    Args:
        picture: float32 (rows, columns), 0..1.
        near: What is local: so large a share of the rows to each side.
    """
    reach = max(round(picture.shape[0] * near), 1)
    mean, square = _near(picture, reach), _near(picture * picture, reach)
    spread = np.sqrt(np.maximum(square - mean * mean, 0)) + np.float32(LEAST_SPREAD)
    return np.asarray(np.clip((picture - mean) / spread * np.float32(SPREAD) + np.float32(GREY), 0, 1), np.float32)


def _near(picture: Pixels, reach: int) -> Pixels:
    """Mean over the square around each pixel, edges repeated."""
    size = 2 * reach + 1
    down = np.cumsum(np.pad(picture, ((reach + 1, reach), (0, 0)), mode="edge"), axis=0, dtype=np.float32)
    out = down[size:] - down[:-size]
    across = np.cumsum(np.pad(out, ((0, 0), (reach + 1, reach)), mode="edge"), axis=1, dtype=np.float32)
    return np.asarray((across[:, size:] - across[:, :-size]) * np.float32(1 / size**2), np.float32)
