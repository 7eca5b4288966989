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
from spondyl.phantom.solid.thorax import lung_distance, paint_chest, thorax_of
from spondyl.phantom.solid.torso import Torso, flank_of_spine, oval, torso_of
from spondyl.phantom.volume import Array, Block, Volume, Window, inside

SLAB = 6
SKIN_MM, WALL_MM = 2.0, 13.0
"""Thickness of the skin and of the abdominal wall [O]."""
BEHIND_RIB_MM = 7.0
"""From the middle of the ribs to the hollow [O]."""
STEEP = 0.95
"""Where the body's sides lean more than that cosine, distances follow them [O]."""
AHEAD_MM = 3.0
"""The belly's hollow ends so far in front of the spine [O]."""
ROUND_MM = 9.0
"""How much farther back it ends at the sides of the bodies than at the midline [O]."""
BESIDE_MM = 8.0
"""Nothing but air is looked for farther from the body [O]."""
FURROW_MM = 4.0
"""How far the back stands out on either side of its furrow [O]."""


def paint_trunk(volume: Volume) -> None:
    """Fill the trunk block, from the outside in."""
    block = volume.trunk
    torso = torso_of(volume, block.grid.axis("z"))
    block.label[...] = material("air")
    thorax = thorax_of(volume, torso)
    rows, wide = block.grid.shape[0], flank_of_spine(volume, block.grid.axis("z"))[:, None, None]
    for first in range(0, rows, SLAB):
        part = slice(first, min(first + SLAB, rows))
        window = _around(block, part, torso)
        layers = _layers(block, window, torso, wide[part])
        if thorax is not None and thorax.rows.start < part.stop and part.start < thorax.rows.stop:
            cage, lung = lung_distance(volume, torso, thorax, window)
            layers = [*layers[:-1], (HOLLOW, np.maximum(layers[-1][1], cage + np.float32(BEHIND_RIB_MM))), ("lung", lung)]
        _lay(block, window, layers)
    paint_muscles(volume, torso)
    paint_belly(volume, torso)
    if thorax is not None:
        paint_chest(volume, torso, thorax)
    paint_pelvis(volume)
    paint_ribs(volume, torso)


def _around(block: Block, part: slice, torso: Torso) -> Window:
    """The window that holds the body in those rows; all beside it is air."""
    low = ((torso.middle - torso.half)[part].min(), torso.belly[part].min())
    high = ((torso.middle + torso.half)[part].max(), torso.skin[part].max() + FURROW_MM)
    across, deep = (np.array([low[k] - BESIDE_MM, high[k] + BESIDE_MM]) for k in (0, 1))
    columns, rows = (np.searchsorted(block.grid.axis(name), ends).tolist() for name, ends in (("x", across), ("y", deep)))
    return part, slice(*rows), slice(*columns)


def _layers(block: Block, window: Window, torso: Torso, wide: Array) -> list[tuple[str, Array]]:
    """(name, signed distance) of skin, fat, muscle and the belly's hollow in a slab, from the outside in.

    `wide`: `flank_of_spine` of the slab's slices, to broadcast.
    """
    x, y, _ = block.grid.open(window)
    skin, fascia, front, belly, shift, middle, half, flank, padding = (
        getattr(torso, name)[window[0], None, None]
        for name in ("skin", "fascia", "front", "belly", "shift", "middle", "half", "flank", "padding"))
    beside = np.abs(x - shift)
    back = np.float32(FURROW_MM) * np.exp(-np.square((beside - 40) / 24))
    outer = oval(x - middle, y, (belly, skin + back), half)
    muscle = oval(x - middle, y, (belly + padding, fascia + back), flank)
    if float(torso.steep[window[0]].min()) < STEEP:
        outer *= torso.steep[window[0], None, None]
        muscle *= torso.steep[window[0], None, None]
    round_ = np.float32(ROUND_MM) * np.minimum(beside / wide, 1) ** 3
    beyond = beside - wide
    curtain = front - np.float32(AHEAD_MM) + round_ + np.clip(beyond * np.float32(4), 0, 26) + np.clip((beyond - 25) / 3, 0, 9)
    hollow = np.maximum(muscle + np.float32(WALL_MM), y - curtain)
    return [("skin", outer), ("fat", outer + np.float32(SKIN_MM)), ("muscle", muscle), (HOLLOW, hollow)]


def _lay(block: Block, window: Window, layers: list[tuple[str, Array]]) -> None:
    """Layers from the outside in; shares are worked out only where two of them meet."""
    edge = np.float32(block.grid.spacing_mm)
    label = block.label[window]
    near = np.zeros(label.shape, bool)
    for name, d in layers:
        np.copyto(label, np.uint8(material(name)), where=d < edge / 2)
        near |= np.abs(d) < edge / 2
    _blend(block, window, near, [(name, d[near]) for name, d in layers])


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
