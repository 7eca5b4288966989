"""Slices through a block of voxels: the slab's mean over its thickness, at the voxel columns it crosses, then at the points of a plane.

Along the axis nearest to the slice's normal, each voxel counts by the share of the slab that it fills, so partial volume is exact there.
Layers follow the normal, so that walls at right angles to an oblique slice stay sharp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.volume import Block

Complex = NDArray[np.complex64]
Float = NDArray[np.float32]
LEAST_SHIFT = 0.6
"""A slab that leans by less than this many voxels from its middle to its face is summed straight."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A grid of points on a slice's middle plane.

    Attributes:
        first_mm: (x, y, z) of point [0, 0].
        across, down: Steps in mm (3,) of a column and of a row.
        shape: (rows, columns).
    """

    first_mm: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    shape: tuple[int, int]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal."""
        n = np.cross(self.across, self.down)
        return np.asarray(n / np.linalg.norm(n))

    def corners(self) -> NDArray[np.float64]:
        """(4, 3)."""
        rows, columns = self.shape
        ends = [(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)]
        return np.array([self.first_mm + i * self.down + j * self.across for i, j in ends])

    def coordinate(self, axis: int) -> Float:
        """x, y or z (0, 1, 2) of the points in mm; (rows, columns), or broadcastable to it where the plane lies along the axes."""
        down = np.arange(self.shape[0]) * self.down[axis]
        across = np.arange(self.shape[1]) * self.across[axis] + self.first_mm[axis]
        return np.asarray(down[:, None] + across[None, :], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A slab's mean at voxel columns.

    Attributes:
        axes: (a, b, c): the axis along the slab's normal, and those of the arrays, as 0, 1, 2 for x, y, z.
        first: Column indices (b, c) of [0, 0].
        signal: complex64 (nb, nc), water + i fat.
        texture: complex64 (nb, nc), grain + i presence.
    """

    axes: tuple[int, int, int]
    first: tuple[int, int]
    signal: Complex
    texture: Complex


def slab(block: Block, tables: tuple[Complex, Complex], plane: Plane, thickness_mm: float) -> Sheet | None:
    """The mean of per-material tables over a slice's thickness, or None where the slice misses the block."""
    normal, h = plane.normal, block.grid.spacing_mm
    a = int(np.argmax(np.abs(normal)))
    b, c = [(2, 1), (2, 0), (1, 0)][a]
    half = max(thickness_mm * abs(float(normal[a])) / h / 2, 0.25)
    layers = int(np.ceil(2 * half)) + 1
    slope = {k: float(normal[k] / normal[a]) for k in (b, c)}
    margin = {k: int(np.ceil(abs(slope[k]) * (half + 1))) + 1 for k in (b, c)}
    span = [_columns(block, plane, k, margin[k]) for k in (b, c)]
    if any(low >= high for low, high in span):
        return None
    at = [np.arange(low, high) for low, high in span]
    middle = _middle(block, plane, (a, b, c), at)
    size = block.grid.shape[2 - a]
    if middle.max() + half < -0.5 or middle.min() - half > size - 0.5:
        return None
    total = [np.zeros(middle.shape, np.complex64) for _ in tables]
    for index, weight in _layers(block, (a, b, c), at, (middle, half, layers), slope):
        _add(block, tables, index, weight, total)
    return Sheet((a, b, c), (span[0][0], span[1][0]), total[0], total[1])


def _columns(block: Block, plane: Plane, axis: int, margin: int) -> tuple[int, int]:
    """The voxels along an axis that the plane needs."""
    at = (plane.corners()[:, axis] - block.grid.origin_mm[axis]) / block.grid.spacing_mm
    return max(int(at.min()) - 2, margin), min(int(at.max()) + 3, block.grid.shape[2 - axis] - margin)


def _middle(block: Block, plane: Plane, axes: tuple[int, int, int], at: list[NDArray[np.int64]]) -> Float:
    """Where the plane crosses each voxel column, in voxels along the first axis."""
    a, b, c = axes
    h, origin, n = block.grid.spacing_mm, block.grid.origin_mm, plane.normal
    away = [(origin[k] + h * v - plane.first_mm[k]) * n[k] / n[a] for k, v in zip((b, c), at, strict=True)]
    return np.asarray((plane.first_mm[a] - origin[a] - away[0][:, None] - away[1][None, :]) / h, np.float32)


def _layers(block: Block, axes: tuple[int, int, int], at: list[NDArray[np.int64]], extent: tuple[Float, float, int],
            slope: dict[int, float]) -> Iterator[tuple[NDArray[np.int64], Float]]:
    """The voxels of a slab, one layer after the other: flat indices, and each voxel's share of the slab."""
    middle, half, layers = extent
    size, stride = block.grid.shape[2 - axes[0]], _strides(block)
    low, high = middle - np.float32(half), middle + np.float32(half)
    lowest = np.floor(low + np.float32(0.5)).astype(np.int32)
    base = (at[0] * stride[axes[1]])[:, None] + (at[1] * stride[axes[2]])[None, :]
    for j in range(layers):
        k = lowest + np.int32(j)
        weight = np.minimum(k + np.float32(0.5), high) - np.maximum(k - np.float32(0.5), low)
        weight[(k < 0) | (k >= size) | (weight < 0)] = 0
        weight *= np.float32(0.5 / half)
        taps = [(base + np.clip(k, 0, size - 1) * np.int64(stride[axes[0]]), weight)]
        for axis in axes[1:]:
            if abs(slope[axis]) * half > LEAST_SHIFT:
                taps = [tap for index, share in taps for tap in _leaning(index, share, slope[axis] * (k - middle), stride[axis])]
        yield from taps


def _leaning(index: NDArray[np.int64], weight: Float, shift: Float, stride: int) -> list[tuple[NDArray[np.int64], Float]]:
    """A layer moved along an axis by a fraction of voxels: two of them, linear between voxels."""
    whole = np.floor(shift)
    part = (shift - whole).astype(np.float32)
    first = index + whole.astype(np.int64) * stride
    return [(first, weight * (1 - part)), (first + stride, weight * part)]


def _strides(block: Block) -> dict[int, int]:
    """Distance in the flat array of neighbours along x, y, z (0, 1, 2)."""
    _, ny, nx = block.grid.shape
    return {0: 1, 1: nx, 2: nx * ny}


def _add(block: Block, tables: tuple[Complex, Complex], index: NDArray[np.int64], weight: Float, total: list[Complex]) -> None:
    """Add those voxels' mix of the tables, weighted, to the sums. Voxels of material 0, most of a fine block, add nothing."""
    label, under, share = (part.reshape(-1) for part in (block.label, block.under, block.share))
    of = label.take(index).reshape(-1)
    painted = np.flatnonzero(of)
    of, where, parts = of.take(painted), index.reshape(-1).take(painted), weight.reshape(-1).take(painted)
    shares = share.take(where)
    mixed = np.flatnonzero(shares != 255)
    below, rest = under.take(where.take(mixed)), 1 - shares.take(mixed) * np.float32(1 / 255)
    for out, table in zip(total, tables, strict=True):
        value = table.take(of)
        value[mixed] += rest * (table.take(below) - value.take(mixed))
        value *= parts
        out.reshape(-1)[painted] += value


def on_plane(sheet: Sheet, block: Block, plane: Plane) -> tuple[tuple[slice, slice], Complex, Complex]:
    """A sheet at the points of the plane, bilinear: the (rows, columns) that it reaches, and signal and texture there."""
    _, b, c = sheet.axes
    h, origin = block.grid.spacing_mm, block.grid.origin_mm
    window = _reach(sheet, block, plane)
    rows, columns = (np.arange(part.start, part.stop) for part in window)
    place = []
    for axis, first in zip((b, c), sheet.first, strict=True):
        start = (plane.first_mm[axis] - origin[axis]) / h - first
        place.append((start + rows * (plane.down[axis] / h))[:, None] + (columns * (plane.across[axis] / h))[None, :])
    nb, nc = sheet.signal.shape
    inside = (place[0] >= 0) & (place[0] <= nb - 1) & (place[1] >= 0) & (place[1] <= nc - 1)
    low = [np.clip(p.astype(np.int32), 0, n - 2) for p, n in zip(place, (nb, nc), strict=True)]
    fb, fc = ((p - i).astype(np.float32) for p, i in zip(place, low, strict=True))
    first_index = low[0] * np.int64(nc) + low[1]
    fb *= inside
    weights = ((0, (inside - fb) * (1 - fc)), (1, (inside - fb) * fc), (nc, fb * (1 - fc)), (nc + 1, fb * fc))
    outs = []
    for values in (sheet.signal, sheet.texture):
        flat = values.reshape(-1)
        outs.append(sum((flat.take(first_index + step) * weight for step, weight in weights), np.zeros((), np.complex64)))
    return window, outs[0], outs[1]


def _reach(sheet: Sheet, block: Block, plane: Plane) -> tuple[slice, slice]:
    """The rows and columns of the plane whose points can lie over the sheet."""
    _, b, c = sheet.axes
    h, origin = block.grid.spacing_mm, block.grid.origin_mm
    ends = [[origin[k] + h * first, origin[k] + h * (first + n - 1)]
            for k, first, n in zip((b, c), sheet.first, sheet.signal.shape, strict=True)]
    step = np.array([[plane.down[b], plane.across[b]], [plane.down[c], plane.across[c]]])
    points = np.array([[p, q] for p in ends[0] for q in ends[1]]) - plane.first_mm[[b, c]]
    at = np.linalg.solve(step, points.T)
    low, high = np.floor(at.min(axis=1)).astype(int), np.ceil(at.max(axis=1)).astype(int) + 1
    size = np.array(plane.shape)
    low, high = np.clip(low, 0, size), np.clip(high, 0, size)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
