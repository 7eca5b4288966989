"""Facet joints: two processes cut by one curved gap, laid out in the frame of the disc that they bridge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.posture import Pose
from spondyl.phantom.solid.shapes import Array, Field, Place, egg, field, rod
from spondyl.phantom.volume import Volume, inside

GAP_MM = 1.5
"""Cartilage of both sides and the fluid between them [O]."""
CURVE_PER_MM = 0.02
"""Curvature of the joint: the lower process of the vertebra above is the convex one [O]."""
THORACIC_TILT_DEG = 72.0
"""Thoracic joints stand nearly across [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """One facet joint.

    Attributes:
        index: Of the disc; the vertebra above has the same index.
        side: 1 left, -1 right.
        pose: Of the disc.
        centre: Of the gap, in the disc's frame.
        normal, tangent: From the lower vertebra's process to the upper one's, and along the gap, backward and outward; (u, v).
        growth_mm: Hypertrophy.
        size: Scale of the vertebrae.
    """

    index: int
    side: float
    pose: Pose
    centre: Place
    normal: tuple[float, float]
    tangent: tuple[float, float]
    growth_mm: float
    size: float

    def split(self, u: Array, v: Array, w: Array) -> tuple[Array, Array, Array]:
        """(across the gap, along it, up) of points in the disc's frame."""
        du, dv = u - np.float32(self.centre[0]), v - np.float32(self.centre[1])
        across = du * np.float32(self.normal[0]) + dv * np.float32(self.normal[1])
        beside = du * np.float32(self.tangent[0]) + dv * np.float32(self.tangent[1])
        return across - np.float32(CURVE_PER_MM) * beside * beside, beside, w - np.float32(self.centre[2])


def joint_of(volume: Volume, index: int, side: float) -> Joint:
    """The joint of that disc on that side."""
    disc, spec = volume.spine.discs[index], volume.spec
    own, lower = spec.vertebrae[index], spec.vertebrae[max(index - 1, 0)]
    depth = (disc.above.depth + disc.below.depth) / 2
    size = depth / 34.5
    growth = disc.spec.facet_mm[int(side > 0)]
    tilt = np.radians(own.arch.facet_tilt_deg)
    thoracic = index >= spec.lumbar
    half = (own.arch.canal_mm[0] + lower.arch.canal_mm[0]) / 4 + (2.5 * (index == 0))
    if thoracic:
        tilt = np.radians(THORACIC_TILT_DEG)
    out, back = half + 3.0, depth / 2 + (17.0 if thoracic else 15.5) * size
    normal = (-side * float(np.cos(tilt)), float(np.sin(tilt)))
    return Joint(index, side, volume.posture.discs[index], (side * out, back, 1.0), normal,
                 (side * float(np.sin(tilt)), float(np.cos(tilt))), growth, size)


def process(bone: Field, joint: Joint, upper: bool, root: Place) -> None:
    """Join an articular process to an arch: the inferior one of the upper vertebra, or the superior one of the lower.

    The superior one grows forward and inward, into foramen and recess; the inferior one only swells.
    """
    k, grow, side = joint.size, joint.growth_mm, 1 if upper else -1
    centre = np.array(joint.centre) + side * (GAP_MM / 2 + 3.4 * k) * np.array([*joint.normal, 0.0])
    half = (4.2 * k + 0.3 * grow, 7.0 * k + 0.3 * grow, 9.0 * k)
    if not upper:
        centre += grow * np.array([-0.3 * joint.side, -0.4, 0.0])
        half = (4.2 * k + 0.55 * grow, 7.0 * k + 0.4 * grow, 9.0 * k + 0.3 * grow)
    end = bone.pose.to_local(*joint.pose.to_patient(centre[None])[0])
    foot = (root, (float(end[0]), float(end[1]), float(end[2])))
    bone.add(list(foot), 8 * k, lambda u, v, w: rod(u, v, w, foot, (4.6 * k, 3.8 * k)), 3.0)
    here = Field(bone.grid, bone.window, joint.pose, bone.distance)
    here.add(centre[None], max(half) + 1.5, lambda u, v, w: _knob(joint, u - centre[0], v - centre[1], w - centre[2], half), 2.5)
    here.cut([joint.centre], 13.0, lambda u, v, w: _beyond(joint, side, u, v, w))


def _knob(joint: Joint, du: Array, dv: Array, dw: Array, half: Place) -> Array:
    """The thick end of a process, at places from its middle."""
    du, dv = np.asarray(du, np.float32), np.asarray(dv, np.float32)
    across = du * np.float32(joint.normal[0]) + dv * np.float32(joint.normal[1])
    beside = du * np.float32(joint.tangent[0]) + dv * np.float32(joint.tangent[1])
    return egg(across, beside, np.asarray(dw, np.float32), half)


def _beyond(joint: Joint, side: int, u: Array, v: Array, w: Array) -> Array:
    """The gap and the other vertebra's half of the joint; `side` is 1 for the upper vertebra."""
    across, beside, up = joint.split(u, v, w)
    over = np.maximum(np.maximum(np.abs(beside) - 11, np.abs(up) - 13), -across * side - 9)
    return np.asarray(np.maximum(across * side - np.float32(GAP_MM / 2), over), np.float32)


def paint_joint(volume: Volume, joint: Joint) -> None:
    """Cartilage between the two processes, with a film of fluid."""
    gap = field(volume.fine.grid, joint.pose, [joint.centre], 10 * joint.size)
    if gap is None:
        return
    u, v, w = joint.pose.to_local(*volume.fine.grid.open(gap.window))
    across, beside, up = joint.split(u, v, w)
    half = (6.2 * joint.size + 0.3 * joint.growth_mm, 8.0 * joint.size)
    rim = (np.sqrt((beside / np.float32(half[0])) ** 2 + (up / np.float32(half[1])) ** 2) - 1) * np.float32(min(half))
    edge = volume.fine.grid.spacing_mm
    for thick, name in ((GAP_MM, "cartilage"), (GAP_MM / 3, "joint_fluid")):
        layer = inside(np.abs(across) - np.float32(thick / 2), edge) * inside(rim, edge)
        volume.fine.paint(gap.window, np.broadcast_to(layer, gap.distance.shape), material(name))
