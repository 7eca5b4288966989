"""Painter of the discs: nucleus, annulus, bulges and herniations."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.materials import annulus, nucleus
from spondyl.phantom.volume import Volume


def paint_discs(volume: Volume) -> None:
    """All discs, from the lowest up. They reach a little under the plates; bodies are painted over them."""
    for disc, pose in zip(volume.spine.discs, volume.posture.discs, strict=True):
        half, height = (disc.above.depth + disc.below.depth) / 4, disc.spec.expected_mm * (1 - disc.spec.height_loss)
        wide = sum(volume.spec.vertebrae[disc.index].width_mm) / 4
        window = volume.fine.grid.around(pose.centre[None], max(half, wide) + 8)
        if window is None:
            continue
        u, v, w = pose.to_local(*volume.fine.grid.open(window))
        rim = (np.hypot(u / wide, v / half) - 1) * half
        volume.fine.paint_inside(window, np.maximum(rim, np.abs(w) - height / 2 - 2.5), annulus(disc.index))
        core = (np.sqrt((u / wide) ** 2 + (v / half) ** 2 + (w / (height * 1.2)) ** 2) - 0.62) * half
        volume.fine.paint_inside(window, core, nucleus(disc.index), edge_mm=2.0)
