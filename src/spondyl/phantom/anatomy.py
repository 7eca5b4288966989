"""Geometry built from a spec: where every plate, wall and disc lies, in millimetres of the body frame.

Body frame: (0, 0) is the middle of the upper plate of S1, x runs backward (to the right of the picture), y downward.
A tilt is the angle of a plate against the horizontal, positive when its posterior end is higher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.spec import DiscSpec, PlateSpec, SubjectSpec, VertebraSpec
from spondyl.phantom.spec_parts import FractureSpec

Point = NDArray[np.float64]
FLAT = PlateSpec(0.3)
NODE_SIGMA = 0.075
"""Width of a Schmorl node, as a share of the plate's depth [O]."""
RETROPULSION = 6.0
"""How far the posterior wall of a crushed body comes back, mm for a whole loss [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A plate's chord and its shape.

    Attributes:
        anterior, posterior: Its corners, (x, y) mm.
        shape: Hollow, erosion and pit, all into the body.
        step_mm: Step of a broken plate: its anterior third lies that much deeper.
    """

    anterior: Point
    posterior: Point
    shape: PlateSpec
    step_mm: float = 0.0

    @property
    def tilt(self) -> float:
        """Radians, positive when the posterior end is higher."""
        dx, dy = self.posterior - self.anterior
        return float(np.arctan2(-dy, dx))

    @property
    def depth(self) -> float:
        """Length of the chord, mm."""
        return float(np.hypot(*(self.posterior - self.anterior)))

    def smooth(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Hollow of the plate at t (0 anterior .. 1 posterior), mm into the body."""
        s = np.clip(t, 0, 1)
        return np.asarray(self.shape.concavity_mm * 4 * s * (1 - s) * (0.75 + 0.5 * s))

    def pit(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Erosion and Schmorl node at t, mm into the body."""
        s, q = np.clip(t, 0, 1), self.shape.phase * 2 * np.pi
        depth = np.zeros_like(s)
        if self.shape.irregularity_mm:
            rough = np.sin(6.1 * s + q) * np.sin(10.7 * s + 2.3 * q) + 0.35 * np.sin(23 * s + 3.1 * q)
            depth = self.shape.irregularity_mm * np.maximum(rough, -0.1) * 1.6 * np.minimum(1.0, 8 * s * (1 - s))
        if self.shape.node_mm:
            depth = depth + self.shape.node_mm * np.exp(-(((s - self.shape.node_at) / NODE_SIGMA) ** 2) / 2)
        if self.step_mm:
            depth = depth + self.step_mm * np.clip(20 * s, 0, 1) * np.clip((0.36 - s) / 0.03, 0, 1)
        return np.asarray(depth)

    def into_body(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Whole displacement of the plate at t, mm into the body."""
        return self.smooth(t) + self.pit(t)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A vertebral body between two plates. `index` counts from 0 (lowest above the sacrum); the sacrum's are -1 (S1), -2, ..."""

    index: int
    lower: Plate
    upper: Plate
    wall_mm: tuple[float, float]
    fat: float
    spurs_mm: tuple[tuple[float, float], tuple[float, float]]
    """((anterior, posterior) at the lower plate, the same at the upper plate)."""
    expected_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Height in front, in the middle (between the plates' hollows) and behind that it would have unbroken; 0 in the sacrum."""

    @property
    def centre(self) -> Point:
        """Mean of the corners."""
        return np.asarray(np.mean([self.lower.anterior, self.lower.posterior, self.upper.anterior, self.upper.posterior], axis=0))

    @property
    def tilt(self) -> float:
        """Mean tilt of the two plates, radians."""
        return (self.lower.tilt + self.upper.tilt) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Disc:
    """A disc between the plate above it and the plate below it. `index` 0 is the lowest; -1 is the S1/S2 remnant."""

    index: int
    above: Plate
    below: Plate
    spec: DiscSpec

    @property
    def corners(self) -> NDArray[np.float64]:
        """(4, 2): above anterior, above posterior, below posterior, below anterior; (x, y) mm."""
        return np.stack([self.above.anterior, self.above.posterior, self.below.posterior, self.below.anterior])

    @property
    def centre(self) -> Point:
        """Mean of the corners."""
        return np.asarray(self.corners.mean(axis=0))

    @property
    def ends(self) -> NDArray[np.float64]:
        """(2, 2): the anterior and the posterior end of the disc's mid-line."""
        return np.stack([(self.above.anterior + self.below.anterior) / 2, (self.above.posterior + self.below.posterior) / 2])

    @property
    def tilt(self) -> float:
        """Tilt of the mid-line, radians."""
        dx, dy = self.ends[1] - self.ends[0]
        return float(np.arctan2(-dy, dx))


@dataclass(frozen=True, slots=True, eq=False)
class Spine:
    """Everything built. Bodies and discs run from the lowest up; `sacrum` from S1 down."""

    bodies: tuple[Body, ...]
    discs: tuple[Disc, ...]
    sacrum: tuple[Body, ...]
    remnants: tuple[Disc, ...]


def along(tilt: float) -> Point:
    """Unit vector backward along a plate of that tilt."""
    return np.array([np.cos(tilt), -np.sin(tilt)])


def upward(tilt: float) -> Point:
    """Unit vector toward the head, normal to a plate of that tilt."""
    return np.array([-np.sin(tilt), -np.cos(tilt)])


def stack(spec: SubjectSpec) -> Spine:
    """The spine of that subject, stacked upward from the upper plate of S1 along the posterior corners."""
    tilt = float(np.radians(spec.sacrum.slope_deg))
    half = spec.sacrum.depth_mm / 2 * along(tilt)
    below = Plate(-half, half, spec.discs[0].lower_plate)
    top = below
    bodies: list[Body] = []
    discs: list[Disc] = []
    for index, (disc, vertebra) in enumerate(zip(spec.discs, spec.vertebrae, strict=True)):
        above = _plate_above(below, disc, vertebra)
        next_disc = spec.discs[index + 1] if index + 1 < len(spec.discs) else None
        upper = _upper_plate(above, vertebra, next_disc.lower_plate if next_disc else FLAT)
        spurs = (disc.spurs_mm, next_disc.spurs_mm if next_disc else (0.0, 0.0))
        body = _break(Body(index, above, upper, vertebra.wall_mm, vertebra.fat, spurs, _heights(above, upper)), vertebra.fracture)
        above, upper = body.lower, body.upper
        discs.append(Disc(index, above, below, disc))
        bodies.append(body)
        below = upper
    return Spine(tuple(bodies), tuple(discs), *_sacrum(spec, top))


def _plate_above(below: Plate, disc: DiscSpec, vertebra: VertebraSpec) -> Plate:
    """The plate above a disc: its mean chord height is the disc's, its posterior corner carries the slip."""
    wedge = np.radians(disc.lordotic_deg)
    tilt = below.tilt - wedge
    depth = vertebra.lower_depth_mm
    mean = disc.expected_mm * (1 - disc.height_loss)
    rear = max(mean - depth / 2 * float(np.sin(wedge)), 0.35 * mean)
    posterior = below.posterior + rear * upward(below.tilt - wedge / 2) - disc.slip_mm * along(below.tilt)
    return Plate(posterior - depth * along(tilt), posterior, disc.upper_plate)


def _upper_plate(lower: Plate, vertebra: VertebraSpec, shape: PlateSpec) -> Plate:
    wedge = np.radians(vertebra.lordotic_wedge_deg)
    tilt = lower.tilt - wedge
    posterior = lower.posterior + vertebra.posterior_height_mm * upward(lower.tilt - wedge / 2)
    return Plate(posterior - vertebra.upper_depth_mm * along(tilt), posterior, shape)


def _heights(lower: Plate, upper: Plate) -> tuple[float, float, float]:
    """Distance of two plates in front, in the middle between their smooth hollows, and behind."""
    front, rear = (float(np.hypot(*(a - b))) for a, b in ((upper.anterior, lower.anterior), (upper.posterior, lower.posterior)))
    return front, (front + rear) / 2 - lower.shape.concavity_mm - upper.shape.concavity_mm, rear


def _break(body: Body, fracture: FractureSpec) -> Body:
    """The body after its fracture: a wedge lowers the front, a crush the whole, a biconcave one hollows both plates.

    The lower plate stays where it was, so what stands above comes down or leans forward with the upper one.
    """
    if fracture.kind == "none":
        return body
    lower, upper, loss = body.lower, body.upper, fracture.loss
    front, rear = upper.anterior - loss * (upper.anterior - lower.anterior), upper.posterior
    shapes, wall = [lower.shape, upper.shape], body.wall_mm
    if fracture.kind == "crush":
        rear, wall = rear - loss * (rear - lower.posterior), (wall[0], wall[1] - RETROPULSION * loss)
        shapes = [replace(s, concavity_mm=s.concavity_mm * (1 - loss)) for s in shapes]
    elif fracture.kind == "biconcave":
        front = upper.anterior
        shapes = [replace(s, concavity_mm=s.concavity_mm + loss * body.expected_mm[1] / 2) for s in shapes]
    floor = Plate(lower.anterior, lower.posterior, shapes[0])
    return replace(body, lower=floor, upper=Plate(front, rear, shapes[1], fracture.step_mm), wall_mm=wall)


SACRAL_HEIGHT_MM = (29.0, 25.0, 21.0, 18.0, 15.0)
SACRAL_DEPTH = ((1.0, 0.68), (0.66, 0.5), (0.49, 0.39), (0.38, 0.32), (0.31, 0.22))
"""Depth of each sacral segment's upper and lower plate, relative to the upper plate of S1 [O]."""


def _sacrum(spec: SubjectSpec, top: Plate) -> tuple[tuple[Body, ...], tuple[Disc, ...]]:
    """S1 to S5 and the remnant discs between them, downward from the upper plate of S1."""
    bodies, remnants, upper = [], [], top
    fat = min(spec.vertebrae[0].fat + 0.05, 0.85)
    scale = spec.sacrum.depth_mm / 34.5
    for k in range(5):
        tilt = upper.tilt + np.radians(spec.sacrum.curve_deg[k])
        middle = (upper.anterior + upper.posterior) / 2 - SACRAL_HEIGHT_MM[k] * scale * upward((tilt + upper.tilt) / 2)
        half = spec.sacrum.depth_mm * SACRAL_DEPTH[k][1] / 2 * along(tilt)
        lower = Plate(middle - half, middle + half, FLAT)
        spurs = (spec.discs[0].spurs_mm[0] * 0.5, 0.0) if k == 0 else (0.0, 0.0)
        bodies.append(Body(-1 - k, lower, upper, (1.2, 0.8), fat, ((0.0, 0.0), spurs)))
        gap = spec.sacrum.remnant_mm if k == 0 else max(1.8 - 0.35 * k, 0.6)
        shift = -gap * upward(tilt)
        width = spec.sacrum.depth_mm * (SACRAL_DEPTH[k + 1][0] if k < 4 else 0.2) / 2 * along(tilt)
        upper = Plate(middle + shift - width, middle + shift + width, FLAT)
        remnant = DiscSpec(gap, 0.0, 0.0, 110.0 if gap > 3 else 60.0, 50.0, 0.8)
        if k < 4:
            remnants.append(Disc(-1 - k, lower, upper, remnant))
    return tuple(bodies), tuple(remnants)
