"""Painter of what surgeons put in, and of what lies on or in the body that is not the patient's. Sizes are [O]."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spondyl.phantom.anatomy import Body
from spondyl.phantom.materials import material
from spondyl.phantom.posture import Pose, plate_corners
from spondyl.phantom.solid.shapes import Array, Place, box, egg, field, rod
from spondyl.phantom.spec_parts import ForeignSpec, ImplantSpec
from spondyl.phantom.volume import Block, Volume

SCREW_MM, ROD_MM, HEAD_MM = 3.1, 2.75, 6.0
"""Radii of a screw's shaft, of a rod and of a screw's head."""
SIDES = (-1.0, 1.0)


def paint_devices(volume: Volume) -> None:
    """Implants, then foreign objects."""
    for implant in volume.spec.trunk.implants:
        {"screws": _screws, "cage": _cage, "cement": _cement}[implant.kind](volume, implant)
    for thing in volume.spec.trunk.foreign:
        _foreign(volume, thing)


def _body(volume: Volume, index: int) -> tuple[Body, Pose]:
    return ((volume.spine.sacrum[-1 - index], volume.posture.sacrum[-1 - index]) if index < 0
            else (volume.spine.bodies[index], volume.posture.bodies[index]))


def _screws(volume: Volume, implant: ImplantSpec) -> None:
    """A screw through each pedicle along its axis, and a rod through the heads of each side."""
    code = material(implant.metal)
    for side in SIDES:
        heads = []
        for index in range(implant.lowest, min(implant.highest, len(volume.spine.bodies) - 1) + 1):
            body, pose = _body(volume, index)
            tip, head = screw_axis(volume, body, pose, side)
            _rod(volume.fine, pose, tip, head, (SCREW_MM * 0.75, SCREW_MM), code)
            beyond = tuple(h + 7 * (h - t) / float(np.linalg.norm(np.subtract(head, tip))) for h, t in zip(head, tip, strict=True))
            _rod(volume.fine, pose, head, beyond, (HEAD_MM, HEAD_MM), code)  # type: ignore[arg-type]
            heads.append(pose.to_patient(np.array([beyond]))[0])
        for low, high in pairwise(heads):
            over = (high - low) / np.linalg.norm(high - low) * 5.0
            _rod(volume.fine, STILL, tuple(low - over), tuple(high + over), (ROD_MM, ROD_MM), code)


STILL = Pose(np.zeros(3), np.eye(3))
"""The patient frame as a pose."""


def screw_axis(volume: Volume, body: Body, pose: Pose, side: float) -> tuple[Place, Place]:
    """(tip, head) of a screw in the body's frame: along the pedicle, leaning inward by 8 degrees at L1 to 20 at S1."""
    high = plate_corners(body, pose, True)
    own = volume.spec.vertebrae[max(body.index, 0)].arch
    depth = high[2] - high[0]
    lean = float(np.tan(np.radians(20 - 3 * min(body.index + 1, 4))))
    at_u = own.canal_mm[0] / 2 + own.pedicle_mm[0] / 2 + (3.0 if body.index < 0 else 0.0)
    at_w = high[3] - own.pedicle_mm[1] / 2 - 0.5 if body.index >= 0 else high[3] - 10.0
    tip, head = high[0] + 0.25 * depth, high[2] + 17.0
    middle = high[2] + 4.0
    return (side * (at_u - (middle - tip) * lean), tip, at_w), (side * (at_u + (head - middle) * lean), head, at_w)


def _rod(block: Block, pose: Pose, start: Place, stop: Place, radii: tuple[float, float], code: int) -> None:
    place = field(block.grid, pose, [start, stop], max(radii) + 1.5)
    if place:
        u, v, w = pose.to_local(*block.grid.open(place.window))
        block.paint_inside(place.window, rod(u, v, w, (start, stop), radii), code)


def _cage(volume: Volume, implant: ImplantSpec) -> None:
    """A hollow box in the disc below the lowest vertebra; one of PEEK shows only its four pins."""
    index = max(implant.lowest, 0)
    disc, pose = volume.spine.discs[index], volume.posture.discs[index]
    height = max(disc.spec.expected_mm * (1 - disc.spec.height_loss), 6.0)
    half = (15.0, 11.0, height / 2 + 0.6)
    place = field(volume.fine.grid, pose, [(0.0, 0.0, 0.0)], 17.0)
    if place is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(place.window))
    frame = np.maximum(box(u, v, w, half, 2.0), -box(np.abs(u) - np.float32(6.5), v, w, (4.5, 7.0, 30.0), 1.0))
    volume.fine.paint_inside(place.window, frame, material(implant.metal))
    if implant.metal == "peek":
        for a in SIDES:
            for b in SIDES:
                _rod(volume.fine, pose, (13 * a, 9 * b, -half[2] + 1), (13 * a, 9 * b, half[2] - 1), (0.7, 0.7), material("titanium"))


