"""Painter of the bones of the trunk in the coarse block: wings of the pelvis and sockets with the heads of the femora, as thin shells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.volume import TRACE, Array, Volume, Window, inside, shell

CORTEX_MM = 1.1
"""Shell of the pelvic bones [O]."""
SOFT_EDGE = 1.5
"""Width of a bone's edge in voxels: slanting faces stay smooth on films."""
MUSCLE_MM = 13.0
"""Thickness of the muscles on either side of a wing [O]."""
CREST_MM = 140.0
"""Half distance of the crests for which the tables below are given."""
BACK_MM = (-85.0, -70.0, -40.0, 0.0, 20.0, 45.0, 60.0)
"""Places from the front to the back (y) of the rows of the tables [O]."""
TOP_MM = (-44.0, -12.0, 26.0, 37.0, 30.0, 2.0, -34.0)
FOOT_MM = (-50.0, -72.0, -128.0, -112.0, -74.0, -62.0, -44.0)
"""Upper and lower edge of the wing (z)."""
CREST_X_MM = (118.0, 126.0, 137.0, 132.0, 112.0, 68.0, 53.0)
FLOOR_X_MM = (104.0, 101.0, 88.0, 74.0, 63.0, 54.0, 52.0)
"""Distance from the midline of its middle surface, at the height of the crest and 128 mm under S1."""
Points = NDArray[np.float64]


def paint_pelvis(volume: Volume) -> None:
    """Wings and hips on both sides."""
    for side in (-1.0, 1.0):
        _wing(volume, side)
        _hip(volume, side)


def lay_shelled(volume: Volume, low: Points, high: Points, distance: Callable[[Array, Array, Array], Array], cortex_mm: float,
                names: tuple[str, str]) -> None:
    """Spongy bone with a shell in the coarse block, where a signed distance of (x, y, z) says, between two corners."""
    window = volume.trunk.grid.window(low, high)
    if window is not None:
        _shelled(volume, window, distance(*volume.trunk.grid.open(window)), cortex_mm, names)


def _shelled(volume: Volume, window: Window, d: Array, cortex_mm: float, names: tuple[str, str]) -> None:
    edge = SOFT_EDGE * volume.trunk.grid.spacing_mm
    cover = inside(d, edge)
    volume.trunk.paint(window, cover, material(names[0]), least=TRACE)
    layer = shell(d, cortex_mm, edge)
    volume.trunk.paint(window, layer, material(names[1]), least=TRACE)


def _wing(volume: Volume, side: float) -> None:
    """A blade from the sacroiliac joint to the front spine, between its muscles: its middle surface is x over (y, z)."""
    wide = volume.spec.trunk.iliac_mm / CREST_MM
    grid = volume.trunk.grid
    ends = sorted((side * 40.0, side * (152.0 * wide)))
    window = grid.window(np.array([ends[0], BACK_MM[0] - 4, FOOT_MM[2] - 4]), np.array([ends[1], BACK_MM[-1] + 4, max(TOP_MM) + 6]))
    if window is None:
        return
    x, y, z = grid.open(window)
    top, foot, crest, floor = (np.interp(y, BACK_MM, row).astype(np.float32) for row in (TOP_MM, FOOT_MM, CREST_X_MM, FLOOR_X_MM))
    middle = floor + (crest * wide - floor) * np.clip((z + 128) / 165, 0, 1) ** np.float32(1.3)
    steep = [np.gradient(middle, grid.spacing_mm, axis=k) if middle.shape[k] > 1 else np.float32(0) for k in (0, 1)]
    away = np.abs(side * x - middle) / np.sqrt(1 + np.square(steep[0]) + np.square(steep[1]))
    under = (top - z) / _steep(top, grid.spacing_mm)
    meat = np.maximum(away - MUSCLE_MM, np.maximum(4 - under, y - 40))
    volume.trunk.paint_inside(window, np.maximum(meat, (foot - 60 - z) * np.float32(0.6)), material("muscle"))
    half = 2.2 + 3.5 * np.exp(-np.square(under / 11)) + 5.0 * np.clip((-80 - z) / 30, 0, 1) + 3.5 * np.clip((y - 10) / 30, 0, 1)
    d = np.maximum(away - half, np.maximum(-under, (foot - z) / _steep(foot, grid.spacing_mm)))
    _shelled(volume, window, np.asarray(d, np.float32), CORTEX_MM, ("pelvis", "pelvis_cortex"))


def _steep(edge: Array, step_mm: float) -> Array:
    """Height over distance, beside an edge z over y."""
    return np.asarray(np.hypot(1, np.gradient(edge, step_mm, axis=1)) if edge.shape[1] > 1 else np.ones_like(edge), np.float32)


def _hip(volume: Volume, side: float) -> None:
    """The roof of the socket and the head of the femur, as far as the block reaches."""
    centre = np.array([side * 88.0, -32.0, -136.0])
    for radius, names in ((32.0, ("pelvis", "pelvis_cortex")), (26.5, ("muscle", "muscle")), (24.5, ("pelvis", "pelvis_cortex"))):
        def distance(x: Array, y: Array, z: Array, radius: float = radius) -> Array:
            r = np.sqrt(np.square(x - centre[0]) + np.square(y - centre[1]) + np.square(z - centre[2]))
            return np.asarray(r - radius, np.float32)

        lay_shelled(volume, centre - radius - 2, centre + radius + 2, distance, CORTEX_MM, names)
