"""Painter of the body around the spine, in the coarse block: air, skin, fat and muscle first, then what lies in the belly.

Muscle lies wherever the fine block may paint: behind the front of the spine, between the fascia of the back and the belly's hollow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.solid.belly import HOLLOW, paint_belly
from spondyl.phantom.solid.muscles import paint_muscles
from spondyl.phantom.solid.pelvis import paint_pelvis
from spondyl.phantom.solid.ribs import paint_ribs
from spondyl.phantom.solid.torso import Torso, flank_of_spine, torso_of
from spondyl.phantom.volume import Array, Block, Volume, Window, inside

SLAB = 6
SKIN_MM, BELLY_FAT_MM, WALL_MM = 2.0, 26.0, 13.0
"""Thickness of the skin, of the fat in front at the midline, and of the abdominal wall [O]."""
AHEAD_MM = 3.0
"""The belly's hollow ends so far in front of the spine [O]."""
ROUND_MM = 9.0
"""How much farther back it ends at the sides of the bodies than at the midline [O]."""
FURROW_MM = 4.0
"""How far the back stands out on either side of its furrow [O]."""


def paint_trunk(volume: Volume) -> None:
    """Fill the trunk block, from the outside in."""
    block = volume.trunk
    torso = torso_of(volume, block.grid.axis("z"))
    block.label[...] = material("air")
    rows, wide = block.grid.shape[0], flank_of_spine(volume, block.grid.axis("z"))[:, None, None]
    for first in range(0, rows, SLAB):
        part = slice(first, min(first + SLAB, rows))
        _layers(block, (part, slice(0, block.grid.shape[1]), slice(0, block.grid.shape[2])), torso, wide[part])
    paint_muscles(volume, torso)
    paint_belly(volume, torso)
    paint_pelvis(volume)
    paint_ribs(volume, torso)


def _layers(block: Block, window: Window, torso: Torso, wide: Array) -> None:
    """Skin, fat, muscle and the belly's hollow in a slab; shares are worked out only where two of them meet.

    `wide`: `flank_of_spine` of the slab's slices, to broadcast.
    """
    x, y, _ = block.grid.open(window)
    skin, fascia, front, belly, shift, half, flank = (
        getattr(torso, name)[window[0], None, None] for name in ("skin", "fascia", "front", "belly", "shift", "half", "flank"))
    beside = np.abs(x - shift)
    back = np.float32(FURROW_MM) * np.exp(-np.square((beside - 40) / 24))
    outer = _oval(x, y, (belly, skin + back), half)
    muscle = _oval(x, y, (belly + BELLY_FAT_MM, fascia + back), flank)
    round_ = np.float32(ROUND_MM) * np.minimum(beside / wide, 1) ** 3
    beyond = beside - wide
    curtain = front - np.float32(AHEAD_MM) + round_ + np.clip(beyond * np.float32(4), 0, 26) + np.clip((beyond - 25) / 3, 0, 9)
    hollow = np.maximum(muscle + np.float32(WALL_MM), y - curtain)
    names = ("skin", "fat", "muscle", HOLLOW)
    depths = (outer, outer + np.float32(SKIN_MM), muscle, hollow)
    edge = np.float32(block.grid.spacing_mm)
    label = block.label[window]
    near = np.zeros(label.shape, bool)
    for name, d in zip(names, depths, strict=True):
        np.copyto(label, np.uint8(material(name)), where=d < edge / 2)
        near |= np.abs(d) < edge / 2
    _blend(block, window, near, [(name, d[near]) for name, d in zip(names, depths, strict=True)])


def _blend(block: Block, window: Window, near: NDArray[np.bool_], layers: list[tuple[str, Array]]) -> None:
    """What `Block.paint` would leave of those layers (name, signed distance) at the chosen voxels, from the outermost in."""
    label = np.full(int(near.sum()), material("air"), np.uint8)
    under, share = label.copy(), np.full(label.shape, 255, np.uint8)
    for name, d in layers:
        amount = np.rint(inside(d, block.grid.spacing_mm) * 255).astype(np.uint8)
        touched = amount > 0
        under = np.where(touched & (share >= 128), label, under)
        label[touched] = material(name)
        share = np.where(touched, amount, share)
    for array, values in ((block.label, label), (block.under, under), (block.share, share)):
        array[window][near] = values


def _oval(x: Array, y: Array, ends: tuple[Array, Array], half: Array) -> Array:
    """Signed distance in mm to a rounded box-like oval between two y; exact at the midline and at the flanks."""
    deep = (ends[1] - ends[0]) / 2
    bb = np.square((y - (ends[0] + ends[1]) / 2) / deep)
    aa = np.square(x / half)
    radius = np.sqrt(aa + bb - np.float32(0.35) * np.minimum(aa * bb, np.float32(0.75)))
    return np.asarray((radius - 1) * np.minimum(deep, half), np.float32)
