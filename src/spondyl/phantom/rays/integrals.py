"""Line integrals: grams per cm2 of each basis material along the rays, on a lattice at the detector.

Voxel planes parallel to the detector are summed in slabs, each plane shared between the two nearest reference depths so that its place is
kept to first order, and every slab is projected with its own magnification by linear interpolation, rows first, then columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import column, material
from spondyl.phantom.rays.attenuation import BASIS
from spondyl.phantom.rays.projection import ACROSS_AXIS, DEPTH_AXIS, Projection
from spondyl.phantom.volume import Array, Block, Grid, Volume

SLAB_MM = 3.5
COARSE = 3
"""The trunk is projected on a lattice so many times coarser."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Sample points on the detector, in mm from the picture's middle, before the roll.

    Attributes:
        start_mm: (across, down) of the first point.
        step_mm: Distance of the points.
        shape: (down, across) number of points.
    """

    start_mm: tuple[float, float]
    step_mm: float
    shape: tuple[int, int]

    def across(self) -> NDArray[np.float64]:
        """Positions of the columns, mm."""
        return np.asarray(self.start_mm[0] + np.arange(self.shape[1]) * self.step_mm)

    def down(self) -> NDArray[np.float64]:
        """Positions of the rows, mm."""
        return np.asarray(self.start_mm[1] + np.arange(self.shape[0]) * self.step_mm)

    def coarser(self, factor: int) -> Lattice:
        """A lattice over the same region with points so many times farther apart, one more at the end."""
        rows, columns = (-(-n // factor) + 1 for n in self.shape)
        return Lattice(self.start_mm, self.step_mm * factor, (rows, columns))


def lattice_for(projection: Projection, step_mm: float) -> Lattice:
    """The lattice that covers a picture, whatever its roll, with a margin of two steps."""
    c, s = (abs(f(np.radians(projection.roll_deg))) for f in (np.cos, np.sin))
    width, height = projection.columns * projection.pixel_mm, projection.rows * projection.pixel_mm
    sizes = (c * width + s * height, s * width + c * height)
    counts = [int(np.ceil(size / step_mm)) + 5 for size in sizes]
    starts = [-(n - 1) / 2 * step_mm for n in counts]
    return Lattice((starts[0], starts[1]), step_mm, (counts[1], counts[0]))


def areal_densities(volume: Volume, projection: Projection, step_mm: float) -> tuple[Lattice, Array]:
    """g/cm2 along the rays, (5, down, across) float32 in the order of BASIS: the trunk, and what the fine block changes of its muscle."""
    lattice = lattice_for(projection, step_mm)
    table = np.stack([column(volume.materials, name) for name in BASIS], axis=-1)
    coarse = lattice.coarser(COARSE)
    trunk = integrate(volume.trunk, table, projection, coarse)
    change = table - table[material("muscle")]
    change[0] = 0
    total = integrate(volume.fine, change, projection, lattice)
    for k, plane in enumerate(trunk):
        if plane.any():
            total[k] += refine(plane, COARSE, lattice.shape)
    total *= projection.slant(lattice.across(), lattice.down())
    return lattice, total


def integrate(block: Block, table: Array, projection: Projection, lattice: Lattice) -> Array:
    """g/cm2 (5, down, across) of one block along the rays, for densities `table` (materials, 5) in g/cm3; no slant correction."""
    used = _used_channels(block, table)
    total = np.zeros((len(BASIS), *lattice.shape), np.float32)
    rates = np.ascontiguousarray(table[:, used] * np.float32(block.grid.spacing_mm / 10), np.float32)
    sums = np.zeros((*lattice.shape[::-1], len(used)), np.float32)
    for depth_mm, window, slab in _slabs(block, rates, projection.view):
        _project(slab, window, depth_mm, block.grid, projection, lattice, sums)
    total[used] = sums.transpose(2, 1, 0)
    return total


def refine(plane: Array, factor: int, shape: tuple[int, int]) -> Array:
    """A coarser map on the finer lattice, by linear interpolation."""
    rows, columns = (np.arange(n, dtype=np.float32) / np.float32(factor) for n in shape)
    return stretch(stretch(plane, rows).T, columns).T


def stretch(values: Array, positions: Array) -> Array:
    """Rows of a map at fractional row numbers, linearly interpolated; positions are kept inside the map."""
    at = np.clip(positions, 0, len(values) - 1)
    low = np.minimum(at.astype(np.intp), max(len(values) - 2, 0))
    share = (at - low).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    first = values[low]
    first += share * (values[np.minimum(low + 1, len(values) - 1)] - first)
    return np.asarray(first, np.float32)


def _used_channels(block: Block, table: Array) -> list[int]:
    """Basis materials that occur: soft, fat and mineral always, metals where a voxel holds one."""
    return [k for k, name in enumerate(BASIS) if k < 3 or (table[:, k].any() and bool((block.label == material(name)).any()))]


def _slabs(block: Block, rates: Array, view: str) -> Iterator[tuple[float, tuple[int, int], Array]]:
    """(depth in mm, first (z, across) voxel, grams per cm2 (z, across, channels)) of slabs of planes, empty ones left out."""
    axis = 2 - DEPTH_AXIS[view]
    grid = block.grid
    planes = grid.shape[axis]
    each = max(round(SLAB_MM / grid.spacing_mm), 1)
    z_used, across_used = (block.label.any(axis=tuple({0, 1, 2} - {k})) for k in (0, 3 - axis))
    if not z_used.any():
        return
    rows, columns = (slice(int(np.argmax(used)), len(used) - int(np.argmax(used[::-1]))) for used in (z_used, across_used))
    carried = np.zeros((rows.stop - rows.start, columns.stop - columns.start, rates.shape[1]), np.float32)
    for first in range(0, planes + each, each):
        span = slice(first, min(first + each, planes))
        here, carried = carried, np.zeros_like(carried)
        if span.start < span.stop:
            _add_planes(block, rates, (rows, span, columns) if axis == 1 else (rows, columns, span), axis, each, (here, carried))
        if here.any():
            yield float(grid.origin_mm[2 - axis] + first * grid.spacing_mm), (rows.start, columns.start), here


def _add_planes(block: Block, rates: Array, window: tuple[slice, slice, slice], axis: int, each: int, into: tuple[Array, Array]) -> None:
    """Share the planes of a window between the slab at its first plane and the next one."""
    label = block.label[window]
    if not label.any():
        return
    share = block.share[window].astype(np.float32)[..., None] * np.float32(1 / 255)
    below = rates[block.under[window]]
    values = rates[label]
    values -= below
    values *= share
    values += below
    later = (np.arange(label.shape[axis]) / each).astype(np.float32)
    into[0][...] += np.einsum("zkxc,k->zxc" if axis == 1 else "zykc,k->zyc", values, 1 - later)
    into[1][...] += np.einsum("zkxc,k->zxc" if axis == 1 else "zykc,k->zyc", values, later)


def _project(slab: Array, first: tuple[int, int], depth_mm: float, grid: Grid, projection: Projection, lattice: Lattice, sums: Array) -> None:
    """Add a slab (z, across, channels) to the sums (across, down, channels) where it lands."""
    scale, shift, rise = projection.plane(depth_mm)
    side = ACROSS_AXIS[projection.view]
    across = ((lattice.across() - shift) / scale + projection.centre_mm[side] - grid.origin_mm[side]) / grid.spacing_mm - first[1]
    down = ((-lattice.down() - rise) / scale + projection.centre_mm[2] - grid.origin_mm[2]) / grid.spacing_mm - first[0]
    columns, rows = _landing(across, slab.shape[1]), _landing(down, slab.shape[0])
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    padded = np.pad(slab, ((1, 1), (1, 1), (0, 0)))
    tall = np.ascontiguousarray(stretch(padded, down[rows] + 1).swapaxes(0, 1))
    sums[columns, rows] += stretch(tall, across[columns] + 1)


def _landing(positions: NDArray[np.float64], count: int) -> slice:
    """The lattice points that touch voxels 0 to count - 1."""
    hit = np.flatnonzero((positions > -1) & (positions < count))
    return slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)
