"""Painter of the body around the spine: skin, fat, muscle, belly, vessels, gas, ribs and the wings of the pelvis."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.curves import HEIGHTS_MM, curves
from spondyl.phantom.materials import material
from spondyl.phantom.volume import Volume


def paint_trunk(volume: Volume) -> None:
    """Fill the trunk block. Muscle lies wherever the fine block may paint."""
    block, spec = volume.trunk, volume.spec
    window = (slice(0, block.grid.shape[0]), slice(0, block.grid.shape[1]), slice(0, block.grid.shape[2]))
    x, y, z = block.grid.open(window)
    lines = curves(spec, volume.spine)
    skin, belly = (np.interp(-z, HEIGHTS_MM, line).astype(np.float32) for line in (lines.skin, lines.belly))
    middle, depth = (skin + belly) / 2, (skin - belly) / 2
    r = np.hypot(x / spec.trunk.half_width_mm, (y - middle) / depth)
    block.paint_inside(window, (r - 1) * depth, material("fat"))
    block.paint_inside(window, (r - 1) * depth + spec.trunk.flank_fat_mm, material("muscle"))
