"""Voxels to slabs: grams per cm2 of each basis material between planes, each voxel shared between the two nearest reference depths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.rays.attenuation import BASIS
from spondyl.phantom.volume import Array, Block, Grid, Window

Slabs = NDArray[np.floating]
Bytes = NDArray[np.uint8]
AT_ONCE = 4
"""Slices summed together: little enough to stay in the processor's cache."""
FULL = 0.25
"""Share of painted voxels above which all of them are looked up, not only the painted ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What a coarser block says where a finer one is painted over it.

    Attributes:
        amounts: (channels, voxels) of the coarser block, in the unit of the finer one's rates.
        shape: (z, y, x) of those voxels.
        near: For z, y and x: the coarse voxel in which each fine one lies.
    """

    amounts: Array
    shape: tuple[int, ...]
    near: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]

    def spots(self) -> NDArray[np.intp]:
        """Flat number of the coarse voxel of each fine one of the lowest z: (y, x) flattened."""
        return np.add.outer(self.near[1].astype(np.intp) * self.shape[2], self.near[2]).ravel()

    def steps(self) -> NDArray[np.intp]:
        """How much larger those numbers are at each z."""
        return self.near[0].astype(np.intp) * (self.shape[1] * self.shape[2])


def cover_of(over: Block, rates: Array, grid: Grid, window: Window) -> Cover:
    """The coarser block under a window of a finer grid, by the nearest voxel; rates (channels, materials)."""
    near, parts = [], []
    for k, name in enumerate("zyx"):
        at = (grid.axis(name, window) - over.grid.origin_mm[2 - k]) / over.grid.spacing_mm
        index = np.clip(np.rint(at), 0, over.grid.shape[k] - 1).astype(np.int32)
        parts.append(slice(int(index[0]), int(index[-1]) + 1))
        near.append(index - index[0])
    part = (parts[0], parts[1], parts[2])
    amounts = np.stack([over.lookup(rate, part).ravel() for rate in rates])
    return Cover(amounts, over.label[part].shape, (near[0], near[1], near[2]))


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where the voxels of a few slices fall, flattened; the same for all slices.

    Attributes:
        bins: Number of the slab's column, (slices, slabs, across) flattened.
        later: Share that goes to the next slab.
        spots: Number of the coarser block's voxel in the lowest slice.
    """

    bins: NDArray[np.intp]
    later: Array
    spots: NDArray[np.intp] | None


def narrowed(block: Block, window: Window, axis: int, slab_mm: float, empty: int) -> Window:
    """The window without the slabs and columns that hold no material above `empty` at any height."""
    each = _planes_of_slab(block, slab_mm)
    seen = block.label[window].max(axis=0) > empty
    parts = [window[0]]
    for k in (1, 2):
        hit = np.flatnonzero(seen.any(axis=2 - k))
        first, last = (int(hit[0]), int(hit[-1]) + 1) if len(hit) else (0, 1)
        first -= first % each if 2 - k == axis else 0
        parts.append(slice(window[k].start + first, window[k].start + last))
    return parts[0], parts[1], parts[2]


def _planes_of_slab(block: Block, slab_mm: float) -> int:
    return max(round(slab_mm / block.grid.spacing_mm), 1)


def planes(
    block: Block, rates: Array, axis: int, slab_mm: float, window: Window, over: Block | None = None,
) -> tuple[list[int], list[float], Slabs]:
    """Slabs of a window of a block across an axis of the patient (0 x, 1 y).

    Args:
        rates: (materials, 5) grams per cm2 of a whole voxel; row 0 is zero.
        over: A coarser block that this one is painted over: what it says there is taken away.

    Returns:
        Channels used, depth in mm of each slab, and slabs (slabs, channels, z, across): what lies at a depth between two references goes
        to both in proportion, so that its place is kept to first order.
    """
    parts = [a[window] for a in (block.label, block.under, block.share)]
    used = [k for k, name in enumerate(BASIS) if rates[:, k].any() and (k < 3 or _holds(parts[0], material(name)))]
    grid = block.grid
    count = parts[0].shape[2 - axis]
    each = _planes_of_slab(block, slab_mm)
    start = grid.origin_mm[axis] + window[2 - axis].start * grid.spacing_mm
    depths = [start + j * each * grid.spacing_mm for j in range(-(-count // each) + 1)]
    chosen = np.asarray(rates[:, used].T, np.float32)
    if over is None and np.count_nonzero(parts[0]) > FULL * parts[0].size:
        return used, depths, _all(parts, chosen, axis, each, len(depths))
    cover = cover_of(over, chosen, grid, window) if over is not None else None
    return used, depths, _painted(parts, chosen, axis, each, len(depths), cover)


def _holds(label: Bytes, code: int) -> bool:
    return any(bool((plane == code).any()) for plane in label)


def _painted(parts: list[Bytes], rates: Array, axis: int, each: int, count: int, cover: Cover | None) -> Slabs:
    """Slabs from the painted voxels alone, a few z at a time."""
    nz, ny, nx = parts[0].shape
    wide = nx if axis == 1 else ny
    result = np.empty((count, len(rates), nz, wide), np.float32)
    places = _places((min(AT_ONCE, nz), ny, nx), axis, each, count, cover)
    steps = cover.steps() if cover else None
    for first in range(0, nz, AT_ONCE):
        own = slice(first, first + AT_ONCE)
        label, under, share = (p[own].ravel() for p in parts)
        at = np.flatnonzero(label != 0)
        codes = label[at].astype(np.intp), under[at].astype(np.intp), share[at]
        spots = None
        if steps is not None and places.spots is not None:
            spots = np.take(steps[own], at // (ny * nx)) + np.take(places.spots, at)
        _sum(codes, _Places(np.take(places.bins, at), np.take(places.later, at), spots), rates, cover, result[:, :, own])
    return result


def _places(shape: tuple[int, int, int], axis: int, each: int, count: int, cover: Cover | None) -> _Places:
    """For all voxels of so many slices (z, y, x)."""
    y, x = np.arange(shape[1])[:, None], np.arange(shape[2])
    depth, across, wide = (y, x, shape[2]) if axis == 1 else (x, y, shape[1])
    start = np.arange(shape[0])[:, None, None] * (count * wide)
    later = np.broadcast_to((depth % each) * np.float32(1 / each), shape)
    spots = np.tile(cover.spots(), shape[0]) if cover else None
    return _Places((start + (depth // each * wide + across)).ravel(), np.asarray(later, np.float32).ravel(), spots)


def _sum(codes: tuple[NDArray[np.intp], NDArray[np.intp], Bytes], places: _Places, rates: Array, cover: Cover | None, into: Slabs) -> None:
    """Fill slabs (slabs, channels, z, across) from painted voxels: (label, under, share) of each, and where it falls."""
    label, under, share = codes
    part = share * np.float32(1 / 255)
    covered = np.where(under > 0, np.float32(1), part)
    count, _, nz, wide = into.shape
    size = nz * count * wide
    for k, rate in enumerate(rates):
        value, below = np.take(rate, label), np.take(rate, under)
        value -= below
        value *= part
        value += below
        if cover and places.spots is not None:
            below = np.take(cover.amounts[k], places.spots)
            below *= covered
            value -= below
        ahead = value * places.later
        value -= ahead
        into[:, k] = np.bincount(places.bins, value, size).reshape(nz, count, wide).swapaxes(0, 1)
        into[1:, k] += np.bincount(places.bins, ahead, size).reshape(nz, count, wide)[:, :-1].swapaxes(0, 1)


def _all(parts: list[Bytes], rates: Array, axis: int, each: int, count: int) -> Slabs:
    """Slabs from all voxels, for a block that is mostly painted."""
    nz, ny, nx = parts[0].shape
    weights = np.zeros((count, ny if axis == 1 else nx), np.float32)
    for plane in range(weights.shape[1]):
        slab, rest = divmod(plane, each)
        weights[slab, plane] = 1 - rest / each
        weights[slab + 1, plane] += rest / each
    result = np.empty((count, len(rates), nz, nx if axis == 1 else ny), np.float32)
    for z in range(nz):
        label, under, share = (p[z].ravel() for p in parts)
        codes, mixed = label.astype(np.intp), np.flatnonzero(share != 255)
        part, below, above = share[mixed] * np.float32(1 / 255), under[mixed], label[mixed]
        for k, rate in enumerate(rates):
            values = np.take(rate, codes)
            values[mixed] = rate[below] + part * (rate[above] - rate[below])
            plane = values.reshape(ny, nx)
            result[:, k, z] = weights @ (plane if axis == 1 else plane.T)
    return result
