"""Painter of the sacrum: five fused bodies, their wings, the roof of the canal with its crest, the foramina.

The wings are one bone in coordinates that follow the curve of the sacrum: u to the left, s in segments down from the plate of S1,
n backward from the middle of the bodies. The sacrum is never turned, so s and n are the same on both sides.
"""

from __future__ import annotations

import numpy as np

from spondyl.phantom.anatomy import Disc
from spondyl.phantom.materials import annulus, marrow, material, nucleus
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid.bodies import Form, paint_body
from spondyl.phantom.solid.facets import joint_of, process
from spondyl.phantom.solid.shapes import Array, Field, Place, both, field, lay_bone
from spondyl.phantom.volume import Volume, Window, inside

WIDTH_MM = ((50.0, 40.0), (37.0, 31.0), (29.0, 25.0), (24.0, 21.0), (20.0, 16.0))
"""Width of each segment's (upper, lower) plate, for a plate of S1 34.5 mm deep [O]."""
AT = np.array([-0.3, 0.0, 0.5, 1.0, 1.6, 2.2, 2.8, 3.5, 4.2, 5.0], np.float32)
"""Segments below the plate of S1 at which the next tables hold, all mm for the same plate [O]."""
WING_MM = np.array([49.0, 51.5, 53.5, 53.0, 49.0, 42.0, 36.5, 32.0, 26.0, 12.0], np.float32)
"""From the midline to the end of the wing in front; its side leans inward toward the back, as the sacroiliac joint does."""
FRONT_MM = np.array([-7.0, -8.0, -10.0, -9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -2.0], np.float32)
BACK_MM = np.array([27.0, 29.0, 29.0, 26.0, 22.0, 18.0, 15.0, 12.0, 9.0, 4.0], np.float32)
"""Front of the wings, and back of the laminae at the midline, from the middle of the bodies."""
REAR_MM = np.interp(AT, np.arange(5), [17.0, 11.5, 8.5, 6.5, 5.0]).astype(np.float32)
"""Back of the bodies, from their middle."""
CANAL_MM = np.array([15.0, 14.5, 13.5, 12.0, 10.0, 8.5, 7.0, 6.0, 5.0, 3.0], np.float32)
"""Depth of the sacral canal behind the bodies; it is open behind below S4, and above S1 where the last joint stands."""
ROOF_MM = 4.5
TALL_MM, FUSED = 4.5, 0.93
"""Height of a remnant from which it stays a whole disc, and how much of its place bone takes where they have fused [O]."""
SLAB_ROWS = 10
SIDES = (-1.0, 1.0)


def paint_sacrum(volume: Volume) -> None:
    """Remnants of discs first, then the bodies, then the wings and the back over them."""
    scale = volume.spec.sacrum.depth_mm / 34.5
    for disc, pose in zip(volume.spine.remnants, volume.posture.remnants, strict=True):
        _remnant(volume, disc.index, (disc.above.depth + disc.below.depth) / 2, disc.spec.expected_mm, pose)
    for k, (body, pose) in enumerate(zip(volume.spine.sacrum, volume.posture.sacrum, strict=True)):
        low, high = (plate_corners(body, pose, upper) for upper in (False, True))
        right, left = volume.spec.discs[0].spurs_lateral_mm if k == 0 else (0.0, 0.0)
        spurs = ((0.0, 0.0, 0.0, 0.0), (*body.spurs_mm[1], right, left))
        width = (WIDTH_MM[k][1] * scale, WIDTH_MM[k][0] * scale)
        paint_body(volume, Form(body, low, high, width, spurs), pose, volume.spec.vertebrae[0].cortex_mm)
    for disc, pose in zip(volume.spine.remnants, volume.posture.remnants, strict=True):
        _fuse(volume, disc, pose)
    _wings(volume, scale)


