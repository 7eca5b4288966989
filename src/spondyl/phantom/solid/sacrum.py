"""Painter of the sacrum: five fused bodies, their wings, the roof of the canal with its crest, the foramina."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.anatomy import Body
from spondyl.phantom.materials import annulus, marrow, material, nucleus
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid.bodies import Form, paint_body
from spondyl.phantom.solid.facets import joint_of, process
from spondyl.phantom.solid.shapes import Array, Field, Place, box, egg, field, lay_bone, rod
from spondyl.phantom.volume import Volume

WIDTH_MM = ((50.0, 40.0), (37.0, 31.0), (29.0, 25.0), (24.0, 21.0), (20.0, 16.0))
"""Width of each segment's (upper, lower) plate, for a plate of S1 34.5 mm deep [O]."""
WING_MM = (54.0, 50.0, 42.0, 33.0, 26.0)
"""From the midline to the end of the wing beside each segment [O]."""
CORTEX_MM = 0.8
SIDES = (-1.0, 1.0)


def paint_sacrum(volume: Volume) -> None:
    """Bodies first, then the wings and the back over them."""
    scale = volume.spec.sacrum.depth_mm / 34.5
    for disc, pose in zip(volume.spine.remnants, volume.posture.remnants, strict=True):
        _remnant(volume, disc.index, (disc.above.depth + disc.below.depth) / 2, disc.spec.expected_mm, pose)
    for k, (body, pose) in enumerate(zip(volume.spine.sacrum, volume.posture.sacrum, strict=True)):
        low, high = (plate_corners(body, pose, upper) for upper in (False, True))
        lateral = volume.spec.discs[0].spurs_lateral_mm if k == 0 else (0.0, 0.0)
        spurs = ((0.0, 0.0, 0.0, 0.0), (*body.spurs_mm[1], *(0.5 * x for x in lateral)))
        width = (WIDTH_MM[k][1] * scale, WIDTH_MM[k][0] * scale)
        paint_body(volume, Form(body, low, high, width, spurs), pose, 0.6)  # type: ignore[arg-type]
    _wings(volume, scale)


def _remnant(volume: Volume, index: int, depth: float, height: float, pose: Pose) -> None:
    """What is left of a disc inside the sacrum."""
    place = field(volume.fine.grid, pose, [(0.0, 0.0, 0.0)], depth / 2 + 2)
    if place is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(place.window))
    rim = (np.sqrt((u / np.float32(0.62 * depth)) ** 2 + (v / np.float32(depth / 2)) ** 2) - 1) * np.float32(depth / 2)
    volume.fine.paint_inside(place.window, np.maximum(rim, np.abs(w) - np.float32(height / 2 + 1)), annulus(index))
    volume.fine.paint_inside(place.window, np.maximum(rim + np.float32(0.4 * depth), np.abs(w) - np.float32(height / 2)), nucleus(index))


def _wings(volume: Volume, scale: float) -> None:
    """Everything that is not a body, one bone over all segments."""
    pose, wide = volume.posture.sacrum[0], WING_MM[0] * scale
    foot = pose.to_local(*(volume.posture.sacrum[-1].centre.astype(np.float32)))
    points: list[Place] = [(a * wide, b, c) for a in SIDES for b in (-18, 46 * scale) for c in (30.0, float(foot[2]))]
    bone = field(volume.fine.grid, pose, [*points, (0.0, float(foot[1]) + 25, float(foot[2]))], 3.0)
    if bone is None:
        return
    for k, (body, own) in enumerate(zip(volume.spine.sacrum, volume.posture.sacrum, strict=True)):
        piece = Field(bone.grid, bone.window, own, bone.distance)
        for side in SIDES:
            _wing(piece, body, own, k, side, scale)
        _roof(piece, body, k, scale)
    for side in SIDES:
        joint = joint_of(volume, 0, side)
        process(bone, joint, False, (side * 19.0 * scale, 22.0 * scale, 8.0))
    _open_holes(volume, bone, scale)
    lay_bone(volume.fine, bone.window, bone.distance, marrow(-1), material("cortex"), CORTEX_MM)


