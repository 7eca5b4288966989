"""Looking into the fine block: shares of material sets at any points, planes through it, and what hangs together in a plane."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import BODIES, MARROW_STATES, SIZE, annulus, marrow, material, nucleus
from spondyl.phantom.posture import Pose
from spondyl.phantom.volume import Array, Block

STEP_MM = 0.35
"""Distance of the points of a measuring plane: half a voxel of the usual fine block."""


def members(rows: Iterable[int]) -> Array:
    """1 for those rows of the table of materials, 0 for the others, (SIZE,)."""
    table = np.zeros(SIZE, np.float32)
    table[list(rows)] = 1
    return table


def named(*names: str) -> Array:
    """1 for the generic materials of those names."""
    return members(material(name) for name in names)


MARROW = members(marrow(body, state) for body in BODIES for state in MARROW_STATES)
BONE = np.maximum(MARROW, named("cortex", "cortex_thin", "endplate", "haemangioma", "lesion", "cement", "spur", "pelvis", "pelvis_cortex"))
METAL = named("titanium", "steel")
SAC = named("csf", "root", "cord")
ROOT = named("root")
FAT = named("epidural_fat", "fat")
SOFT_CANAL = named("csf", "root", "cord", "dura", "epidural_fat", "fat", "blood", "vessel")
HERNIATION = named("herniation")


def disc_rows(disc: int) -> Array:
    """1 for the nucleus and the annulus of a disc (0 the lowest)."""
    return members((nucleus(disc), annulus(disc)))


def sample(block: Block, points: NDArray[np.floating], tables: NDArray[np.floating]) -> Array:
    """Mixes of per-material values at points, trilinear between voxel centres; outside the block the nearest voxel holds.

    Args:
        points: (..., 3), (x, y, z) mm.
        tables: (k, SIZE) or (SIZE,).

    Returns:
        (k, ...) or (...), float32.
    """
    table = np.ascontiguousarray(np.atleast_2d(np.asarray(tables, np.float32)).T)
    first, ends = _neighbours(block, np.asarray(points, np.float32).reshape(-1, 3))
    step = [stride * (size > 1) for stride, size in zip((1, block.grid.shape[2], block.grid.shape[2] * block.grid.shape[1]),
                                                        block.grid.shape[::-1], strict=True)]
    voxels = block.label.ravel(), block.under.ravel(), block.share.ravel()
    result = np.zeros((len(first), table.shape[1]), np.float32)
    for k, j, i in product((0, 1), repeat=3):
        place = first + np.int32(i * step[0] + j * step[1] + k * step[2])
        upper, under, share = (one[place] for one in voxels)
        weight = ends[2][k] * ends[1][j] * ends[0][i]
        over = weight * share * np.float32(1 / 255)
        result += table[upper] * over[:, None]
        result += table[under] * (weight - over)[:, None]
    shaped = np.moveaxis(result.reshape(*points.shape[:-1], -1), -1, 0)
    return np.ascontiguousarray(shaped if np.ndim(tables) == 2 else shaped[0])


def _neighbours(block: Block, points: Array) -> tuple[NDArray[np.int32], list[tuple[Array, Array]]]:
    """Flat index of the lowest of a point's eight voxels, and the weights of the (lower, upper) ones along x, y, z."""
    at = (points - np.asarray(block.grid.origin_mm, np.float32)) * np.float32(1 / block.grid.spacing_mm)
    size = np.array(block.grid.shape[::-1])
    at = np.clip(at, 0, (size - 1).astype(np.float32))
    low = np.minimum(at.astype(np.int32), np.maximum(size - 2, 0).astype(np.int32))
    part = (at - low).T
    return (low[:, 2] * block.grid.shape[1] + low[:, 1]) * block.grid.shape[2] + low[:, 0], [(1 - share, share) for share in part]


def plane(pose: Pose, across: tuple[float, float], along: tuple[float, float], offset_mm: float, sagittal: bool = False,
          step_mm: float = STEP_MM) -> tuple[Array, Array, Array]:
    """A plane of points in a local frame.

    Args:
        across: Range of u (of v for a sagittal plane), the columns.
        along: Range of v (of w for a sagittal plane), the rows.
        offset_mm: Where the plane lies: w, or u for a sagittal plane.

    Returns:
        (points (rows, columns, 3) in the patient frame, columns' coordinate, rows' coordinate).
    """
    a, b = (np.arange(low, high, step_mm, dtype=np.float32) for low, high in (across, along))
    second, first = np.meshgrid(b, a, indexing="ij")
    fixed = np.full_like(first, offset_mm)
    local = np.stack([fixed, first, second] if sagittal else [first, second, fixed], axis=-1)
    points = pose.to_patient(local.reshape(-1, 3)).reshape(local.shape).astype(np.float32)
    return points, a, b


def touching(mask: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a plane's mask that hangs together, by edges, with a seed."""
    grown = mask & seed
    while True:
        wider = grown.copy()
        for axis in (0, 1):
            wider = _sweep(wider, mask, axis)
        if (wider == grown).all():
            return grown
        grown = wider


def _sweep(grown: NDArray[np.bool_], mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Fill every run of the mask along an axis that holds a grown point."""
    rows, allowed = (np.moveaxis(a, axis, 1) for a in (grown, mask))
    flat = np.pad(allowed, ((0, 0), (1, 1)))
    runs = np.cumsum(flat[:, 1:] & ~flat[:, :-1], axis=1)[:, :-1] + (np.arange(len(rows)) * (rows.shape[1] + 1))[:, None]
    hit = np.zeros(int(runs.max(initial=0)) + 1, bool)
    hit[runs[rows & allowed]] = True
    return np.moveaxis(hit[runs] & allowed, 1, axis)


def covers(block: Block, points: NDArray[np.floating], margin_mm: float = 0.0) -> bool:
    """Whether all points lie inside the block, that far from its faces."""
    low = np.asarray(block.grid.origin_mm) + margin_mm
    high = np.asarray(block.grid.origin_mm) + (np.array(block.grid.shape[::-1]) - 1) * block.grid.spacing_mm - margin_mm
    return bool((points >= low).all() and (points <= high).all())
