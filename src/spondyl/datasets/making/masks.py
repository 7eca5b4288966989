"""Masks of a series from the materials of the volume that it shows: SPIDER's numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import ANNULUS0, BODIES, DISCS, MARROW0, MARROW_STATES, NUCLEUS0, SIZE, material
from spondyl.phantom.resonance import MrSeries
from spondyl.phantom.volume import Block, Volume

CANAL, FIRST_DISC = 100, 201
BONE, HERNIATION = 254, 253
"""Codes of bone and of herniated tissue that do not say whose they are, while a mask is made."""
SAC = ("csf", "root", "cord", "dura")
SHELLS = ("cortex", "cortex_thin", "endplate", "spur", "haemangioma", "lesion")
REACH_PX = 6
"""How far a shell may lie from the marrow that it encloses."""


def codes() -> NDArray[np.uint8]:
    """By material: 1.. vertebrae and 201.. discs from the lowest up, 100 the thecal sac, BONE, HERNIATION, 0 the rest."""
    table = np.zeros(SIZE, np.uint8)
    for body in BODIES:
        if body >= 0:
            first = MARROW0 + (body - BODIES.start) * len(MARROW_STATES)
            table[first:first + len(MARROW_STATES)] = body + 1
    for disc in DISCS:
        if disc >= 0:
            table[[NUCLEUS0 + disc - DISCS.start, ANNULUS0 + disc - DISCS.start]] = FIRST_DISC + disc
    table[[material(name) for name in SAC]] = CANAL
    table[[material(name) for name in SHELLS]] = BONE
    table[material("herniation")] = HERNIATION
    return table


def series_mask(volume: Volume, series: MrSeries) -> NDArray[np.uint8]:
    """What lies at the middle of each pixel, uint8 (slices, rows, columns): 1.. vertebrae, 100 the thecal sac, 201.. discs."""
    table = codes()
    masks = np.stack([_slice(volume.fine, series, k, table) for k in range(len(series.pixels))])
    whole = {int(label) for label in np.unique(masks)} - {0, BONE, HERNIATION}
    for k, mask in enumerate(masks):
        for loose, owners in ((BONE, [v for v in whole if v < CANAL]), (HERNIATION, [v for v in whole if v >= FIRST_DISC])):
            masks[k] = claimed(masks[k], loose, np.array(owners, np.uint8))
        masks[k][np.isin(mask, (BONE, HERNIATION))] = 0
    return masks


def _slice(block: Block, series: MrSeries, k: int, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The codes at one slice's pixels; outside the fine block 0."""
    grid = block.grid
    rows, columns = series.pixels.shape[1:]
    across, down = series.orientations[k, :3] * series.spacing_mm[1], series.orientations[k, 3:] * series.spacing_mm[0]
    start = (series.positions_mm[k] - np.array(grid.origin_mm)) / grid.spacing_mm
    i, j = np.arange(columns)[None, :], np.arange(rows)[:, None]
    places = [np.rint(start[a] + (i * across[a] + j * down[a]) / grid.spacing_mm).astype(np.int32) for a in (2, 1, 0)]
    inside = np.all([(p >= 0) & (p < n) for p, n in zip(places, grid.shape, strict=True)], axis=0)
    at = tuple(p[inside] for p in places)
    chosen = np.where(block.share[at] >= 128, block.label[at], block.under[at])
    codes_here = np.zeros((rows, columns), np.uint8)
    codes_here[inside] = table[chosen]
    return codes_here


def claimed(mask: NDArray[np.uint8], loose: int, owners: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask with loose pixels given to the nearest owner, step by step, within REACH_PX."""
    known = np.isin(np.arange(256), owners)
    for _ in range(REACH_PX):
        wanting = mask == loose
        if not wanting.any():
            break
        framed = np.pad(mask, 1)
        for beside in (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]):
            mask = np.where(wanting & (mask == loose) & known[beside], beside, mask)
    return mask
