"""Painter of what fills the gaps around the bones near the midline: fat in front of the spine, the tissue between the spinous processes."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.solid.tube import Tube, slabs
from spondyl.phantom.volume import Array, Volume, inside

AHEAD_MM, BESIDE_MM, ROUND_MM = 5.2, 27.0, 9.0
"""How far the fat reaches in front of the spine, where the hollow of the belly begins, and to a side; how much farther back it lies
there [O]."""
PLATE_MM, FURROW_MM = 2.6, 6.0
"""Half thickness of the tissue between the spinous processes: in front, and behind, where it is the fat of the furrow [O]."""


def paint_between(volume: Volume, tube: Tube) -> None:
    """Both; vertebrae, discs and arches are painted over them."""
    edge = volume.fine.grid.spacing_mm
    for window in slabs(volume, tube, BESIDE_MM + 1, AHEAD_MM + 1, -6.0, "back", "front"):
        x, y, z = volume.posture.straighten(*volume.fine.grid.open(window))
        front = tube.at("front", z)
        beside = np.abs(x) * np.float32(1 / BESIDE_MM)
        wall = front + np.float32(ROUND_MM) * beside**3
        d = np.maximum(np.maximum(wall - AHEAD_MM - y, y - wall - 2 - 4 * beside), np.abs(x) - BESIDE_MM)
        volume.fine.paint(window, inside(d, edge), material("fat"))
    for window in slabs(volume, tube, FURROW_MM + 1, 0.0, 1.0, "fascia", "bone_back"):
        place = volume.posture.straighten(*volume.fine.grid.open(window))
        _plate(volume, tube, window, place)


def _plate(volume: Volume, tube: Tube, window: tuple[slice, slice, slice], place: tuple[Array, Array, Array]) -> None:
    """Ligament and fat between the processes, more fat near the fascia; streaked downward and back."""
    x, y, z = place
    low, high = tube.at("bone_back", z), tube.at("fascia", z)
    depth = np.clip((y - low) / (high - low), 0, 1)
    half = PLATE_MM + (FURROW_MM - PLATE_MM) * np.clip((depth - 0.75) * 4, 0, 1)
    d = np.maximum(np.abs(x) - half, np.maximum(low - y, y - high))
    volume.fine.paint(window, inside(d, volume.fine.grid.spacing_mm), material("interspinous"))
    lean = z + 0.5 * y
    streak = 0.5 + 0.3 * np.sin(0.55 * lean + 2 * np.sin(0.19 * y + 0.07 * z)) + 0.2 * np.sin(1.31 * lean + 1.7 * np.sin(0.11 * y))
    share = np.clip(0.9 * streak - 0.45 + 1.2 * np.clip(depth * 3 - 2.2, 0, 1), 0, 0.9) * inside(d, volume.fine.grid.spacing_mm)
    volume.fine.paint(window, np.where(share < 0.06, 0, share), material("fat"))
