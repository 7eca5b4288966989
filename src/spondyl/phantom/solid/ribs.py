"""Painter of the shafts of the ribs and of the collar bones in the coarse block.

The vertebra of the lowest pair is the one above the lumbar ones. A shaft runs on the surface of the rib cage (`Torso.cage`), sinking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.solid.lines import STEP, Points, evenly, near_lines, paint_at
from spondyl.phantom.solid.torso import Torso, on_oval
from spondyl.phantom.volume import Array, Volume, inside, shell

CORTEX_MM = 0.8
"""Shell of a rib [O]."""
RIBS = ((95.0, -0.55), (150.0, -0.5), (205.0, -0.42), (240.0, -0.36), (262.0, -0.33), (272.0, -0.31), (272.0, -0.31), (262.0, -0.31),
        (240.0, -0.32), (205.0, -0.34), (155.0, -0.36), (95.0, -0.36))
"""(length of the shaft in a cage of 130 mm half width, mm; its mean slope) of the pairs from the lowest up [O]."""
NECK_MM, ANGLE_MM, FRONT_RAD = 46.0, 60.0, 2.72
"""Where the neck ends and the shaft begins, and where it turns forward, beside the midline; where cartilage begins in front [O]."""
FLAT = (1.7, 0.65)
"""Squares of how much less thick, and how much higher than a round rod a rib is [O]."""
COLLAR = 9
"""Pair at whose vertebra the collar bones meet the breast bone [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Rod:
    """A bent rod.

    Attributes:
        points: (n, 3) along it, in even steps.
        index: The vertebra that it belongs to.
        side: -1 right, 1 left.
    """

    points: Points
    index: int
    side: float


def paint_ribs(volume: Volume, torso: Torso) -> None:
    """All pairs that the subject has vertebrae for."""
    radius = volume.spec.trunk.rib_mm / 2
    _bony(volume, *near_lines(volume.trunk.grid, [rod.points for rod in rib_shafts(volume, torso)], radius, FLAT))
    if volume.spec.lumbar + COLLAR + 1 < len(volume.posture.bodies):
        _bony(volume, *near_lines(volume.trunk.grid, [_collar(volume, torso, side) for side in (-1.0, 1.0)], radius * 1.2))


def rib_shafts(volume: Volume, torso: Torso) -> list[Rod]:
    """The shafts of the ribs, right and left of each pair from the lowest up."""
    highest = min(len(volume.posture.bodies), volume.spec.lumbar + len(RIBS))
    return [Rod(_course(volume, torso, side, index), index, side) for index in range(volume.spec.lumbar, highest) for side in (-1.0, 1.0)]


def _course(volume: Volume, torso: Torso, side: float, index: int) -> Points:
    """Points (n, 3) along a rib: from its neck back to its angle, then around the cage, sinking first slowly, then more."""
    length, slope = RIBS[index - volume.spec.lumbar]
    own, pose, z = volume.spec.vertebrae[index], volume.posture.bodies[index], volume.trunk.grid.axis("z")
    neck = np.array([[side * NECK_MM, own.upper_depth_mm / 2 + 15, own.posterior_height_mm / 2 - own.arch.pedicle_mm[1] / 2 - 8]])
    start = pose.to_patient(neck)[0]

    def at(height: Points, values: NDArray[np.floating]) -> Points:
        return np.asarray(np.interp(height, z, values))

    angles = np.linspace(np.arcsin(min(ANGLE_MM / float(at(start[2:], torso.cage)[0]), 0.94)), FRONT_RAD, 40)
    aside, behind = on_oval(angles)
    height, way = np.full(angles.shape, start[2]), np.zeros(angles.shape)
    for _ in range(3):
        ends = [at(height, end) for end in torso.cage_ends]
        x = at(height, torso.middle) + side * at(height, torso.cage) * aside
        y = (ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * behind
        way = np.hypot(x[0] - start[0], y[0] - start[1]) + np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        tilt = 0.6 * pose.axes[0, 2] * (x - start[0])
        height = start[2] + slope * way * np.clip(0.6 + way / 300, 0, 1.25) + tilt
    kept = way <= length * float(at(start[2:], torso.cage)[0]) / 130 if index - volume.spec.lumbar < 8 else way <= length
    return evenly(np.vstack([start, np.stack([x, y, height], axis=-1)[kept]]), STEP * volume.trunk.grid.spacing_mm)


def _collar(volume: Volume, torso: Torso, side: float) -> Points:
    """Along a collar bone: from the breast bone out, up and back."""
    z = volume.trunk.grid.axis("z")
    high = float(volume.posture.bodies[volume.spec.lumbar + COLLAR].centre[2])
    row = int(np.clip(np.searchsorted(z, high), 0, len(z) - 1))
    middle, half = float(torso.middle[row]), float(torso.half[row])
    front, deep = float(torso.belly[row] + torso.padding[row]), float(torso.front[row] - torso.belly[row])
    table = [(14.0, 4.0, 0.0), (45.0, 2.0, 8.0), (85.0, 0.35 * deep, 18.0), (0.84 * half, 0.7 * deep, 24.0)]
    return evenly(np.array([(middle + side * a, front + b, high + c) for a, b, c in table]), STEP * volume.trunk.grid.spacing_mm)


def _bony(volume: Volume, at: NDArray[np.intp], distance: Array) -> None:
    """Spongy bone with a shell."""
    edge = volume.trunk.grid.spacing_mm
    for cover, name in ((inside(distance, edge), "rib"), (shell(distance, CORTEX_MM, edge), "cortex")):
        paint_at(volume.trunk, at[cover > 0.06], cover[cover > 0.06], material(name))
