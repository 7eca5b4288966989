"""Where every body and disc lies in the patient frame: the mid-line geometry, bent by scoliosis.

A coronal tilt is positive when the patient's left end of the plates is the higher one; an axial turn is positive when the front of
the vertebra turns to the patient's left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body, Plate, Spine, along, upward
from spondyl.phantom.spec import SubjectSpec

Array = NDArray[np.floating]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A local frame: u to the patient's left, v to the back along the structure, w to the head, normal to it.

    Attributes:
        centre: (x, y, z) mm of the local origin.
        axes: (3, 3); rows are the unit vectors u, v, w.
    """

    centre: Vector
    axes: NDArray[np.float64]

    def to_local(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """(u, v, w) in mm of patient points; broadcastable arrays stay broadcast (float32), upright ones even flat."""
        dx, dy, dz = (np.asarray(a - c, np.float32) for a, c in zip((x, y, z), self.centre, strict=True))
        u, v, w = (_weighted(row, dx, dy, dz) for row in self.axes.astype(np.float32))
        return u, v, w

    def to_patient(self, points: Array) -> Vector:
        """Patient points (n, 3) of local ones (n, 3), mm."""
        return np.asarray(self.centre + np.asarray(points, np.float64) @ self.axes)

    def plate(self, plate: Plate, origin: Vector, tilt: float) -> tuple[float, float, float, float]:
        """(v, w) of a mid-line plate's anterior and posterior corner in the local frame that lies at `origin`, `tilt` of the mid-line."""
        ahead, high = along(tilt), upward(tilt)
        front, rear = plate.anterior - origin, plate.posterior - origin
        return float(front @ ahead), float(front @ high), float(rear @ ahead), float(rear @ high)


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """Poses of all structures, and the smooth bend that carries the straight spine into the posed one.

    Attributes:
        bodies, discs: As in `Spine`, from the lowest up.
        sacrum, remnants: As in `Spine`, from S1 down.
        heights, bent, straight, coronal_rad, axial_rad: Knots of the bend, from the lowest up: z of the bent centres; bent and straight
            centres (n, 3); turns there.
    """

    bodies: tuple[Pose, ...]
    discs: tuple[Pose, ...]
    sacrum: tuple[Pose, ...]
    remnants: tuple[Pose, ...]
    heights: Vector
    bent: NDArray[np.float64]
    straight: NDArray[np.float64]
    coronal_rad: Vector
    axial_rad: Vector

    @property
    def upright(self) -> bool:
        """Whether nothing is bent or turned, so that the straight frame is the patient frame."""
        return not (self.coronal_rad.any() or self.axial_rad.any())

    def straighten(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Patient coordinates carried into the straight, unturned spine; broadcasts unless upright."""
        if self.upright:
            return x, y, z
        level = np.asarray(z, np.float64)
        coronal, axial = (np.interp(level, self.heights, a) for a in (self.coronal_rad, self.axial_rad))
        bent = [np.interp(level, self.heights, self.bent[:, k]) for k in range(3)]
        home = [np.interp(level, self.heights, self.straight[:, k]) for k in range(3)]
        dx, dy, dz = x - bent[0], y - bent[1], z - bent[2]
        dx, dz = np.cos(coronal) * dx + np.sin(coronal) * dz, -np.sin(coronal) * dx + np.cos(coronal) * dz
        dx, dy = np.cos(axial) * dx + np.sin(axial) * dy, -np.sin(axial) * dx + np.cos(axial) * dy
        return tuple(np.asarray(h + d, np.float32) for h, d in zip(home, (dx, dy, dz), strict=True))  # type: ignore[return-value]

    def bend(self, points: Array) -> Vector:
        """Patient points (n, 3) of points of the straight spine (n, 3): the inverse of `straighten`, to 0.01 mm."""
        wanted = np.asarray(points, np.float64)
        guess = wanted.copy()
        for _ in range(0 if self.upright else 30):
            guess += wanted - np.stack(self.straighten(*guess.T), axis=-1)
        return guess


def pose_spine(spec: SubjectSpec, spine: Spine) -> Posture:
    """The posture of that spine: S1 stays where it is, everything above follows the turns of the vertebrae."""
    nodes = [*reversed(spine.sacrum), *spine.bodies]
    below = len(spine.sacrum)
    turns = [(0.0, 0.0)] * below + [(v.coronal_deg, v.axial_deg) for v in spec.vertebrae]
    coronal, axial = (np.radians(column) for column in np.array(turns).T)
    straight = np.array([_straight(node.centre) for node in nodes])
    bent = straight.copy()
    for i in range(below, len(nodes)):
        middle = (coronal[i - 1] + coronal[i]) / 2
        bent[i] = bent[i - 1] + _turn(middle, 0.0) @ (straight[i] - straight[i - 1])
    poses = [Pose(c, _axes(node.tilt, a, b)) for node, c, a, b in zip(nodes, bent, coronal, axial, strict=True)]
    bodies = poses[below:]
    lowest = poses[below - 1]
    discs = [_between(lowest if i == 0 else bodies[i - 1], bodies[i], spine, i) for i in range(len(spine.discs))]
    remnants = tuple(Pose(_straight(disc.centre), _axes(disc.tilt, 0.0, 0.0)) for disc in spine.remnants)
    return Posture(tuple(bodies), tuple(discs), tuple(reversed(poses[:below])), remnants, bent[:, 2].copy(), bent, straight, coronal, axial)


def plate_corners(body: Body, pose: Pose, upper: bool) -> tuple[float, float, float, float]:
    """(v, w) of the anterior and of the posterior corner of a body's plate in the body's own frame."""
    return pose.plate(body.upper if upper else body.lower, body.centre, body.tilt)


def _between(low: Pose, high: Pose, spine: Spine, index: int) -> Pose:
    """The frame of a disc: midway between the two plates that it joins, as they lie in the patient."""
    under = spine.sacrum[0] if index == 0 else spine.bodies[index - 1]
    over = spine.bodies[index]
    floor, roof = (plate_corners(b, p, up) for b, p, up in ((under, low, True), (over, high, False)))
    ends = [(low.to_patient(np.array([[0, floor[k], floor[k + 1]]]))[0] + high.to_patient(np.array([[0, roof[k], roof[k + 1]]]))[0]) / 2
            for k in (0, 2)]
    back = ends[1] - ends[0]
    back /= np.linalg.norm(back)
    left = low.axes[0] + high.axes[0]
    left -= (left @ back) * back
    left /= np.linalg.norm(left)
    return Pose((ends[0] + ends[1]) / 2, np.stack([left, back, np.cross(left, back)]))


def _weighted(row: Array, *parts: Array) -> Array:
    """The weighted sum of arrays; those with weight zero do not widen it, so that an unturned frame stays cheap."""
    used = [weight * part for weight, part in zip(row, parts, strict=True) if weight]
    return np.asarray(sum(used[1:], used[0]), np.float32)


def _straight(point: Vector) -> Vector:
    """A mid-line point (x back, y down) in the patient frame."""
    return np.array([0.0, point[0], -point[1]])


def _turn(coronal: float, axial: float) -> NDArray[np.float64]:
    """The rotation of a vertebra turned by those angles, radians."""
    c, s = np.cos(coronal), np.sin(coronal)
    tilt = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    c, s = np.cos(axial), np.sin(axial)
    return np.asarray(tilt @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))


def _axes(tilt: float, coronal: float, axial: float) -> NDArray[np.float64]:
    back, up = along(tilt), upward(tilt)
    plain = np.array([[1.0, 0, 0], [0, back[0], -back[1]], [0, up[0], -up[1]]])
    return np.asarray(plain @ _turn(coronal, axial).T)
