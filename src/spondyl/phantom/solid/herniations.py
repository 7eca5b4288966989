"""Painter of what leaves a disc: a focal tongue in one of the zones of Fardon 2014, that may rise or sink behind the body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.volume import Array, Volume

if TYPE_CHECKING:
    from spondyl.phantom.solid.discs import DiscShape

SIDES = {"central": (0.0, 0.0), "subarticular": (0.38, 0.15), "foraminal": (0.74, 0.65), "extraforaminal": (0.98, 1.25)}
"""Where a zone lies on the rim: (place to the side in half widths, turn of its direction from the back to the side, radians) [O]."""


def paint_herniation(volume: Volume, shape: DiscShape) -> None:
    """A tongue of disc with a dark skin, laid over whatever is there."""
    spec = shape.disc.spec
    turn, root = _root(shape)
    reach = spec.herniation_mm + spec.herniation_width_mm / 2 + abs(spec.herniation_up) * shape.height_mm + 6
    window = volume.fine.grid.around(shape.pose.to_patient(root[None]), reach)
    if window is None:
        return
    u, v, w = shape.pose.to_local(*volume.fine.grid.open(window))
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    du, dv = u - np.float32(root[0]), v - np.float32(root[1])
    out, side = s * du + c * dv, c * du - s * dv
    d = np.maximum(_tongue(shape, out, side, w), -1.0 - out)
    volume.fine.paint_inside(window, d - 1.0, material("ligament"))
    volume.fine.paint_inside(window, d, material("herniation"))


def _root(shape: DiscShape) -> tuple[float, np.ndarray]:
    """Direction (radians from the back toward the patient's left) and place on the rim from which the tongue grows."""
    zone, _, side = shape.disc.spec.herniation_zone.partition("_")
    sign = -1.0 if side == "right" else 1.0
    share, turn = SIDES[zone]
    wide, deep = sum(shape.half_width_mm) / 2, shape.half_depth_mm
    back = (shape.floor[2] + shape.roof[2]) / 2
    across = share * wide
    behind = back - deep * (1 - np.sqrt(max(1 - share**2.6, 0.0)))
    return sign * turn, np.array([sign * across, behind, 0.0])


def _tongue(shape: DiscShape, out: Array, side: Array, w: Array) -> Array:
    """Signed distance: a capsule from inside the disc to the tip, that draws back to the sides."""
    spec = shape.disc.spec
    height = shape.height_mm
    radius = min(max(0.42 * height, 2.4), 4.2, max(spec.herniation_mm - 0.5, 1.0))
    half = np.float32(max(spec.herniation_width_mm / 2, 2.0))
    drawn = np.float32(spec.herniation_mm + 2) * (1 - np.sqrt(np.clip(1 - np.square(side / half), 0, 1)))
    forth = out + drawn
    tip_out, tip_up = spec.herniation_mm - radius, spec.herniation_up * height
    along, up = tip_out + 5.0, tip_up
    t = np.clip(((forth + 5.0) * along + w * up) / (along * along + up * up), 0, 1)
    d = np.hypot(forth + 5.0 - t * along, w - t * up) - np.float32(radius) * (0.75 + 0.25 * t)
    return np.asarray(np.maximum(d, np.abs(side) - half), np.float32)
