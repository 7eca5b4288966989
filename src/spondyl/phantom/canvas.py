"""Drawing in millimetres: a picture's grid, shapes as signed distances, coverage, blur and seeded textures."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""Maps over a picture: float32 where they are large, float64 where a table was looked up."""
Window = tuple[slice, slice]
EVERYWHERE: Window = (slice(None), slice(None))


@dataclass(frozen=True, slots=True)
class Frame:
    """How a picture lies on the body.

    Attributes:
        rows, columns: Size of the picture.
        spacing_mm: (row, column).
        centre_mm: Body point (x, y) at the middle of the picture.
        rotation_deg: Turn of the body in the picture, positive clockwise.
        origin_px: (x, y) of the first pixel in the padded picture.
    """

    rows: int
    columns: int
    spacing_mm: tuple[float, float]
    centre_mm: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0
    origin_px: tuple[int, int] = (0, 0)

    def to_body(self) -> tuple[Array, Array]:
        """Body coordinates (x, y) in mm of every pixel centre, each float32 (rows, columns)."""
        across = (np.arange(self.columns, dtype=np.float32) - (self.columns - 1) / 2) * self.spacing_mm[1]
        down = (np.arange(self.rows, dtype=np.float32) - (self.rows - 1) / 2) * self.spacing_mm[0]
        c, s = np.cos(np.radians(self.rotation_deg)), np.sin(np.radians(self.rotation_deg))
        x = (c * across)[None, :] + (s * down)[:, None] + self.centre_mm[0]
        y = (-s * across)[None, :] + (c * down)[:, None] + self.centre_mm[1]
        return x.astype(np.float32), y.astype(np.float32)

    def to_pixels(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (n, 2), (x, y) mm of the body, as (x, y) pixels of the padded picture; pixel centres are whole numbers."""
        c, s = np.cos(np.radians(self.rotation_deg)), np.sin(np.radians(self.rotation_deg))
        offset = np.asarray(points, dtype=np.float64) - np.asarray(self.centre_mm)
        across = c * offset[..., 0] - s * offset[..., 1]
        down = s * offset[..., 0] + c * offset[..., 1]
        x = across / self.spacing_mm[1] + (self.columns - 1) / 2 + self.origin_px[0]
        y = down / self.spacing_mm[0] + (self.rows - 1) / 2 + self.origin_px[1]
        return np.stack([x, y], axis=-1)

    def window(self, points: NDArray[np.floating], margin_mm: float) -> Window | None:
        """The rows and columns around those body points, or None where they all lie outside."""
        pixels = self.to_pixels(points) - np.asarray(self.origin_px)
        margin = np.array([margin_mm / self.spacing_mm[1], margin_mm / self.spacing_mm[0]])
        low = np.floor(pixels.min(axis=0) - margin).astype(int)
        high = np.ceil(pixels.max(axis=0) + margin).astype(int) + 1
        x0, y0 = max(low[0], 0), max(low[1], 0)
        x1, y1 = min(high[0], self.columns), min(high[1], self.rows)
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


class Canvas:
    """A signal picture that is painted on, with its body coordinates.

    Attributes:
        x, y: Body coordinates of every pixel, mm.
        signal: float32 (rows, columns).
        pixel_mm: Width of an edge's partial volume.
    """

    def __init__(self, frame: Frame, background: float = 0.0) -> None:
        self.frame = frame
        self.x, self.y = frame.to_body()
        self.signal = np.full((frame.rows, frame.columns), background, dtype=np.float32)
        self.pixel_mm = float(np.mean(frame.spacing_mm))

    def part(self, centre: tuple[float, float] | NDArray[np.floating], reach_mm: float) -> Canvas:
        """The piece of this canvas around a body point; painting on it paints here. It may be empty."""
        window = self.frame.window(np.asarray(centre, np.float64)[None], reach_mm) or (slice(0, 0), slice(0, 0))
        piece = copy(self)
        piece.x, piece.y, piece.signal = self.x[window], self.y[window], self.signal[window]
        return piece

    def paint(self, distance: NDArray[np.floating], value: NDArray[np.floating] | float, window: Window = EVERYWHERE,
              edge_mm: float = 0.0) -> None:
        """Lay `value` where `distance` (mm, negative inside) says, with an edge at least a pixel wide."""
        cover(self.signal[window], coverage(distance, max(self.pixel_mm, edge_mm)), value)


def cover(target: NDArray[np.floating], share: NDArray[np.floating], value: NDArray[np.floating] | float) -> None:
    """target = (1 - share) target + share value, in place."""
    target += share * (value - target)


def coverage(distance: NDArray[np.floating], edge_mm: float) -> NDArray[np.floating]:
    """Share of a pixel inside a shape whose signed distance at its centre is `distance`."""
    return np.asarray(np.clip(0.5 - distance / edge_mm, 0, 1))


def local(x: Array, y: Array, origin: NDArray[np.floating], tilt: float) -> tuple[Array, Array]:
    """(u backward along a plate of that tilt, v toward the head) of body points, mm from the origin."""
    dx, dy = x - np.float32(origin[0]), y - np.float32(origin[1])
    c, s = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    return dx * c - dy * s, -dx * s - dy * c


def box(u: Array, v: Array, half_u: float, half_v: float, radius: float) -> Array:
    """Signed distance to a rounded box around the origin."""
    du, dv = np.abs(u) - (half_u - radius), np.abs(v) - (half_v - radius)
    return np.asarray(rounded(du, dv, 0.0) - np.float32(radius))


def ellipse(u: Array, v: Array, a: float, b: float) -> Array:
    """Approximate signed distance to an ellipse with half axes a and b."""
    r = np.hypot(u / np.float32(a), v / np.float32(b))
    return np.asarray((r - 1) * np.float32(min(a, b)))


def rounded(d1: Array, d2: Array, radius: float) -> Array:
    """Signed distance to where both d1 and d2 are negative, with the corner rounded."""
    a, b = d1 + np.float32(radius), d2 + np.float32(radius)
    return np.asarray(np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - np.float32(radius))


def blur(pixels: NDArray[np.floating], sigma: float) -> Array:
    """Gaussian blur, edges repeated; sigma in pixels."""
    if sigma <= 0.05:
        return pixels.astype(np.float32)
    reach = max(int(np.ceil(3 * sigma)), 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    weights /= weights.sum()
    out = pixels.astype(np.float32)
    for axis in (0, 1):
        widths = [(0, 0), (0, 0)]
        widths[axis] = (reach, reach)
        padded = np.pad(out, widths, mode="edge")
        size = out.shape[axis]
        out = np.zeros_like(out)
        for k, weight in enumerate(weights):
            out += weight * (padded[k:k + size] if axis == 0 else padded[:, k:k + size])
    return out


def upsample(grid: NDArray[np.floating], rows: int, columns: int) -> Array:
    """The grid stretched smoothly over a picture of that size (separable, cosine between knots)."""
    return _stretch(_stretch(grid.astype(np.float32), rows).T, columns).T


def _stretch(grid: Array, size: int) -> Array:
    at = np.linspace(0, grid.shape[0] - 1.001, size, dtype=np.float32)
    low = at.astype(int)
    share = (1 - np.cos((at - low) * np.pi)) / 2
    return np.asarray(grid[low] * (1 - share)[:, None] + grid[low + 1] * share[:, None], np.float32)


class Texture:
    """Smooth noise fixed to the body: the same seed gives the same value at the same body point, in any picture.

    Values are about standard normal; `scale_mm` is the size of a blob.
    """

    def __init__(self, seed: int, stream: int, scale_mm: float, extent_mm: float = 720.0) -> None:
        self._knots = int(extent_mm / scale_mm) + 2
        self._grid = _noise_grid(seed, stream, self._knots)
        self._scale, self._half = scale_mm, extent_mm / 2

    def at(self, x: NDArray[np.floating], y: NDArray[np.floating], stretch: tuple[float, float] = (1.0, 1.0)) -> Array:
        """The noise at body points; `stretch` elongates blobs along (x, y)."""
        (ix, fx), (iy, fy) = self._knot(x, stretch[0]), self._knot(y, stretch[1])
        grid, first = self._grid, iy * np.int32(self._knots) + ix
        low = grid.take(first)
        low += (grid.take(first + 1) - low) * fx
        first += np.int32(self._knots)
        high = grid.take(first)
        high += (grid.take(first + 1) - high) * fx
        low += (high - low) * fy
        return low

    def _knot(self, values: NDArray[np.floating], stretch: float) -> tuple[NDArray[np.int32], Array]:
        """Index of the knot before each value, and the smooth share of the one after."""
        at = np.asarray(values, np.float32) * np.float32(1 / (stretch * self._scale))
        at += np.float32(self._half / self._scale)
        np.clip(at, 0, self._knots - 2 + np.float32(0.999), out=at)
        index = at.astype(np.int32)
        at -= index
        return index, at * at * (3 - 2 * at)


@lru_cache(maxsize=16)
def _noise_grid(seed: int, stream: int, knots: int) -> Array:
    grid = np.random.default_rng((seed, stream)).standard_normal(knots * knots, dtype=np.float32) * np.float32(1.5)
    grid.flags.writeable = False
    return grid
