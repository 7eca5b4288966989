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
AT_ONCE = 24
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

    def spots(self, own: slice) -> NDArray[np.int32]:
        """Flat number of the coarse voxel of each fine one, for some z: (z, y, x) flattened."""
        _, ny, nx = self.shape
        level = (self.near[1] * np.int32(nx))[:, None] + self.near[2]
        return np.asarray((self.near[0][own] * np.int32(ny * nx))[:, None, None] + level).ravel()


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
class _Picked:
    """Painted voxels, one after the other.

    Attributes:
        bins: Where each falls in the slabs.
        later: Share of it that goes to the next slab.
        spots: Flat number of the coarser block's voxel there.
    """

    label: Bytes
    under: Bytes
    share: Bytes
    bins: NDArray[np.intp]
    later: Array
    spots: NDArray[np.int32] | None


def planes(
    block: Block, rates: Array, axis: int, slab_mm: float, window: Window, over: Block | None = None,
) -> tuple[list[int], list[float], Slabs]:
    """Slabs of a window of a block across an axis of the patient (0 x, 1 y).

    Args:
        rates: (materials, 5) grams per cm2 of a whole voxel; row 0 is zero.
        over: A coarser block that this one is painted over: what it says there is taken away.

    Returns:
        Channels used, depth in mm of each slab, and slabs (channels, z, slabs, across): what lies at a depth between two references goes
        to both in proportion, so that its place is kept to first order.
    """
    parts = [np.ascontiguousarray(a[window]) for a in (block.label, block.under, block.share)]
    used = [k for k, name in enumerate(BASIS) if rates[:, k].any() and (k < 3 or bool((parts[0] == material(name)).any()))]
    grid = block.grid
    count = parts[0].shape[2 - axis]
    each = max(round(slab_mm / grid.spacing_mm), 1)
    start = grid.origin_mm[axis] + window[2 - axis].start * grid.spacing_mm
    depths = [start + j * each * grid.spacing_mm for j in range(-(-count // each) + 1)]
    chosen = np.asarray(rates[:, used].T, np.float32)
    if over is None and np.count_nonzero(parts[0]) > FULL * parts[0].size:
        return used, depths, _all(parts, chosen, axis, each, len(depths))
    cover = cover_of(over, chosen, grid, window) if over is not None else None
    return used, depths, _painted(parts, chosen, axis, each, len(depths), cover)


def _painted(parts: list[Bytes], rates: Array, axis: int, each: int, count: int, cover: Cover | None) -> Slabs:
    """Slabs from the painted voxels alone, some z at a time so that sums stay in the cache."""
    nz, ny, nx = parts[0].shape
    wide = nx if axis == 1 else ny
    result = np.empty((len(rates), nz, count, wide), np.float32)
    y, x = np.arange(ny, dtype=np.int32)[:, None], np.arange(nx, dtype=np.int32)
    depth, across = (y, x) if axis == 1 else (x, y)
    start = np.arange(min(AT_ONCE, nz), dtype=np.int32)[:, None, None] * np.int32(count * wide)
    bins = (start + (depth // each * np.int32(wide) + across)).ravel()
    later = np.ascontiguousarray(np.broadcast_to((depth % each) * np.float32(1 / each), (len(start), ny, nx))).ravel()
    for first in range(0, nz, AT_ONCE):
        own = slice(first, first + AT_ONCE)
        label, under, share = (p[own].ravel() for p in parts)
        at = np.flatnonzero(label)
        spots = cover.spots(own)[at] if cover else None
        _sum(_Picked(label[at], under[at], share[at], bins[at].astype(np.intp), later[at], spots), rates, cover, result[:, own])
    return result


def _sum(picked: _Picked, rates: Array, cover: Cover | None, into: Slabs) -> None:
    """Fill slabs (channels, z, slabs, across) from painted voxels."""
    part = picked.share * np.float32(1 / 255)
    covered = np.where(picked.under > 0, np.float32(1), part)
    for k, rate in enumerate(rates):
        value, below = np.take(rate, picked.label), np.take(rate, picked.under)
        value -= below
        value *= part
        value += below
        if cover and picked.spots is not None:
            value -= covered * np.take(cover.amounts[k], picked.spots)
        ahead = value * picked.later
        value -= ahead
        shape = into.shape[1:]
        into[k] = np.bincount(picked.bins, value, int(np.prod(shape))).reshape(shape)
        into[k, :, 1:] += np.bincount(picked.bins, ahead, int(np.prod(shape))).reshape(shape)[:, :-1]


def _all(parts: list[Bytes], rates: Array, axis: int, each: int, count: int) -> Slabs:
    """Slabs from all voxels, for a block that is mostly painted."""
    nz, ny, nx = parts[0].shape
    mixed = np.flatnonzero(parts[2] != 255)
    label, under, share = (p.ravel()[mixed] for p in parts)
    part = share * np.float32(1 / 255)
    weights = np.zeros((count, ny if axis == 1 else nx), np.float32)
    for plane in range(weights.shape[1]):
        slab, rest = divmod(plane, each)
        weights[slab, plane] = 1 - rest / each
        weights[slab + 1, plane] += rest / each
    result = np.empty((len(rates), nz, count, nx if axis == 1 else ny), np.float32)
    for k, rate in enumerate(rates):
        values = np.take(rate, parts[0], mode="clip")
        values.ravel()[mixed] = rate[under] + part * (rate[label] - rate[under])
        for z, plane in enumerate(values):
            result[k, z] = weights @ (plane if axis == 1 else plane.T)
    return result