def _wing(bone: Field, body: Body, pose: Pose, k: int, side: float, scale: float) -> None:
    """The lateral mass beside one segment; the first one's rises and leans forward to the sacroiliac joint."""
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    inner, outer = (WIDTH_MM[k][1] / 2 - 3) * scale, WING_MM[k] * scale
    tall = (high[1] + high[3] - low[1] - low[3]) / 2
    depth, rear = high[2] - high[0], (high[2] + low[2]) / 2
    front = rear - (0.72 if k == 0 else 0.85) * depth
    back = rear + (13, 14, 12, 9, 6)[k] * scale
    middle, half = (inner + outer) / 2, (outer - inner) / 2

    def mass(u: Array, v: Array, w: Array) -> Array:
        out = (u * np.float32(side) - np.float32(inner)) / np.float32(2 * half)
        lean = np.float32(4.0 * scale) * out * (k == 0)
        droop = np.float32((5.0 if k == 0 else 2.0) * scale) * out
        thick = (back - front) / 2 - np.float32(2.0 * scale) * np.clip(1 - out, 0, 1)
        return box(u * np.float32(side) - np.float32(middle), (v - np.float32((front + back) / 2) + lean) * ((back - front) / 2 / thick),
                   w + droop, (half, (back - front) / 2, tall / 2 + 2.5), 5.0 * scale)

    bone.add([(side * x, v, w) for x in (inner, outer) for v in (front, back) for w in (-tall / 2 - 5, tall / 2 + 3)], 4.0, mass, 5.0)


def _roof(bone: Field, body: Body, k: int, scale: float) -> None:
    """Laminae behind the sacral canal, and the median crest on them."""
    if k > 3:
        return
    rear = float(body.upper.depth) / 2
    deep = (15.0, 12.0, 9.0, 6.5)[k] * scale
    half = (15.0, 13.5, 12.0, 10.0)[k] * scale

    def roof(u: Array, v: Array, w: Array) -> Array:
        arch = np.float32(rear + deep + 2.0) - np.float32(0.012) * u * u
        return box(u, v - arch, w + np.float32(4.0 * (k == 0)), (half, 2.2 * scale, 13.0 * scale if k else 9.0 * scale), 2.0)

    bone.add([(a * half, rear + deep, b) for a in SIDES for b in (-13.0, 13.0)], 8.0, roof, 3.0)
    reach = (13.0, 10.0, 7.0, 4.0)[k] * scale
    ends = ((0.0, rear + deep + 2, -1.0), (0.0, rear + deep + reach, -5.0))
    bone.add(list(ends), 9.0, lambda u, v, w: rod(u * np.float32(1.5), v, w, ends, (5.0 * scale, 4.0 * scale)), 3.0)


def _open_holes(volume: Volume, bone: Field, scale: float) -> None:
    """The canal and the four pairs of foramina are kept free of bone."""
    for k, (disc, pose) in enumerate(zip(volume.spine.remnants, volume.posture.remnants, strict=True)):
        piece = Field(bone.grid, bone.window, pose, bone.distance)
        rear = disc.above.depth / 2
        at, size = (17.5, 15.5, 14.0, 12.5)[k] * scale, (5.2, 4.6, 4.0, 3.4)[k] * scale
        for side in SIDES:
            piece.cut([(side * at, rear - 12, 0.0), (side * at, rear + 14, 0.0)], size + 2,
                      lambda u, v, w: rod(u, v, w, ((side * at, rear - 22, 0.0), (side * at, rear + 8, 0.0)), (size, size)))  # noqa: B023
    for k, (body, pose) in enumerate(zip(volume.spine.sacrum, volume.posture.sacrum, strict=True)):
        piece = Field(bone.grid, bone.window, pose, bone.distance)
        rear, half = body.upper.depth / 2, ((15.0, 12.0, 9.0, 6.5, 5.0)[k] * scale, (14.0, 13.0, 11.0, 9.0, 7.0)[k] * scale)
        piece.cut([(0, rear, -16.0), (0, rear + half[0], 16.0)], half[1],
                  lambda u, v, w: np.maximum(egg(u, v - np.float32(rear + half[0] / 2 - 1), w * 0, (half[1], half[0] / 2 + 1, 1e3)),  # noqa: B023
                                             np.abs(w) - 16))
