"""Painter of the canal: epidural fat, dura, fluid, roots and cord, and the foramina beside it."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.curves import HEIGHTS_MM, curves
from spondyl.phantom.materials import material
from spondyl.phantom.volume import Volume


def paint_canal(volume: Volume) -> None:
    """Everything inside the bony canal; what narrows it is painted over it later."""
    block, lines = volume.fine, curves(volume.spec, volume.spine)
    window = (slice(0, block.grid.shape[0]), slice(0, block.grid.shape[1]), slice(0, block.grid.shape[2]))
    x, y, z = volume.posture.straighten(*block.grid.open(window))
    front, rear, bone = (np.interp(-z, HEIGHTS_MM, line).astype(np.float32) for line in (lines.sac_front, lines.sac_back, lines.bone_back))
    for a, b, half, name in ((front - 2, bone, 11.0, "epidural_fat"), (front, rear, 8.5, "csf")):
        middle, depth = (a + b) / 2, np.maximum((b - a) / 2, 0.1)
        r = np.hypot(x / half, (y - middle) / depth)
        block.paint_inside(window, (r - 1) * depth, material(name))