def _fuse(volume: Volume, disc: Disc, pose: Pose) -> None:
    """Marrow across a remnant's ends: the lower it is, the shorter is the line that is left in its middle; a tall one stays a disc."""
    height, depth = disc.spec.expected_mm, (disc.above.depth + disc.below.depth) / 2
    place = field(volume.fine.grid, pose, [(0.0, 0.0, 0.0)], depth / 2 + 2) if height < TALL_MM else None
    if place is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(place.window))
    length, ahead, bend = np.random.default_rng((volume.spec.texture_seed, 61, -disc.index)).uniform(size=3)
    half = depth * (0.09 + 0.055 * height + 0.08 * length)
    middle = -0.5 * depth + half + (0.1 + 0.3 * ahead) * depth
    left = np.sqrt((u / np.float32(1.5 * half)) ** 2 + ((v - np.float32(middle)) / np.float32(half)) ** 2)
    whole = (np.sqrt((u / np.float32(0.62 * depth)) ** 4 + (v / np.float32(depth / 2)) ** 2) - 1) * np.float32(depth / 2)
    bowed = w - np.float32(0.8 * (bend - 0.5)) * (1 - np.square(v / np.float32(depth / 2)))
    near = inside(np.abs(bowed) - np.float32(height / 2 + 1.0), 1.2) * inside(whole + 0.9, 1.2)
    cover = near * np.clip(np.float32(FUSED) * (left - np.float32(0.6)) / np.float32(0.8), 0, FUSED)
    volume.fine.paint(place.window, np.where(cover < 0.06, 0, cover), marrow(disc.index))


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
    """Everything that is not a body, as one bone."""
    pose, wide = volume.posture.sacrum[0], float(WING_MM.max()) * scale
    foot = pose.to_local(*(volume.posture.sacrum[-1].centre.astype(np.float32)))
    points: list[Place] = [(a * wide, b, c) for a in SIDES for b in (-18, 46 * scale) for c in (30.0, float(foot[2]) - 10)]
    bone = field(volume.fine.grid, pose, [*points, (0.0, float(foot[1]) + 25, float(foot[2]))], 3.0)
    if bone is None:
        return
    parts = _slabs(volume, bone, scale)
    for part in parts:
        x, y, z = volume.fine.grid.open(_inside(bone.window, part))
        s, n = _curved(volume, y, z)
        u = np.abs(x)
        solid = np.minimum(_lateral(u, s, n, scale), _roof(u, s, n, scale))
        bone.distance[part] = np.maximum(solid, -_openings(u, s, n, scale))
    for side in SIDES:
        process(bone, joint_of(volume, 0, side), False, (side * 21.0 * scale, 24.0 * scale, 8.0))
    inner, cortex, cortex_mm = material("pelvis"), material("cortex"), 1.4 * volume.spec.vertebrae[0].cortex_mm
    for part in parts:
        lay_bone(volume.fine, _inside(bone.window, part), bone.distance[part], inner, cortex, cortex_mm, beside=True)


def _slabs(volume: Volume, bone: Field, scale: float) -> list[Window]:
    """Pieces of the field, a few rows high, that hold all of the bone."""
    wide, rows = float(WING_MM.max() + 2) * scale, bone.distance.shape[0]
    parts = []
    for first in range(0, rows, SLAB_ROWS):
        part = (slice(first, min(first + SLAB_ROWS, rows)), slice(0, bone.distance.shape[1]), slice(0, bone.distance.shape[2]))
        x, y, z = volume.fine.grid.open(_inside(bone.window, part))
        s, n = _curved(volume, y, z)
        near = (n[..., 0] > -14 * scale) & (n[..., 0] < 48 * scale) & (s[..., 0] > -0.75) & (s[..., 0] < 5)
        columns, beside = np.flatnonzero(near.any(axis=0)), np.flatnonzero(np.abs(x[0, 0]) < wide)
        if columns.size and beside.size:
            parts.append((part[0], slice(int(columns[0]), int(columns[-1]) + 1), slice(int(beside[0]), int(beside[-1]) + 1)))
    return parts


def _inside(window: Window, part: Window) -> Window:
    """A part of a window as a window of the grid."""
    z, y, x = (slice(w.start + p.start, w.start + p.stop) for w, p in zip(window, part, strict=True))
    return z, y, x


