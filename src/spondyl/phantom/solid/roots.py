"""Painter of the roots of the tail: about the same area of root at a level whatever the room, so that a narrowed sac is crowded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.solid.canal import cord_taper, sac_distance
from spondyl.phantom.solid.tube import Tube, slabs, tube_of
from spondyl.phantom.volume import Array, Volume, Window

AREA_MM2 = (15.0, 40.0)
"""Area of all roots in the sac at the lowest disc, and at the disc below the highest lumbar vertebra [O]."""
STRAND_MM = np.float32(0.8)
STEPS = 14
"""Halvings in the search for the edge that gives the area."""


def paint_roots(volume: Volume) -> None:
    """Fill what is left of the sac with its roots; call it when all that narrows the sac has been painted."""
    tube = tube_of(volume.spec, volume.spine)
    strands = _strands(volume)
    for window in slabs(volume, tube, float(tube.sac_half.max()) + 0.5, -0.5, 0.0, "sac_back"):
        fluid = _fluid(volume, window)
        if fluid.any():
            _paint_slab(volume, tube, strands, window, fluid)


def root_area(volume: Volume, z: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area of all roots across the sac at heights z of the straight spine, mm2."""
    discs, count = volume.spine.discs, volume.spec.lumbar
    low, high = -discs[0].centre[1], -discs[count - 1].centre[1]
    area = np.interp(z, (low - 45, low, high), (4.0, *AREA_MM2))
    return np.asarray(area * (1 - 0.6 * cord_taper(volume, np.asarray(z, np.float32))))


def _strands(volume: Volume) -> NDArray[np.float64]:
    """(n, 3): height where a root leaves the sac, side, rank counted from the sacral ones (the most medial and dorsal)."""
    bodies = [*reversed(volume.spine.sacrum[:4]), *volume.spine.bodies[:volume.spec.lumbar + 1]]
    exits = [-float(body.upper.posterior[1]) + 3.0 for body in bodies]
    return np.array([(z, side, rank) for rank, z in enumerate(exits) for side in (-1.0, 1.0)])


def _fluid(volume: Volume, window: Window) -> Array:
    """Share of each voxel that is fluid."""
    block, csf = volume.fine, material("csf")
    share = block.share[window].astype(np.float32) * np.float32(1 / 255)
    return np.where(block.label[window] == csf, share, np.where(block.under[window] == csf, 1 - share, 0)).astype(np.float32)


def _paint_slab(volume: Volume, tube: Tube, strands: NDArray[np.float64], window: Window, fluid: Array) -> None:
    place = volume.posture.straighten(*volume.fine.grid.open(window))
    inner = sac_distance(tube, place) < 0.4
    where = (fluid > 0.02) & inner
    if not where.any():
        return
    level = np.broadcast_to(place[2], where.shape).mean(axis=(1, 2))
    edge = volume.fine.grid.spacing_mm
    there = (volume.fine.label[window] == material("root")) & inner
    wanted = root_area(volume, level) / tube.at("cosine", level) / edge**2 - there.sum(axis=(1, 2))
    depth = _depth(tube, strands, place, level)[where]
    amount = _fill(depth, fluid[where], np.nonzero(where)[0], wanted, edge)
    cover = np.zeros(where.shape, np.float32)
    cover[where] = np.where(amount < 0.06, 0, amount)
    volume.fine.paint(window, cover, material("root"))


def _depth(tube: Tube, strands: NDArray[np.float64], place: tuple[Array, Array, Array], level: Array) -> Array:
    """How deep in the nearest strand the places of a slab are, mm; negative between strands. `level`: height of each of its slices."""
    x, y, z = place
    half, cosine = (tube.at(name, level)[:, None, None] for name in ("sac_half", "cosine"))
    front, rear = tube.at("sac_front", z), tube.at("sac_back", z)
    behind = (y - (front + rear) / 2) * cosine
    deep = (tube.at("sac_back", level) - tube.at("sac_front", level))[:, None, None] / 2 * cosine
    across, back = _courses(strands, level)
    present = np.flatnonzero(level[-1] > strands[:, 0])
    nearest = np.float32(81.0)
    for k in present:
        one = np.square(x - across[k][:, None, None] * half) + np.square(behind - back[k][:, None, None] * deep)
        nearest = np.minimum(nearest, one)
    return np.asarray(np.broadcast_to(STRAND_MM - np.sqrt(nearest), np.broadcast_shapes(x.shape, y.shape, z.shape)), np.float32)


def _courses(strands: NDArray[np.float64], level: Array) -> tuple[Array, Array]:
    """Places (left, back), each (strands, slices), in units of the sac's half width and depth: behind, and to the side near the exit."""
    exits, side, rank = (strands[:, k, None] for k in range(3))
    above = level[None, :] - exits
    turn = (0.22 + 0.16 * rank) + 1.1 * np.exp(-np.maximum(above, 0) / 22) + 0.1 * np.sin(above / 17 + 2.1 * rank + side)
    reach = 0.62 + 0.1 * (rank % 3) + 0.04 * np.sin(above / 11 + 1.3 * rank)
    turn = np.minimum(turn, 1.9)
    across = np.where(above > 0, side * reach * np.sin(turn), 9.0)
    return np.asarray(across, np.float32), np.asarray(reach * np.cos(turn), np.float32)


def _fill(depth: Array, fluid: Array, rows: NDArray[np.intp], wanted: NDArray[np.float64], edge_mm: float) -> Array:
    """Share of each voxel that becomes root: the deepest first, so many in each row (slice) that their sum is as wanted."""
    low, high = np.full(len(wanted), -9.0), np.full(len(wanted), 2.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        share = fluid * np.clip((depth - middle[rows]) / edge_mm + 0.5, 0, 1)
        enough = np.bincount(rows, share, len(wanted)) > wanted
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return np.asarray(fluid * np.clip((depth - high[rows]) / edge_mm + 0.5, 0, 1), np.float32)
