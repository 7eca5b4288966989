"""Line integrals: grams per cm2 of each basis material along the rays, on a lattice at the detector.

Voxel planes parallel to the detector are summed in slabs, each plane shared between the two nearest reference depths so that its place is
kept to first order, and every slab is projected with its own magnification by linear interpolation, rows first, then columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import column, material
from spondyl.phantom.rays.attenuation import BASIS
from spondyl.phantom.rays.planes import narrowed, planes
from spondyl.phantom.rays.projection import ACROSS_AXIS, DEPTH_AXIS, Projection
from spondyl.phantom.volume import Array, Block, Grid, Volume, Window

SLAB_MM, TRUNK_SLAB_MM = 3.5, 8.4
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
    """g/cm2 along the rays, (5, down, across) float32 in the order of BASIS: the trunk, and what the fine block puts in its place."""
    lattice = lattice_for(projection, step_mm)
    table = np.stack([column(volume.materials, name) for name in BASIS], axis=-1)
    coarse = lattice.coarser(COARSE)
    trunk = integrate(volume.trunk, table, projection, coarse, TRUNK_SLAB_MM, hold=True)
    total = integrate(volume.fine, table, projection, lattice, SLAB_MM, over=volume.trunk)
    for k, plane in enumerate(trunk):
        if plane.any():
            total[k] += refine(plane, COARSE, lattice.shape)
    total *= projection.slant(lattice.across(), lattice.down())
    return lattice, total


def integrate(
    block: Block, table: Array, projection: Projection, lattice: Lattice, slab_mm: float, hold: bool = False, over: Block | None = None,
) -> Array:
    """g/cm2 (5, down, across) of one block along the rays, for densities `table` (materials, 5) in g/cm3; no slant correction.

    Args:
        slab_mm: Distance of the reference depths.
        hold: Let the lowest and the highest voxels go on for ever, as a body does beyond its block.
        over: A coarser block that this one is painted over; the answer is what changes against it.
    """
    total = np.zeros((len(BASIS), *lattice.shape), np.float32)
    rates = table * np.float32(block.grid.spacing_mm / 10)
    window = _visible(block.grid, projection, lattice)
    if window is None:
        return total
    window = narrowed(block, window, DEPTH_AXIS[projection.view], slab_mm, material("none" if over else "air"))
    used, depths, slabs = planes(block, rates, DEPTH_AXIS[projection.view], slab_mm, window, over)
    seen = _seen_grid(block.grid, window)
    sums = np.zeros((len(used), *lattice.shape[::-1]), np.float32)
    for j, depth_mm in enumerate(depths):
        _project(slabs[j], depth_mm, seen, projection, lattice, sums, hold)
    total[used] = sums.swapaxes(1, 2)
    return total


def refine(plane: Array, factor: int, shape: tuple[int, int]) -> Array:
    """A coarser map on the finer lattice, by linear interpolation."""
    rows, columns = (np.arange(n, dtype=np.float32) / np.float32(factor) for n in shape)
    return stretch(stretch(plane, rows).T, columns).T


def stretch(values: Array, positions: NDArray[np.floating]) -> Array:
    """Rows of a map at fractional row numbers, linearly interpolated; positions are kept inside the map."""
    at = np.clip(positions, 0, len(values) - 1)
    low = np.minimum(at.astype(np.intp), max(len(values) - 2, 0))
    share = (at - low).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    first = values[low]
    change = values[np.minimum(low + 1, len(values) - 1)]
    change -= first
    change *= share
    first += change
    return np.asarray(first, np.float32)


def _visible(grid: Grid, projection: Projection, lattice: Lattice) -> Window | None:
    """The voxels whose rays can reach the lattice, or None."""
    axis = DEPTH_AXIS[projection.view]
    ends = [grid.origin_mm[axis] + k * grid.spacing_mm for k in (-1, grid.shape[2 - axis])]
    corners = np.array([(u, v) for u in lattice.across()[[0, -1]] for v in lattice.down()[[0, -1]]])
    spots = np.concatenate([projection.to_plane(corners, end) for end in ends])
    return grid.window(spots.min(axis=0) - 2 * grid.spacing_mm, spots.max(axis=0) + 2 * grid.spacing_mm)


def _seen_grid(grid: Grid, window: Window) -> Grid:
    """The grid of a window's voxels."""
    x, y, z = (grid.origin_mm[k] + window[2 - k].start * grid.spacing_mm for k in range(3))
    sizes = [part.stop - part.start for part in window]
    return Grid((x, y, z), grid.spacing_mm, (sizes[0], sizes[1], sizes[2]))


def _project(
    slab: NDArray[np.floating], depth_mm: float, grid: Grid, projection: Projection, lattice: Lattice, sums: Array, hold: bool,
) -> None:
    """Add a slab (channels, z, across) to the sums (channels, across, down) where it lands."""
    hit = np.asarray(slab.any(axis=0))
    tall, wide = (_extent(np.asarray(hit.any(axis=k))) for k in (1, 0))
    if tall.start >= tall.stop:
        return
    scale, shift, rise = projection.plane(depth_mm)
    side = ACROSS_AXIS[projection.view]
    across = ((lattice.across() - shift) / scale + projection.centre_mm[side] - grid.origin_mm[side]) / grid.spacing_mm - wide.start
    down = ((-lattice.down() - rise) / scale + projection.centre_mm[2] - grid.origin_mm[2]) / grid.spacing_mm - tall.start
    if hold:
        down = np.clip(down, -0.999 if tall.start else 0, tall.stop - tall.start - (1 if tall.stop == slab.shape[1] else 0.001))
    columns, rows = _extent((across > -1) & (across < wide.stop - wide.start)), _extent((down > -1) & (down < tall.stop - tall.start))
    edged = np.pad(slab[:, tall, wide], ((0, 0), (1, 1), (1, 1)))
    for padded, into in zip(edged, sums, strict=True):
        half = np.ascontiguousarray(stretch(padded, down[rows] + 1).T)
        into[columns, rows] += stretch(half, across[columns] + 1)


def _extent(hit: NDArray[np.bool_]) -> slice:
    """From the first to the last hit; empty without one."""
    found = np.flatnonzero(hit)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)