def _curved(volume: Volume, y: Array, z: Array) -> tuple[Array, Array]:
    """(s, n) of points of the midline plane."""
    bodies = volume.spine.sacrum
    stops = [(bodies[0].upper.anterior + bodies[0].upper.posterior) / 2]
    stops += [disc.corners.mean(axis=0) for disc in volume.spine.remnants]
    stops.append((bodies[-1].lower.anterior + bodies[-1].lower.posterior) / 2)
    best = np.full(np.broadcast_shapes(y.shape, z.shape), 1e9, np.float32)
    s, n = np.zeros_like(best), np.zeros_like(best)
    for k in range(5):
        step = stops[k + 1] - stops[k]
        length = float(np.hypot(*step))
        dy, dz = y - np.float32(stops[k][0]), z + np.float32(stops[k][1])
        t = (dy * np.float32(step[0]) - dz * np.float32(step[1])) / np.float32(length**2)
        across = (-dy * np.float32(step[1]) - dz * np.float32(step[0])) * np.float32(-1 / length)
        outside = np.maximum(np.maximum(-t if k else t * 0, t - 1 if k < 4 else t * 0), 0)
        away = np.abs(across) * 0.01 + outside * np.float32(length)
        closer = away < best
        best[closer], s[closer], n[closer] = away[closer], (t + k)[closer], across[closer]
    return s, n


def _table(s: Array, values: Array, scale: float) -> Array:
    return np.asarray(np.interp(s, AT, values) * scale, np.float32)


def _lateral(u: Array, s: Array, n: Array, scale: float) -> Array:
    """The lateral masses beside the bodies, with a top that falls toward the sides."""
    front, back = _table(s, FRONT_MM, scale), _table(s, BACK_MM, scale)
    side = u - _table(s, WING_MM, scale) + np.float32(0.3) * np.maximum(n - front, 0)
    out = np.clip(u * np.float32(1 / 50 / scale), 0, 1)
    flat = np.maximum(n - back + 13 * scale * out * out, front + 5 * scale * np.clip(1 - out * 1.6, 0, 1) - n - 3 * scale * out)
    ends = np.maximum(-(s * np.float32(27 * scale)) + 5 * scale * (out - np.float32(0.55)), (s - np.float32(4.6)) * np.float32(15 * scale))
    inner = _table(s, np.interp(AT, np.arange(5), [w[0] / 2 - 4 for w in WIDTH_MM]).astype(np.float32), scale) - u
    behind = np.maximum(n - _table(s, REAR_MM, scale) + 1, 0)
    return both(both(side * np.float32(0.9), np.maximum(flat, ends), 5.0 * scale), inner - 2 * behind, 1.0)


def _roof(u: Array, s: Array, n: Array, scale: float) -> Array:
    """Laminae behind the canal from S1 to S4, with the median crest on them."""
    body = _table(s, REAR_MM, scale)
    front = body + _table(s, CANAL_MM, scale) - np.float32(0.012) * u * u
    plate = np.maximum(np.abs(n - front - np.float32(ROOF_MM / 2)) - np.float32(ROOF_MM / 2), u - np.float32(20 * scale))
    knob = np.float32(0.5) - np.float32(0.5) * np.cos(np.clip(s, 0, 4) * np.float32(2 * np.pi))
    crest = np.maximum(n - front - (np.float32(5.0) + knob * np.clip(9 - 2 * s, 1, 9)) * np.float32(scale), front - n)
    ridge = both(crest, u - np.float32(2.8 * scale) - np.float32(1.2) * knob, 2.5)
    ends = np.maximum((np.float32(0.12) - s) * np.float32(27 * scale), (s - np.float32(3.9)) * np.float32(15 * scale))
    return both(np.minimum(plate, ridge), ends, 2.0)


def _openings(u: Array, s: Array, n: Array, scale: float) -> Array:
    """The canal, and the foramina between the segments, which run from the canal forward and back."""
    body = _table(s, REAR_MM, scale)
    deep = _table(s, CANAL_MM, scale)
    wide = np.maximum(deep * np.float32(1.0), 4)
    canal = (np.sqrt((u / wide) ** 2 + ((n - body - deep / 2 + 1) / (deep / 2 + 1)) ** 2) - 1) * deep / 2
    level = np.clip(np.rint(s), 1, 4)
    along = (s - level) * np.float32(24 * scale) * (1 - np.float32(0.1) * level)
    radius = (np.float32(6.0) - np.float32(0.75) * level) * np.float32(scale)
    hole = np.sqrt(along * along + (u - (np.float32(20.0) - np.float32(1.9) * level) * np.float32(scale)) ** 2) - radius
    return np.asarray(np.minimum(canal, hole), np.float32)
