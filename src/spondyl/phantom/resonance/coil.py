"""Shading: surface coils behind the back, the ends of their array, and a saturation band over the belly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.resonance.acquisition import MrAcquisition
from spondyl.phantom.resonance.sampling import Plane
from spondyl.phantom.volume import Volume

CANAL_MM = 28.0
"""The canal lies about so far behind the middles of the bodies [O]; there the coil's sensitivity is 1."""
ARRAY_MM = 165.0
NEAREST = 1.5
BAND_LEFT = 0.12
"""Sensitivity at the skin, at most, and what a saturation band leaves [O]."""


def shade(volume: Volume, scan: MrAcquisition, plane: Plane) -> NDArray[np.float32]:
    """Sensitivity at the points of a plane, float32, (rows, columns) or broadcastable to it; 1 in the middle of the lumbar canal."""
    y, z = plane.coordinate(1), plane.coordinate(2)
    bent = volume.posture.bent
    canal = float(np.interp(scan.coil_z_mm, bent[:, 2], bent[:, 1])) + CANAL_MM
    out = np.ones(plane.shape, np.float32)
    if scan.coil_mm:
        out *= np.minimum(np.exp(np.minimum(y - np.float32(canal), 400) / np.float32(scan.coil_mm)), NEAREST)
    if scan.coil_end:
        out *= np.clip(1 - np.float32(scan.coil_end) * (np.abs(z - np.float32(scan.coil_z_mm)) / np.float32(ARRAY_MM)) ** 4, 0, 1)
    if scan.band is not None:
        edge, height, tilt = scan.band
        ahead = np.float32(edge) + np.float32(np.tan(np.radians(tilt))) * (z - np.float32(height)) - y
        out *= 1 - np.float32(1 - BAND_LEFT) / (1 + np.exp(np.clip(-ahead / np.float32(3), -60, 60)))
    return out


def moving(volume: Volume, scan: MrAcquisition, plane: Plane) -> NDArray[np.float32]:
    """Share of the signal at each point that breathing moves: all of the belly, nothing from the spine backward."""
    bent = volume.posture.bent
    front = np.interp(plane.coordinate(2), bent[:, 2], bent[:, 1]).astype(np.float32) - np.float32(35)
    return np.asarray(np.clip((front - plane.coordinate(1)) / np.float32(50), 0, 1), np.float32)
