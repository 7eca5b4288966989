"""Painter of the discs: nucleus, annulus, outer fibres, cleft and fissure, rims that bulge.

A disc lies between the posed plates of its two bodies and reaches a little under them: bodies are painted over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.anatomy import Body, Disc, Plate
from spondyl.phantom.materials import annulus, material, nucleus
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid.herniations import paint_herniation
from spondyl.phantom.solid.outline import kidney
from spondyl.phantom.volume import TRACE, Array, Volume, Window, inside

SACRAL_WIDTH_MM = 50.0
"""Width of the upper plate of S1, with a plate 34.5 mm deep [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class DiscShape:
    """A disc in its own frame: straight chords below and above, half widths there.

    Attributes:
        floor, roof: (v, w) of the anterior and of the posterior end of the chord below and of the one above, mm.
        half_width_mm: (below, above).
        hollow_mm: How far its plates may lie beyond the chords.
    """

    disc: Disc
    pose: Pose
    floor: tuple[float, float, float, float]
    roof: tuple[float, float, float, float]
    half_width_mm: tuple[float, float]
    hollow_mm: float

    @property
    def height_mm(self) -> float:
        """Mean distance of the chords."""
        return (self.roof[1] + self.roof[3] - self.floor[1] - self.floor[3]) / 2

    @property
    def half_depth_mm(self) -> float:
        """Mean half length of the chords."""
        return (self.floor[2] - self.floor[0] + self.roof[2] - self.roof[0]) / 4


def disc_shapes(volume: Volume) -> tuple[DiscShape, ...]:
    """All discs from the lowest up; the remnants in the sacrum are the sacrum's own."""
    spine, posture = volume.spine, volume.posture
    bodies, poses = (spine.sacrum[0], *spine.bodies), (posture.sacrum[0], *posture.bodies)
    return tuple(_shape(volume, disc, posture.discs[i], (bodies[i], bodies[i + 1]), (poses[i], poses[i + 1]))
                 for i, disc in enumerate(spine.discs))


def paint_discs(volume: Volume) -> None:
    """All discs, then what leaves them."""
    shapes = disc_shapes(volume)
    for shape in shapes:
        _paint(volume, shape)
    for shape in shapes:
        if shape.disc.spec.herniation_mm > 0:
            paint_herniation(volume, shape)


def _shape(volume: Volume, disc: Disc, pose: Pose, bodies: tuple[Body, Body], poses: tuple[Pose, Pose]) -> DiscShape:
    floor, roof = (_chord(body, at, pose, upper) for body, at, upper in zip(bodies, poses, (True, False), strict=True))
    widths = [_half_width(volume, body, upper) for body, upper in zip(bodies, (True, False), strict=True)]
    t = np.linspace(0, 1, 65)
    deepest = max(float(plate.into_body(t).max()) for plate in (disc.above, disc.below))
    return DiscShape(disc, pose, floor, roof, (widths[0], widths[1]), deepest)


def _chord(body: Body, at: Pose, pose: Pose, upper: bool) -> tuple[float, float, float, float]:
    """(v, w) of a posed plate's corners in the frame of the disc."""
    corners = plate_corners(body, at, upper)
    points = at.to_patient(np.array([[0, *corners[:2]], [0, *corners[2:]]]))
    local = (points - pose.centre) @ pose.axes.T
    return float(local[0, 1]), float(local[0, 2]), float(local[1, 1]), float(local[1, 2])


def _half_width(volume: Volume, body: Body, upper: bool) -> float:
    plate: Plate = body.upper if upper else body.lower
    if body.index < 0:
        return plate.depth / 34.5 * SACRAL_WIDTH_MM / 2
    return volume.spec.vertebrae[body.index].width_mm[int(upper)] / 2


def _paint(volume: Volume, shape: DiscShape) -> None:
    window = _window(volume, shape)
    if window is None:
        return
    block, spec, index = volume.fine, shape.disc.spec, shape.disc.index
    u, v, w = shape.pose.to_local(*block.grid.open(window))
    floor, roof = _line(shape.floor, v), _line(shape.roof, v)
    rim, a, b = rim_distance(shape, (u, v, w), floor, roof)
    under = np.clip(1.0 - 0.9 * rim, max(0.3, overhang_mm(shape)), shape.hollow_mm + 3.0)
    d = np.maximum(rim, np.maximum(w - roof, floor - w) - under)
    block.paint(window, inside(d, block.grid.spacing_mm), annulus(index), least=TRACE)
    block.paint(window, _fibres(shape, d, rim), material("ligament"), least=TRACE)
    level = w - (roof + floor) / 2
    up = np.asarray(level / (0.56 * (roof - floor) + 0.8), np.float32)
    block.paint(window, _core(shape, (a, b, up), np.asarray(level, np.float32), d), nucleus(index), least=TRACE)
    if spec.fissure > 0:
        at = np.sqrt(np.square((v - 0.93 * shape.half_depth_mm) / 2.2) + np.square(u / 5.0) + np.square(w / 1.3))
        block.paint(window, inside((at - 1) * 1.5, 1.2) * np.float32(spec.fissure * 0.5), material("joint_fluid"), least=TRACE)


def _window(volume: Volume, shape: DiscShape) -> Window | None:
    bulge = max(*shape.disc.spec.bulge_mm, *shape.disc.spec.bulge_lateral_mm, 0.0) + 2.0
    wide, deep = max(shape.half_width_mm) + bulge, shape.half_depth_mm + bulge + 2.0 + abs(shape.disc.spec.slip_mm) / 2
    tall = shape.height_mm / 2 + shape.hollow_mm + 2.0
    corners = np.array([[i * wide, j * deep, k * tall] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    return volume.fine.grid.around(shape.pose.to_patient(corners), 1.0)


def _line(chord: tuple[float, float, float, float], v: Array) -> Array:
    """w of a chord at v."""
    slope = (chord[3] - chord[1]) / max(chord[2] - chord[0], 1e-3)
    return np.asarray(chord[1] + (v - chord[0]) * np.float32(slope), np.float32)


def rim_distance(shape: DiscShape, place: tuple[Array, Array, Array], floor: Array, roof: Array) -> tuple[Array, Array, Array]:
    """(distance to the rim in mm, negative inside; left and back in units of the half width and depth) of places in the disc's frame."""
    u, v, w = place
    span = np.clip((w - floor) / np.maximum(roof - floor, 0.3), 0, 1)
    low, high = shape.floor, shape.roof
    front, rear = low[0] + span * (high[0] - low[0]), low[2] + span * (high[2] - low[2])
    wide = shape.half_width_mm[0] + span * (shape.half_width_mm[1] - shape.half_width_mm[0])
    half = (rear - front) / 2
    a, b = u / wide, (v - (front + rear) / 2) / half
    spec = shape.disc.spec
    over = overhang_mm(shape)
    stretched = np.clip((w - floor + over) / (np.maximum(roof - floor, 0.3) + 2 * over), 0, 1)
    belly = 4 * stretched * (1 - stretched)
    side = np.where(u < 0, *(np.float32(side) for side in spec.bulge_lateral_mm)) * belly
    ends = np.where(b < 0, *(np.float32(end) for end in spec.bulge_mm)) * belly
    aa = a * a
    share = aa / (aa + b * b + np.float32(1e-3))
    reach = ends + share * (side - ends)
    return np.asarray((kidney(a, b) - 1) * half - reach, np.float32), np.asarray(a, np.float32), np.asarray(b, np.float32)


def overhang_mm(shape: DiscShape) -> float:
    """How far a rim that stands out reaches over the edges of the plates: a flat disc bulges as thick as a tall one [O]."""
    reach = max(*shape.disc.spec.bulge_mm, *shape.disc.spec.bulge_lateral_mm, 0.0)
    return min(max(0.4 * reach - 0.4, 0.0), 2.0)


def _fibres(shape: DiscShape, d: Array, rim: Array) -> Array:
    """Share of dark outer fibres: a layer of 1.5 mm, fading inward over the outer third."""
    depth = np.float32(0.34 * shape.half_depth_mm)
    fade = np.square(np.clip(1 + rim / depth, 0, 1)) * np.float32(0.55)
    layer = np.clip((rim + 1.9) / 0.9, 0, 1) * np.float32(0.9)
    return np.asarray(np.maximum(fade, layer) * (d < 0.3), np.float32)


def _core(shape: DiscShape, at: tuple[Array, Array, Array], level: Array, d: Array) -> Array:
    """Share of nucleus: a little behind the middle, its edge soft and its middle cleft where the disc is not even."""
    spec = shape.disc.spec
    a, b, c = at
    radius = np.sqrt(np.square(a / np.float32(0.64)) + np.square((b - 0.04) / np.float32(0.64)) + np.square(c))
    wave = np.float32(0.16 * (1.2 - spec.homogeneity)) * np.sin(4.3 * a + 1.7 * shape.disc.index) * np.cos(3.1 * b - shape.disc.index)
    fray = np.float32(0.07) * np.sin(9.1 * a + 6.3 * b + 2.1 * shape.disc.index) * np.sin(7.7 * b - 5.2 * a)
    share = inside((radius - 1 + wave + fray) * 2, 1.0 + 0.8 * (1 - spec.homogeneity)) * (d < 0)
    if spec.homogeneity < 0.88 and spec.nucleus_t2_ms > spec.annulus_t2_ms:
        left = max((0.65 * spec.nucleus_t2_ms - spec.annulus_t2_ms) / (spec.nucleus_t2_ms - spec.annulus_t2_ms), 0.0)
        share = share * (1 - (1 - left) * inside(np.abs(level) - 0.4, 0.8) * np.clip(2.4 - 3 * np.abs(b), 0, 1))
    return np.asarray(share, np.float32)
