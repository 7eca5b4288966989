"""Painter of the lower ribs in the coarse block; the vertebra of the lowest pair is the one above the lumbar ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.solid.pelvis import lay_shelled
from spondyl.phantom.solid.torso import Torso
from spondyl.phantom.volume import Array, Volume

CORTEX_MM = 0.8
"""Shell of a rib [O]."""
RIBS = ((95.0, -0.55), (150.0, -0.5), (195.0, -0.45), (215.0, -0.4), (220.0, -0.35))
"""(length of the arc that is followed, mm; its slope) of the pairs from the lowest up [O]."""
STEP_MM, NECK_MM = 13.0, 46.0
"""Length of a straight piece; where the neck ends beside the midline and the shaft begins [O]."""
Points = NDArray[np.float64]


def paint_ribs(volume: Volume, torso: Torso) -> None:
    """Both sides of the lowest pairs, as far as the subject has vertebrae."""
    for above, (length, slope) in enumerate(RIBS):
        index = volume.spec.lumbar + above
        if index < len(volume.posture.bodies):
            for side in (-1.0, 1.0):
                _rib(volume, _course(volume, torso, side, index, (length, slope)))


def _rib(volume: Volume, points: Points) -> None:
    """A flat rod along the points, higher than thick."""
    radius = volume.spec.trunk.rib_mm / 2
    margin = radius * 1.3 + volume.trunk.grid.spacing_mm
    for first, last in pairwise(points):
        step = last - first

        def distance(x: Array, y: Array, z: Array, first: Points = first, step: Points = step) -> Array:
            px, py, pz = (np.asarray(a - f, np.float32) for a, f in zip((x, y, z), first, strict=True))
            sx, sy, sz = (np.float32(s) for s in step)
            t = np.clip((px * sx + py * sy + pz * sz) * np.float32(1 / (step @ step)), 0, 1)
            across = np.square(px - t * sx) + np.square(py - t * sy)
            away = np.sqrt(np.float32(1.7) * across + np.float32(0.65) * np.square(pz - t * sz))
            return np.asarray(away - np.float32(radius), np.float32)

        lay_shelled(volume, np.minimum(first, last) - margin, np.maximum(first, last) + margin, distance, CORTEX_MM, ("rib", "cortex"))


def _course(volume: Volume, torso: Torso, side: float, index: int, shape: tuple[float, float]) -> Points:
    """Points (n, 3) along a rib: from its vertebra back to its angle, then around the flank within the muscles, sinking."""
    centre, grid = volume.posture.bodies[index].centre, volume.trunk.grid
    row = int(np.clip((centre[2] - grid.origin_mm[2]) / grid.spacing_mm, 0, grid.shape[0] - 1))
    half, rear, belly = float(torso.flank[row]) - 9.0, float(torso.fascia[row]) - 12.0, float(torso.belly[row]) + 36.0
    middle, deep = (rear + belly) / 2, (rear - belly) / 2
    own = volume.spec.vertebrae[index]
    neck = np.array([[side * NECK_MM, own.upper_depth_mm / 2 + 15, own.posterior_height_mm / 2 - own.arch.pedicle_mm[1] / 2 - 8]])
    start = volume.posture.bodies[index].to_patient(neck)[0]
    knee = np.arcsin(np.clip(58.0 / half, 0, 1))
    angles = knee + np.linspace(0, shape[0] / half, max(int(shape[0] / STEP_MM), 3))
    x, y = side * half * np.sin(np.clip(angles, 0, np.pi)) ** 0.9, middle + deep * np.cos(angles) * 0.97
    way = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    return np.vstack([start, np.stack([x, y, start[2] + shape[1] * (way + 8)], axis=-1)])
