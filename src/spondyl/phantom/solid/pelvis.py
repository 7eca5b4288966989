"""Painter of the bones of the trunk in the coarse block: wings of the pelvis, heads of the femora, lower ribs, all as thin shells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.solid.torso import Torso
from spondyl.phantom.volume import Array, Volume, inside, shell

CORTEX_MM = 1.1
"""Shell of the pelvic bones [O]."""
RIB_CORTEX_MM = 0.8
RIBS = ((-1, 95.0, -0.55), (0, 150.0, -0.5), (1, 190.0, -0.45), (2, 210.0, -0.4), (3, 215.0, -0.35))
"""(thoracic vertebra above the lowest one, so 0 is T11 and -1 T12; length of the arc followed, mm; slope downward) [O]."""
Points = NDArray[np.float64]


def paint_pelvis(volume: Volume, torso: Torso) -> None:
    """Wings on both sides, heads of the femora, ribs of the lowest thoracic vertebrae."""
    for side in (-1.0, 1.0):
        _wing(volume, side)
        _hip(volume, side)
        for above, length, slope in RIBS:
            _rib(volume, torso, side, (volume.spec.lumbar + above + 1, length, slope))


def _bone(volume: Volume, low: Points, high: Points, distance: object, cortex_mm: float, names: tuple[str, str]) -> None:
    """Spongy bone with a shell where a signed distance of (x, y, z) says."""
    window = volume.trunk.grid.window(low, high)
    if window is None:
        return
    x, y, z = volume.trunk.grid.open(window)
    d = distance(x, y, z)  # type: ignore[operator]
    edge = volume.trunk.grid.spacing_mm
    cover = inside(d, edge)
    volume.trunk.paint(window, np.where(cover < 0.06, 0, cover), material(names[0]))
    layer = shell(d, cortex_mm, edge)
    volume.trunk.paint(window, np.where(layer < 0.06, 0, layer), material(names[1]))


def _wing(volume: Volume, side: float) -> None:
    """A blade that flares from the sacroiliac joint to the crest: a curved sheet, thick at its rim."""
    crest = volume.spec.trunk.iliac_mm
    top = float(volume.posture.bodies[0].centre[2]) + 14.0
    low, foot = -112.0, 52.0

    def distance(x: Array, y: Array, z: Array) -> Array:
        out = side * x
        up = np.clip((z - low) / (top - low), 0, 1.1)
        middle = foot + 22 + (crest - foot - 22) * up * np.sqrt(up) - np.square((y + 18) / 70) * 26 * up
        sheet = np.abs(out - middle) * np.float32(0.8) - (4.0 + 3.0 * np.square(2 * up - 1.0))
        arc = np.sqrt(np.square((y + 12) / 78) + np.square(np.maximum(z - low - 62, 0) / (top - low - 62))) - 1
        neck = np.abs(y + 12) - (36 + 42 * np.clip((z - low) / 60, 0, 1))
        return np.asarray(np.maximum(sheet, np.maximum(np.maximum(arc * 50, neck), low - z)), np.float32)

    box = np.array([[foot - 12, -95.0, low - 2], [crest + 18, 72.0, top + 4]])
    first, last = (box[0], box[1]) if side > 0 else (box[0] * 1, box[1] * 1)
    if side < 0:
        first, last = np.array([-box[1][0], box[0][1], box[0][2]]), np.array([-box[0][0], box[1][1], box[1][2]])
    _bone(volume, first, last, distance, CORTEX_MM, ("pelvis", "pelvis_cortex"))


def _hip(volume: Volume, side: float) -> None:
    """The roof of the socket and the head of the femur, as far as the block reaches."""
    centre = np.array([side * 88.0, -32.0, -128.0])
    for radius, names in ((33.0, ("pelvis", "pelvis_cortex")), (27.0, ("muscle", "muscle")), (24.5, ("pelvis", "pelvis_cortex"))):
        def distance(x: Array, y: Array, z: Array, radius: float = radius) -> Array:
            r = np.sqrt(np.square(x - centre[0]) + np.square(y - centre[1]) + np.square(z - centre[2]))
            return np.asarray(r - radius, np.float32)

        _bone(volume, centre - radius - 2, centre + radius + 2, distance, CORTEX_MM, names)


def _rib(volume: Volume, torso: Torso, side: float, which: tuple[int, float, float]) -> None:
    """A rib from its vertebra around the flank, inside the muscles of the wall, sinking as it goes forward."""
    index, length, slope = which
    if not 0 <= index < len(volume.posture.bodies):
        return
    points = _course(volume, torso, side, index, (length, slope))
    radius = volume.spec.trunk.rib_mm / 2
    for first, last in zip(points, points[1:], strict=False):
        step = last - first
        grid = volume.trunk.grid

        def distance(x: Array, y: Array, z: Array, first: Points = first, step: Points = step) -> Array:
            place = [np.asarray(a - f, np.float32) for a, f in zip((x, y, z), first, strict=True)]
            t = np.clip(sum(p * np.float32(s) for p, s in zip(place, step, strict=True)) / np.float32(step @ step), 0, 1)
            away = [p - t * np.float32(s) for p, s in zip(place, step, strict=True)]
            return np.asarray(np.sqrt(1.7 * np.square(away[0]) + 1.7 * np.square(away[1]) + np.square(away[2]) * 0.65) - radius, np.float32)

        margin = radius * 1.3 + grid.spacing_mm
        _bone(volume, np.minimum(first, last) - margin, np.maximum(first, last) + margin, distance, RIB_CORTEX_MM, ("rib", "cortex"))


def _course(volume: Volume, torso: Torso, side: float, index: int, shape: tuple[float, float]) -> Points:
    """Points (n, 3) along a rib, about 12 mm apart."""
    centre, grid = volume.posture.bodies[index].centre, volume.trunk.grid
    row = int(np.clip((centre[2] - grid.origin_mm[2]) / grid.spacing_mm, 0, grid.shape[0] - 1))
    half, rear, belly = float(torso.flank[row]) - 9.0, float(torso.fascia[row]) - 12.0, float(torso.belly[row]) + 36.0
    middle, deep = (rear + belly) / 2, (rear - belly) / 2
    start = np.array([centre[0] + side * 22.0, centre[1] + 22.0, centre[2] + 4.0])
    knee = np.arcsin(np.clip(58.0 / half, 0, 1))
    angles = knee + np.linspace(0, shape[0] / half, max(int(shape[0] / 12), 3))
    arc = np.stack([side * half * np.sin(angles) ** 0.9, middle + deep * np.cos(angles) * 0.97, np.zeros_like(angles)], axis=-1)
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(arc, axis=0), axis=1))])
    arc[:, 2] = centre[2] + 2.0 + shape[1] * (way + 30)
    return np.vstack([start, arc])
