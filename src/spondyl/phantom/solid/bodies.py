"""Painter of vertebral bodies: shell, end plates, marrow and its changes, spurs."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.anatomy import Body
from spondyl.phantom.materials import marrow, material
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.volume import Volume, shell


def paint_bodies(volume: Volume) -> None:
    """All bodies, the sacral ones too."""
    for body, pose in zip((*volume.spine.sacrum, *volume.spine.bodies), (*volume.posture.sacrum, *volume.posture.bodies), strict=True):
        _paint_body(volume, body, pose)


def _paint_body(volume: Volume, body: Body, pose: Pose) -> None:
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    window = volume.fine.grid.around(pose.centre[None], 38.0)
    if window is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(window))
    own = volume.spec.vertebrae[max(body.index, 0)]
    floor, roof = (c[1] + (v - c[0]) / (c[2] - c[0]) * (c[3] - c[1]) for c in (low, high))
    half, middle = (high[2] - high[0] + low[2] - low[0]) / 4, (high[2] + high[0] + low[2] + low[0]) / 4
    rim = (np.hypot(u / (own.width_mm[0] / 2), (v - middle) / half) - 1) * half
    d = np.maximum(rim, np.maximum(w - roof, floor - w))
    volume.fine.paint_inside(window, d, marrow(body.index))
    edge = volume.fine.grid.spacing_mm
    skin = shell(d, own.cortex_mm, edge)
    volume.fine.paint(window, skin, material("cortex"))
