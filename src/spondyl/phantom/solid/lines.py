"""Bent rods in a block, laid at the few voxels that are close to their lines: ribs, vessels of the lungs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.volume import Array, Block, Grid

STEP = 2.0
"""Distance of the places along a line that are looked at, in voxels."""
Points = NDArray[np.float64]


def evenly(points: Points, step: float) -> Points:
    """The line through the points (n, 3), in even steps of at most that many mm."""
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, way[-1], max(int(np.ceil(way[-1] / step)) + 1, 3))
    return np.stack([np.interp(at, way, points[:, k]) for k in range(3)], axis=-1)


def near_lines(
    grid: Grid, lines: list[Points], radius_mm: float, flat: tuple[float, float] = (1.0, 1.0),
) -> tuple[NDArray[np.intp], Array]:
    """Voxels of a grid, counted through, around rods along lines of even steps of `STEP`, and their signed distances in mm.

    `flat`: squares of how much less thick, and how much less high than round the rods are.
    """
    edge = grid.spacing_mm
    points, along = np.concatenate(lines), np.concatenate([np.gradient(line, axis=0) for line in lines])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    cube = _ball(radius_mm / float(np.sqrt(min(flat))) / edge + 1.4)
    first = np.rint((points - grid.origin_mm) / edge).astype(np.int32)
    rest = (first * edge + grid.origin_mm - points).astype(np.float32)
    dx, dy, dz = (rest[:, k, None] + (cube[:, k] * edge).astype(np.float32) for k in range(3))
    ax, ay, az = (along[:, k, None].astype(np.float32) for k in range(3))
    t = dx * ax + dy * ay + dz * az
    away = np.float32(flat[0]) * (np.square(dx - t * ax) + np.square(dy - t * ay)) + np.float32(flat[1]) * np.square(dz - t * az)
    good = np.flatnonzero((np.abs(t) < 0.75 * STEP * edge) & (away < (radius_mm + edge / 2) ** 2))
    line, spot = np.divmod(good, len(cube))
    at, d = first[line] + cube[spot], np.sqrt(away.ravel()[good]) - np.float32(radius_mm)
    held = ((at >= 0) & (at < grid.shape[::-1])).all(axis=1)
    return _least((at[held, 2] * grid.shape[1] + at[held, 1]) * grid.shape[2] + at[held, 0], d[held])


def paint_at(block: Block, at: NDArray[np.intp], cover: Array, material: int) -> None:
    """As `Block.paint`, at chosen voxels, counted through; none of them twice."""
    label, under, share = (a.reshape(-1) for a in (block.label, block.under, block.share))
    under[at] = np.where(share[at] >= 128, label[at], under[at])
    label[at], share[at] = material, np.rint(cover * 255).astype(np.uint8)


def _ball(radius: float) -> NDArray[np.int32]:
    """Whole steps (n, 3) within that many voxels."""
    reach = np.arange(-int(radius), int(radius) + 1, dtype=np.int32)
    steps = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(steps[np.square(steps).sum(axis=1) <= radius * radius])


def _least(at: NDArray[np.intp], values: Array) -> tuple[NDArray[np.intp], Array]:
    """Each place once, with the least of its values."""
    order = np.lexsort((values, at))
    at, values = at[order], values[order]
    new = np.concatenate([[True], at[1:] != at[:-1]])[:len(at)]
    return np.asarray(at[new], np.intp), values[new]
