"""Painter of vertebral bodies: kidney-shaped plates, hollow walls, spurs, shell, end plates, marrow and its changes.

The shape at the midline is that of `anatomy` (plates, wall hollows, spurs at the corners); around it:
    outline   that of `outline.kidney`, as for the discs
    walls     sides hollow by 1.5 mm more than the front [O]
    plates    hollow fades toward the sides; a Schmorl node is round
    spurs     share their reach between front, back, right and left by the direction from the middle
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from spondyl.phantom.anatomy import NODE_SIGMA, Body, Plate
from spondyl.phantom.materials import material
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid.marrow import paint_marrow
from spondyl.phantom.solid.outline import kidney
from spondyl.phantom.solid.shapes import Array, both
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Grid, Volume, Window

Corners = tuple[float, float, float, float]
Reach = tuple[float, float, float, float]
"""(anterior, posterior, right, left), mm."""
NO_REACH: Reach = (0.0, 0.0, 0.0, 0.0)
SIDE_WALL_MM, SLAB_ROWS = 1.5, 8
PIT_REACH_MM = 18.0
"""Pits are not looked for deeper than this below a plate."""
FOOT_MM = (1.8, 0.55)
"""Height of a spur's foot: so much, and so much more for each mm of reach [O]."""
LIP, LIP_FROM_MM = 0.45, 5.0
"""A claw rises past its plate by this share of its reach, up to that reach [O]."""
ENDPLATE = 2.2
"""Thickness of a bony end plate, as a multiple of the shell's [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """All that shapes one body, in its own frame.

    Attributes:
        low, high: (v, w) of the anterior and of the posterior corner of the plates.
        width: Of the (lower, upper) plate, mm.
        spurs: Reach at the (lower, upper) plate.
        buckle_mm: Ridge of a broken anterior wall.
    """

    body: Body
    low: Corners
    high: Corners
    width: tuple[float, float]
    spurs: tuple[Reach, Reach] = (NO_REACH, NO_REACH)
    buckle_mm: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """A body over a window.

    Attributes:
        distance: To the whole body, mm, negative inside.
        wall: To its walls alone.
        above_low, below_high: Depth below the lower and the upper plate.
        t_low, t_high: Place along the plates, 0 anterior .. 1 posterior.
        side: Distance from the midline as a share of the half width.
    """

    distance: Array
    wall: Array
    above_low: Array
    below_high: Array
    t_low: Array
    t_high: Array
    side: Array


def paint_bodies(volume: Volume) -> None:
    """All bodies above the sacrum."""
    for body, pose in zip(volume.spine.bodies, volume.posture.bodies, strict=True):
        paint_body(volume, form_of(volume.spec, body, pose), pose, volume.spec.vertebrae[body.index].cortex_mm)


def form_of(spec: SubjectSpec, body: Body, pose: Pose) -> Form:
    """The form of a vertebra's body."""
    own = spec.vertebrae[body.index]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    over = spec.discs[body.index + 1] if body.index + 1 < len(spec.discs) else None
    spurs = tuple((*ends, *(disc.spurs_lateral_mm if disc else (0.0, 0.0)))
                  for ends, disc in zip(body.spurs_mm, (spec.discs[body.index], over), strict=True))
    return Form(body, low, high, own.width_mm, (spurs[0], spurs[1]), buckle_mm=own.fracture.step_mm)


def paint_body(volume: Volume, form: Form, pose: Pose, cortex_mm: float) -> None:
    """One body, if the fine block reaches it."""
    for window in _slabs(volume.fine.grid, form, pose):
        _paint_slab(volume, form, pose, cortex_mm, window)


def _paint_slab(volume: Volume, form: Form, pose: Pose, cortex_mm: float, window: Window) -> None:
    """A few rows of a body: little enough to stay in the processor's cache."""
    u, v, w = pose.to_local(*volume.fine.grid.open(window))
    shaped = shape(form, u, v, w)
    plates = np.minimum(shaped.above_low, shaped.below_high) < -shaped.wall
    paint_marrow(volume, form.body, window, (u, v, w), shaped,
                 np.where(plates, np.uint8(material("endplate")), np.uint8(material("cortex"))),
                 np.where(plates, np.float32(ENDPLATE * cortex_mm), np.float32(cortex_mm)))


def _slabs(grid: Grid, form: Form, pose: Pose) -> Iterator[Window]:
    """Pieces of the grid, a few rows high, that hold the body and its spurs; each as wide and deep as the body is there."""
    out = 1.5 + form.buckle_mm + max(max(r) for r in form.spurs)
    corners = np.array([(u, v + ahead * out, w) for c, wide in zip((form.low, form.high), form.width, strict=True)
                        for ahead, v, w in ((-1, *c[:2]), (1, *c[2:])) for u in (-wide / 2 - out, wide / 2 + out)])
    whole = grid.around(pose.to_patient(corners), 1.5 + LIP * min(out, LIP_FROM_MM))
    if whole is None:
        return
    half = np.abs(corners).max(axis=0)
    lean = pose.axes[2, :2] / pose.axes[2, 2]
    reach = half[:2] @ np.abs(pose.axes[:2, :2] - pose.axes[:2, 2:] * lean) + 1.0
    for first in range(whole[0].start, whole[0].stop, SLAB_ROWS):
        rows = slice(first, min(first + SLAB_ROWS, whole[0].stop))
        z = grid.axis("z")[[rows.start, rows.stop - 1]]
        line = pose.centre[:2] + (z[:, None] - pose.centre[2]) * lean
        part = grid.window(np.array([*(line.min(axis=0) - reach), z[0] - 0.1]), np.array([*(line.max(axis=0) + reach), z[1] + 0.1]))
        if part:
            yield part


