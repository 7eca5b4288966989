"""Painter of what stands behind the bodies: pedicles, joints, laminae, processes.

All in the body's own frame (u left, v back, w up), both sides alike; widths, heights and angles are those of `ArchSpec`.
A facet joint is laid out once, in the frame of the disc between its two vertebrae, so that the two processes always face
each other across a gap. Proportions that `ArchSpec` does not have are [O], for a plate of 34 mm depth, and grow with the plate.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spondyl.phantom.anatomy import Body, along, upward
from spondyl.phantom.curves import HEIGHTS_MM, Curves, curves
from spondyl.phantom.materials import marrow, material
from spondyl.phantom.posture import plate_corners
from spondyl.phantom.solid.facets import Joint, joint_of, paint_joint, process
from spondyl.phantom.solid.ribs import NECK_MM
from spondyl.phantom.solid.shapes import FAR_MM, Array, Field, Place, both, box, field, lay_bone, rod
from spondyl.phantom.spec import VertebraSpec
from spondyl.phantom.volume import Volume

ARCH_CORTEX = 2.1
"""Shell of the arch, as a multiple of the body's shell [O]: gives the arch about half of the areal mineral seen from the front."""
SIDES = (-1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where the parts of one arch lie, in its body's frame; mm.

    Attributes:
        thoracic: Carries ribs.
        joins_sacrum: The lowest vertebra of four or six reaches the sacrum's wings where the disc below S1 is tall (over 4.5 mm) [O].
        size: Depth of the plate over 34 mm.
        rear: v of the body's posterior wall at the height of the pedicles.
        half: Half the distance between the pedicles.
        pedicle: (u, w) of a left pedicle's axis.
        w, v: The front of the laminae at the midline, v over ascending w.
    """

    own: VertebraSpec
    body: Body
    thoracic: bool
    joins_sacrum: bool
    size: float
    rear: float
    half: float
    pedicle: tuple[float, float]
    w: np.ndarray
    v: np.ndarray

    def front(self, w: Array) -> Array:
        """v of the front of the laminae at the midline."""
        return np.asarray(np.interp(w, self.w, self.v), np.float32)


def paint_arches(volume: Volume) -> None:
    """The arches and joints of all vertebrae above the sacrum, and the joints on the sacrum."""
    lines = curves(volume.spec, volume.spine)
    frames = tuple(frame_of(volume, k, lines) for k in range(len(volume.spine.bodies)))
    joints = tuple(joint_of(volume, k, side) for k in range(len(volume.spine.discs)) for side in SIDES)
    for frame in frames:
        _paint_arch(volume, frame, joints)
        for side in SIDES:
            if frame.thoracic:
                _rib(volume, frame, side)
    for joint in joints:
        paint_joint(volume, joint)


def frame_of(volume: Volume, index: int, lines: Curves) -> Frame:
    """The layout of one arch."""
    body, pose, own = volume.spine.bodies[index], volume.posture.bodies[index], volume.spec.vertebrae[index]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    size = (own.lower_depth_mm + own.upper_depth_mm) / 69.0
    wide, tall = own.arch.pedicle_mm
    rear = high[2] - 0.4 * own.wall_mm[1]
    near = np.abs(HEIGHTS_MM - body.centre[1]) < 60
    points = np.stack([lines.bone_back, HEIGHTS_MM], axis=1)[near] - body.centre
    order = np.argsort(points @ upward(body.tilt))
    w, v = (points @ upward(body.tilt))[order], (points @ along(body.tilt))[order]
    v = np.maximum(v, (low[2] + high[2]) / 2 - own.wall_mm[1] + own.arch.canal_mm[1])
    joins = index == 0 and volume.spec.lumbar != 5 and volume.spec.sacrum.remnant_mm > 4.5
    return Frame(own, body, index >= volume.spec.lumbar, joins, size, rear, own.arch.canal_mm[0] / 2,
                 (own.arch.canal_mm[0] / 2 + wide / 2, high[3] - tall / 2 - 1.0), w, v)


def _paint_arch(volume: Volume, f: Frame, joints: tuple[Joint, ...]) -> None:
    pose = volume.posture.bodies[f.body.index]
    reach = max(f.own.arch.transverse_mm, f.half + 14) if not f.thoracic else f.own.arch.transverse_mm
    top, back = f.pedicle[1] + 20 * f.size, f.rear + 16 + f.own.spinous_mm[0] + 6
    corners: list[Place] = [(-reach, f.rear - 6, -34 * f.size), (reach, back, top)]
    corners = [(a, b, c) for a in (-reach, reach) for b in (f.rear - 6, back) for c in (-34 * f.size, top)]
    bone = field(volume.fine.grid, pose, corners, 2.0)
    if bone is None:
        return
    for side in SIDES:
        _pedicle(bone, f, side)
        _lamina(bone, f, side)
        _transverse(bone, f, side)
    _spinous(bone, f)
    for joint in joints:
        if f.body.index in (joint.index, joint.index - 1):
            upper = joint.index == f.body.index
            process(bone, joint, upper, _root(f, joint.side, upper))
    lay_bone(volume.fine, bone.window, bone.distance, marrow(f.body.index), material("cortex"),
             ARCH_CORTEX * f.own.cortex_mm, beside=True)


def _root(f: Frame, side: float, upper: bool) -> Place:
    """Where an articular process leaves the arch: the lower process from the lamina, the upper one from the pedicle's end."""
    if upper:
        return side * (f.half - 1.0 * f.size), f.rear + 13.5 * f.size, -6.0 * f.size
    return side * (f.pedicle[0] + 1.0), f.rear + 9.0 * f.size, f.pedicle[1] + 1.0


def _pedicle(bone: Field, f: Frame, side: float) -> None:
    """From inside the body to the pars, elliptic; the pars runs on to the lamina."""
    wide, tall = f.own.arch.pedicle_mm
    (at_u, at_w), k = f.pedicle, f.size
    squeeze = np.float32(wide / tall)
    ends = ((-1.5, f.rear - 8.0, 0.0), (0.0, f.rear + 9.0 * k, -1.5 * k * float(squeeze)))
    radii = (0.8 * wide / 2, wide / 2)
    bone.add([(side * at_u, f.rear - 5, at_w), (side * at_u, f.rear + 9 * k, at_w)], tall / 2 + 2,
             lambda u, v, w: rod(u * np.float32(side) - np.float32(at_u), v, (w - np.float32(at_w)) * squeeze, ends, radii))
    pars = ((at_u - 0.5, f.rear + 9.5 * k, at_w - 2 * k), (f.half - 0.5 * k, f.rear + 14.0 * k, -7.0 * k))
    bone.add([(side * p[0], p[1], p[2]) for p in pars], 8 * k,
             lambda u, v, w: rod(u * np.float32(side), v, w, pars, (4.8 * k, 4.8 * k)), 3.0)


def _lamina(bone: Field, f: Frame, side: float) -> None:
    """A plate from the pars to the midline; its front there is the canal's back."""
    tall, thick = f.own.arch.lamina_mm
    k = f.size
    middle = -5.0 * k
    deep = float(np.interp(middle, f.w, f.v))
    slope = np.clip((deep - f.rear - 9.0 * k) / f.half, 0.3, 1.1)
    cosine = np.float32(1 / np.hypot(1, slope))
    wide = f.half + 2.0

    def plate(u: Array, v: Array, w: Array) -> Array:
        out = np.maximum(u * np.float32(side) - np.float32(1.0), 0)
        q = (v - f.front(w) + out * np.float32(slope)) * cosine - np.float32(thick / 2)
        along_plate = u * np.float32(side) / cosine - np.float32(wide / 2 / cosine - 1)
        half = (wide / 2 / float(cosine) + 1, thick / 2, tall / 2)
        return box(along_plate, q, w - np.float32(middle) - np.float32(0.12) * out, half, 2.0)

    bone.add([(0, deep, middle - tall / 2), (side * wide, f.rear + 6, middle + tall / 2)], 9.0, plate, 2.0)


def _spinous(bone: Field, f: Frame) -> None:
    """A blade with a thick lower end, sloping as the spec says; it lies where the mid-line painter has it."""
    length, height = f.own.spinous_mm
    at = -9.0 * np.cos(f.body.tilt)
    start = np.array([float(np.interp(at, f.w, f.v)) + 2.0, at])
    slope = 0.6 * f.body.tilt - float(np.radians(f.own.spinous_deg)) - f.body.tilt
    ahead, up = np.array([np.cos(slope), np.sin(slope)]), np.array([-np.sin(slope), np.cos(slope)])
    ends = [start - 3 * ahead, start + length * ahead]
    corner = np.float32(0.3 * height)

    def blade(u: Array, v: Array, w: Array) -> Array:
        dv, dw = v - np.float32(start[0]), w - np.float32(start[1])
        p, q = dv * np.float32(ahead[0]) + dw * np.float32(ahead[1]), dv * np.float32(up[0]) + dw * np.float32(up[1])
        t = np.clip(p / np.float32(length), 0, 1)
        tall = np.float32(height / 2) * (np.float32(0.8) + np.float32(0.2) * t) - np.float32(1.5) * np.sin(t * np.float32(np.pi))
        face = both(np.abs(p - np.float32(length / 2 - 1.5)) - np.float32(length / 2 + 1.5), np.abs(q + 1.5 * t) - tall, float(corner))
        e = np.clip((q + 1.5 * t) / tall, -1, 1)
        bulb = np.sqrt(np.maximum(1 - e * e, 0)) * (1 - np.float32(0.45) * e)
        thick = np.float32(1.2 * f.size) + (np.float32(1.6) + np.float32(2.6) * t * t) * bulb + np.float32(2.0) * np.maximum(1 - 4 * t, 0)
        return both(face, np.abs(u) - thick, 2.2)

    bone.add([(0, *(e + s * height / 2 * up)) for e in ends for s in SIDES], 7.0, blade, 3.0)


def _transverse(bone: Field, f: Frame, side: float) -> None:
    """A flat finger to the side that thins to a blunt tip; the lowest is broad, a thoracic one stout, and points back to its rib."""
    (at_u, at_w), k, tip = f.pedicle, f.size, f.own.arch.transverse_mm
    if f.thoracic:
        tip = min(tip, 34.0)
        ends, radii, flat = ((at_u, f.rear + 9 * k, at_w - 3), (tip - 4, f.rear + 18 * k, at_w)), (4.5 * k, 4.2 * k), 1.0
    else:
        foot = (5.5 if f.body.index == 0 else 4.2) * k
        ends, radii, flat = ((at_u + 1, f.rear + 7 * k, at_w - 4 * k), (tip - 2.2, f.rear + 12 * k, at_w)), (foot, 2.2 * k), 0.65
    lean, scaled = np.float32(flat), tuple((a, b, c * flat) for a, b, c in ends)
    bone.add([(side * a, b, c) for a, b, c in ends], 9.0,
             lambda u, v, w: rod(u * np.float32(side), v, w * lean, (scaled[0], scaled[1]), radii), 3.0)
    if f.joins_sacrum:
        wing, thick = ((at_u + 15 * k, f.rear + 9 * k, at_w - 5 * k), (tip - 3, f.rear + 5 * k, -24 * k)), (6.0 * k, 7.0 * k)
        bone.add([(side * a, b, c) for a, b, c in wing], 9.0, lambda u, v, w: rod(u * np.float32(side), v, w, wing, thick), 4.0)


def _rib(volume: Volume, f: Frame, side: float) -> None:
    """Head and neck of the rib, from the body's back past the tip of the transverse process; its shaft is in the coarse block."""
    (at_u, at_w), k = f.pedicle, f.size
    radius = volume.spec.trunk.rib_mm / 2
    tip = min(f.own.arch.transverse_mm, 34.0)
    stops = [(side * (at_u + 1), f.rear - 4 * k, at_w + 3), (side * (tip - 2), f.rear + 12 * k, at_w - 1),
             (side * (NECK_MM + 6), f.rear + 16, at_w - 9)]
    bone = field(volume.fine.grid, volume.posture.bodies[f.body.index], stops, radius + 1.5)
    if bone is None:
        return
    for foot, end in pairwise(stops):
        bone.add([foot, end], radius + 1.5, lambda u, v, w: rod(u, v, w, (foot, end), (radius * 0.8, radius * 0.8)), 2.0)  # noqa: B023
    u = bone.pose.to_local(*volume.fine.grid.open(bone.window))[0]
    np.copyto(bone.distance, np.float32(FAR_MM), where=side * u > NECK_MM + 0.5)
    lay_bone(volume.fine, bone.window, bone.distance, material("rib"), material("cortex"), 0.7, beside=True)