def _cement(volume: Volume, implant: ImplantSpec) -> None:
    """Two clouds of cement that meet in the front half of a body."""
    for index in range(max(implant.lowest, 0), min(implant.highest, len(volume.spine.bodies) - 1) + 1):
        body, pose = _body(volume, index)
        depth, tall = body.lower.depth, float(np.hypot(*(body.upper.posterior - body.lower.posterior)))
        place = field(volume.fine.grid, pose, [(0.0, -0.1 * depth, 0.0)], 20.0)
        if place is None:
            continue
        u, v, w = pose.to_local(*volume.fine.grid.open(place.window))
        ripple = np.sin(0.9 * u + index) * np.sin(0.8 * v) + np.sin(1.1 * w + 0.5 * u)
        half = (8.5, 0.3 * depth, 0.34 * tall)
        clouds = [egg(u - np.float32(8 * s), v + np.float32(0.1 * depth), w + np.float32(s), half) for s in SIDES]
        volume.fine.paint_inside(place.window, np.minimum(*clouds) + np.float32(0.8) * ripple, material("cement"))


def _foreign(volume: Volume, thing: ForeignSpec) -> None:
    """One object, in the fine block where it lies wholly there, otherwise in the coarse one."""
    shape, code = FOREIGN[thing.kind]
    pose = Pose(np.array(thing.centre_mm, np.float64), np.eye(3))
    half = thing.size_mm / 2
    ends = [(a * half, b * half, c * half) for a in SIDES for b in SIDES for c in SIDES]
    inside = all(low <= c - half and c + half <= high for c, (low, high) in zip(thing.centre_mm, _bounds(volume.fine), strict=True))
    block = volume.fine if inside else volume.trunk
    place = field(block.grid, pose, ends, 2.0)
    if place:
        block.paint_inside(place.window, shape(*pose.to_local(*block.grid.open(place.window)), half), material(code))


def _bounds(block: Block) -> list[tuple[float, float]]:
    grid = block.grid
    return [(low, low + grid.spacing_mm * (n - 1)) for low, n in zip(grid.origin_mm, reversed(grid.shape), strict=True)]


def _clip(u: Array, v: Array, w: Array, half: float) -> Array:
    """A bent wire, as closed by a surgeon: two legs and the bow between them."""
    leg, thick = half * 0.35, 0.5
    legs = [rod(u, v, w, ((s * leg, 0, -half), (s * leg * 0.6, 0, half * 0.7)), (thick, thick)) for s in SIDES]
    bow = rod(u, v, w, ((-leg * 0.6, 0, half * 0.7), (leg * 0.6, 0, half * 0.7)), (thick, thick))
    return np.minimum(np.minimum(*legs), bow)


def _coin(u: Array, v: Array, w: Array, half: float) -> Array:
    """A disc seen face on from the front."""
    return np.asarray(np.maximum(np.hypot(u, w) - np.float32(half), np.abs(v) - np.float32(0.9)), np.float32)


def _button(u: Array, v: Array, w: Array, half: float) -> Array:
    """A ring with a bar across."""
    r = np.hypot(u, w)
    flat = np.abs(v) - np.float32(0.8)
    ring = np.abs(r - np.float32(0.75 * half)) - np.float32(0.25 * half)
    bar = np.maximum(np.abs(u) - np.float32(0.12 * half), r - np.float32(half))
    return np.asarray(np.maximum(np.minimum(ring, bar), flat), np.float32)


def _electrode(u: Array, v: Array, w: Array, half: float) -> Array:
    """A snap with a wire that leads up."""
    snap = np.maximum(np.hypot(u, w + np.float32(0.6 * half)) - np.float32(0.4 * half), np.abs(v) - np.float32(0.8))
    return np.minimum(np.asarray(snap, np.float32), rod(u, v, w, ((0, 0, -0.6 * half), (0, 0, half)), (0.5, 0.5)))


def _pellet(u: Array, v: Array, w: Array, half: float) -> Array:
    """A ball."""
    return np.asarray(np.sqrt(u * u + v * v + w * w) - np.float32(half), np.float32)


FOREIGN = {"clip": (_clip, "titanium"), "coin": (_coin, "steel"), "button": (_button, "steel"), "electrode": (_electrode, "steel"),
           "pellet": (_pellet, "steel")}
"""Shape and material of each kind of foreign object."""