def shape(form: Form, u: Array, v: Array, w: Array) -> Shaped:
    """The body at local points."""
    low, high = form.low, form.high
    (t_low, floor), (t_high, roof) = _chord(low, v), _chord(high, v)
    up = np.clip((w - floor) / np.maximum(roof - floor, 1.0), 0, 1)
    front, rear = (low[k] + up * np.float32(high[k] - low[k]) for k in (0, 2))
    half_u = (form.width[0] + up * np.float32(form.width[1] - form.width[0])) / 2
    half_v = (rear - front) / 2
    side = np.abs(u) / half_u
    wall, ahead, behind = _outline(side, v - (front + rear) / 2, half_u, half_v)
    bare = wall
    wall = wall + _waist(form.body.wall_mm, up, ahead, behind)
    if form.buckle_mm > 0:
        wall = wall - ahead * np.float32(form.buckle_mm) * np.exp(-(((up - 0.62) / 0.09) ** 2))
    lip: Array = np.zeros(1, np.float32)
    for reach, height in zip(form.spurs, (w - floor, roof - w), strict=True):
        if any(reach) and height.min() < 3 * (FOOT_MM[0] + FOOT_MM[1] * max(reach)):
            wall = wall - _spur(reach, u, ahead, behind, height)
            lip = np.float32(LIP) * np.clip(bare, 0, LIP_FROM_MM)
    fade = np.maximum(1 - side * side, 0)
    above_low, below_high = w - floor, roof - w
    above_low = above_low - _hollow(form.body.lower, t_low, fade, u, float(above_low.min()) < PIT_REACH_MM) + lip
    below_high = below_high - _hollow(form.body.upper, t_high, fade, u, float(below_high.min()) < PIT_REACH_MM) + lip
    distance = both(np.maximum(-above_low, -below_high), wall, 1.6)
    return Shaped(distance, wall, above_low, below_high, t_low, t_high, side)


def _waist(wall_mm: tuple[float, float], up: Array, ahead: Array, behind: Array) -> Array:
    """Depth of the walls' hollow; the sides stand upright along the rims."""
    hollow = 4 * up * (1 - up)
    flank = hollow * hollow * np.float32(wall_mm[0] + SIDE_WALL_MM)
    front, rear = hollow * np.float32(wall_mm[0]), hollow * np.float32(wall_mm[1])
    return np.asarray(flank + ahead * (front - flank) + behind * (rear - flank), np.float32)


def _chord(corners: Corners, v: Array) -> tuple[Array, Array]:
    """(t along a plate's chord, w of the chord) at v."""
    t = (v - np.float32(corners[0])) / np.float32(corners[2] - corners[0])
    return t, np.float32(corners[1]) + t * np.float32(corners[3] - corners[1])


def _outline(side: Array, v: Array, half_u: Array, half_v: Array) -> tuple[Array, Array, Array]:
    """(distance to the outline, share of the direction that is forward, and backward); exact at the midline."""
    t = v / half_v
    radius = np.maximum(kidney(side, t), np.float32(0.2))
    back = np.minimum((t / radius) ** 2, 1)
    slope = np.sqrt((1 - back) / (half_u * half_u) + back / (half_v * half_v))
    return np.asarray((radius - 1) / slope, np.float32), back * (t < 0), back * (t >= 0)


def _spur(reach: Reach, u: Array, ahead: Array, behind: Array, height: Array) -> Array:
    """How far a claw stands out at a height above its plate; a large one has a broad foot."""
    beside = np.clip(1 - ahead - behind, 0, 1)
    out = ahead * np.float32(reach[0]) + behind * np.float32(reach[1])
    out = out + beside * np.where(u < 0, np.float32(reach[2]), np.float32(reach[3]))
    foot = np.float32(FOOT_MM[0]) + np.float32(FOOT_MM[1]) * out
    return np.asarray(out * np.exp(-((np.maximum(height, 0) / foot) ** 2)), np.float32)


def _hollow(plate: Plate, t: Array, fade: Array, u: Array, near: bool) -> Array:
    """Depth of a plate's surface below its chord: at the midline `Plate.into_body`."""
    smooth = plate.smooth(t).astype(np.float32) * fade
    own = plate.shape
    if not near:
        return np.asarray(smooth, np.float32)
    if plate.step_mm or own.irregularity_mm:
        coarse = replace(plate, shape=replace(own, node_mm=0.0))
        smooth = smooth + coarse.pit(t).astype(np.float32) * np.minimum(2 * fade, 1) * np.cos(np.float32(0.3) * u)
    if own.node_mm > 0:
        along = (t - np.float32(own.node_at)) * np.float32(plate.depth)
        smooth = smooth + np.float32(own.node_mm) * np.exp(-(along * along + u * u) * np.float32(0.5 / (NODE_SIGMA * plate.depth) ** 2))
    return np.asarray(smooth, np.float32)

