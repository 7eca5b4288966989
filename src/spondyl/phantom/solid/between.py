"""Painter of what fills the gaps around the bones near the midline: fat in front of the spine, the tissue between the spinous processes."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.solid.torso import flank_of_spine
from spondyl.phantom.solid.tube import Tube, slabs
from spondyl.phantom.volume import Array, Volume, Window, inside

AHEAD_MM, ROUND_MM = 5.2, 9.0
"""How far the fat reaches in front of the spine, where the hollow of the belly begins; how much farther back it lies at a side [O]."""
SACRAL_MM = ((-75.0, -50.0, -25.0, 0.0, 8.0, 9.0), (28.0, 34.0, 45.0, 50.0, 52.0, 99.0))
"""In front of the sacrum the fat ends at the wings of the pelvis: (z, how far to a side) [O]."""
PLATE_MM, FURROW_MM = 2.6, 6.0
"""Half thickness of the tissue between the spinous processes: in front, and behind, where it is the fat of the furrow [O]."""
DARK = 0.7
"""Share of ligament in that tissue at most [O]."""


def paint_between(volume: Volume, tube: Tube) -> None:
    """Both; vertebrae, discs and arches are painted over them."""
    z = volume.fine.grid.axis("z")
    reach = np.minimum(flank_of_spine(volume, z), np.interp(z, *SACRAL_MM).astype(np.float32) * (volume.spec.sacrum.depth_mm / 34.5))
    for window in slabs(volume, tube, float(reach.max()) + 1, AHEAD_MM + 1, ROUND_MM + 13.0, "front", "front"):
        _ahead(volume, tube, window, reach[window[0], None, None])
    for window in slabs(volume, tube, FURROW_MM + 1, 0.0, 1.0, "fascia", "bone_back"):
        place = volume.posture.straighten(*volume.fine.grid.open(window))
        _plate(volume, tube, window, place)


def _ahead(volume: Volume, tube: Tube, window: Window, wide: Array) -> None:
    """Fat from the belly's hollow to the front of the spine, and a little under it; `wide` is `flank_of_spine` of the slices."""
    x, y, z = volume.posture.straighten(*volume.fine.grid.open(window))
    beside = np.abs(x) / wide
    wall = tube.at("front", z) + np.float32(ROUND_MM) * np.minimum(beside, 1) ** 3
    deep = 2 + 4 * beside + np.clip((wide - 30) / 4, 0, 6) * beside
    d = np.maximum(np.maximum(wall - AHEAD_MM - y, y - wall - deep), (beside - 1) * wide)
    cover = inside(d, volume.fine.grid.spacing_mm)
    volume.fine.paint(window, np.where(cover < 0.06, 0, cover), material("fat"))


def _plate(volume: Volume, tube: Tube, window: Window, place: tuple[Array, Array, Array]) -> None:
    """Ligament and fat between the processes, more fat near the fascia; streaked downward and back."""
    x, y, z = place
    low, high = tube.at("bone_back", z), tube.at("fascia", z)
    depth = np.clip((y - low) / (high - low), 0, 1)
    half = PLATE_MM + (FURROW_MM - PLATE_MM) * np.clip((depth - 0.75) * 4, 0, 1)
    d = np.maximum(np.abs(x) - half, np.maximum(low - y, y - high))
    cover, dark = inside(d, volume.fine.grid.spacing_mm), np.float32(DARK) * np.clip(3.4 - 4 * depth, 0, 1)
    volume.fine.paint(window, cover, material("interspinous"))
    lean = z + 0.5 * y
    streak = 0.5 + 0.3 * np.sin(0.55 * lean + 2 * np.sin(0.19 * y + 0.07 * z)) + 0.2 * np.sin(1.31 * lean + 1.7 * np.sin(0.11 * y))
    ligament = cover * dark * np.clip(1.25 - streak, 0, 1)
    volume.fine.paint(window, np.where(ligament < 0.06, 0, ligament), material("flavum"))
    share = np.clip(1.1 * streak - 0.62 + 1.2 * np.clip(depth * 3 - 2.2, 0, 1), 0, 0.9) * cover
    volume.fine.paint(window, np.where(share < 0.06, 0, share), material("fat"))
