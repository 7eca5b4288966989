"""Voxels to slabs: grams per cm2 of each basis material between planes, each voxel shared between the two nearest reference depths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.rays.attenuation import BASIS
from spondyl.phantom.volume import Array, Block, Window

Slabs = NDArray[np.floating]
Bytes = NDArray[np.uint8]
AT_ONCE = 24
FULL = 0.25
"""Share of painted voxels above which all of them are looked up, not only the painted ones."""


def planes(block: Block, rates: Array, axis: int, slab_mm: float, window: Window) -> tuple[list[int], list[float], Slabs]:
    """Slabs of a window of a block across an axis of the patient (0 x, 1 y).

    Args:
        rates: (materials, 5) grams per cm2 of a whole voxel; row 0 is zero.

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
    gather = _all if np.count_nonzero(parts[0]) > FULL * parts[0].size else _painted
    return used, depths, gather(parts, np.asarray(rates[:, used].T, np.float32), axis, each, len(depths))


def _painted(parts: list[Bytes], rates: Array, axis: int, each: int, count: int) -> Slabs:
    """Slabs from the painted voxels alone, some z at a time so that sums stay in the cache."""
    nz, ny, nx = parts[0].shape
    result = np.empty((len(rates), nz, count, nx if axis == 1 else ny), np.float32)
    for first in range(0, nz, AT_ONCE):
        own = slice(first, first + AT_ONCE)
        _sum_painted([p[own] for p in parts], rates, axis, each, result[:, own])
    return result


def _sum_painted(parts: list[Bytes], rates: Array, axis: int, each: int, into: Slabs) -> None:
    """Fill slabs (channels, z, slabs, across) from the painted voxels of those z."""
    _, nz, count, wide = into.shape
    at = np.flatnonzero(parts[0])
    label, under, share = (p.ravel()[at] for p in parts)
    part = share * np.float32(1 / 255)
    line, x = np.divmod(at.astype(np.int32), np.int32(parts[0].shape[2]))
    z, y = np.divmod(line, np.int32(parts[0].shape[1]))
    depth, across = (y, x) if axis == 1 else (x, y)
    slab, rest = np.divmod(depth, np.int32(each))
    bins = ((z * np.int32(count) + slab) * np.int32(wide) + across).astype(np.intp)
    later = rest * np.float32(1 / each)
    for k, rate in enumerate(rates):
        value, below = np.take(rate, label), np.take(rate, under)
        value -= below
        value *= part
        value += below
        ahead = value * later
        value -= ahead
        into[k] = np.bincount(bins, value, nz * count * wide).reshape(nz, count, wide)
        into[k, :, 1:] += np.bincount(bins, ahead, nz * count * wide).reshape(nz, count, wide)[:, :-1]


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
