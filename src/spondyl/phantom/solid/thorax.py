"""The lungs in the coarse block, and what lies between them: air in the rib cage, above the diaphragm, beside heart and mediastinum.

A lung keeps clear of the ribs and of whatever the fine block may paint; what lies around it stays muscle there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.solid.lines import STEP, evenly, near_lines, paint_at
from spondyl.phantom.solid.torso import Torso, flank_of_spine, oval
from spondyl.phantom.volume import Array, Volume, Window, inside

LOWEST, APEX = -1.4, 11.3
"""No lung lies below or above those places, in vertebrae above the one with the lowest ribs [O]."""
DOME_RUNG, LEFT_LOWER_MM, DOME_DROP_MM = 2.1, 13.0, 66.0
"""Height of the right dome, how much lower the left one is, and how far both come down to the ribs [O]."""
DOME_AT, DOME_WIDE, DOME_INNER = 0.5, 0.52, 0.55
"""Middle and half width of a dome over the half width of the cage, and how much less it falls toward the heart [O]."""
PLEURA_MM, BEFORE_RIB_MM = 7.0, 7.0
"""From the middle of the ribs to the lung; from the back of the bodies to the lung in front of the heads of the ribs [O]."""
BESIDE_MM, NARROW_MM, INLET_MM = 3.0, 10.0, 26.0
"""Between a body and the lung beside it; half width of the mediastinum behind the breast bone, and at the top of the chest [O]."""
HEART_MM, HEART_AT_MM, HEART_LEAN = (52.0, 44.0, 46.0), (25.0, 32.0), 0.5
"""Half axes of the heart in a chest of 130 mm half width; how far left of the middle and above the left dome it lies; its slant [O]."""
ARCH_RUNG, ARCH_MM = 7.6, (15.0, 13.0, 20.0)
"""Height and half axes of the arch of the aorta, left of the spine [O]."""
ROOT_RUNG, BRANCHES = 5.6, 16
"""Height of the root of the lungs, and number of vessels on each side [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """What the lungs are bounded by.

    Attributes:
        rows: Rows of the block that may hold lung.
        wide, deep: `flank_of_spine` of all rows, and the depth of the bodies there.
        dome: z of the diaphragm (1, ny, nx).
        heart: Its middle (x, y, z).
        size: Half width of the cage over 130 mm.
    """

    rows: slice
    wide: Array
    deep: Array
    dome: Array
    heart: tuple[float, float, float]
    size: float


def thorax_of(volume: Volume, torso: Torso) -> Thorax | None:
    """The chest of that subject, or None where the block does not reach it."""
    grid = volume.trunk.grid
    z = grid.axis("z")
    rows = slice(int(np.searchsorted(torso.rung, LOWEST)), int(np.searchsorted(torso.rung, APEX + 1)))
    if rows.stop <= rows.start or torso.rung[-1] < DOME_RUNG - 1:
        return None
    at = int(np.searchsorted(torso.rung[:-1], DOME_RUNG))
    top, half, middle = float(np.interp(DOME_RUNG, torso.rung, z)), float(torso.cage[at]), float(torso.middle[at])
    ends = [float(end[at]) for end in torso.cage_ends]
    x, y = grid.axis("x")[None, :] - np.float32(middle), grid.axis("y")[:, None]
    deep = np.square((y - (ends[0] + ends[1]) / 2 + 8) / ((ends[1] - ends[0]) / 2))
    domes = []
    for side, drop in ((-1.0, 0.0), (1.0, LEFT_LOWER_MM)):
        across = (side * x - DOME_AT * half) / (DOME_WIDE * half)
        domes.append(top - drop - DOME_DROP_MM * (np.square(np.where(across < 0, DOME_INNER * across, across)) + deep) ** 1.15)
    dome = np.asarray(np.where(x < 0, *domes), np.float32)[None]
    size = half / 130
    heart = (middle + HEART_AT_MM[0] * size, ends[0] + 0.42 * (float(torso.front[at]) - ends[0]), top - LEFT_LOWER_MM + HEART_AT_MM[1])
    bodies = np.interp(z, [p.centre[2] for p in volume.posture.bodies], [v.upper_depth_mm for v in volume.spec.vertebrae])
    return Thorax(rows, flank_of_spine(volume, z), np.asarray(bodies, np.float32), dome, heart, size)


def lung_distance(volume: Volume, torso: Torso, thorax: Thorax, window: Window) -> tuple[Array, Array]:
    """(distance to the middle of the ribs, to the lungs) in mm, negative inside; rough, and in far places too small."""
    x, y, z = volume.trunk.grid.open(window)
    rows = window[0]
    front, shift, middle, half = (a[rows, None, None] for a in (torso.front, torso.shift, torso.middle, torso.cage))
    ends = (torso.cage_ends[0][rows, None, None], torso.cage_ends[1][rows, None, None])
    cage = oval(x - middle, y, ends, half)
    beside = np.abs(x - shift)
    rear = front + (thorax.deep[rows, None, None] - np.float32(BEFORE_RIB_MM))
    rear = rear + np.clip(beside - 21, -6, 13) + np.maximum(beside - 47, 0) * np.float32(1.5)
    d = np.maximum(cage + np.float32(PLEURA_MM), (y - rear) * np.float32(0.75))
    ahead = np.clip((front - y) / (front - ends[0]), 0, 1)
    line = shift + (middle - shift) * ahead
    wide = thorax.wide[rows, None, None] + np.float32(BESIDE_MM)
    narrow = np.interp(torso.rung[rows], (6.5, 10.0), (NARROW_MM, INLET_MM)).astype(np.float32)[:, None, None]
    np.maximum(d, wide + (narrow - wide) * ahead - np.abs(x - line), out=d)
    np.maximum(d, (thorax.dome[:, window[1], window[2]] - z) * np.float32(0.8), out=d)
    return cage, np.asarray(np.maximum(d, -_heart(thorax, x, y, z), out=d), np.float32)


def _heart(thorax: Thorax, x: Array, y: Array, z: Array) -> Array:
    """Signed distance to the heart, which leans to the left."""
    half = np.array(HEART_MM) * thorax.size
    dx, dy, dz = (np.asarray(a - c, np.float32) for a, c in zip((x, y, z), thorax.heart, strict=True))
    flat = np.square(dx / np.float32(half[0])) + np.square(dy / np.float32(half[1]))
    lean = dz + np.float32(HEART_LEAN) * dx
    return np.asarray((np.sqrt(flat + np.square(lean / np.float32(half[2]))) - 1) * np.float32(half.min()), np.float32)


def paint_chest(volume: Volume, torso: Torso, thorax: Thorax) -> None:
    """Heart, arch of the aorta, and the vessels in the lungs."""
    block, half = volume.trunk, np.array(HEART_MM) * thorax.size
    reach = half * np.array([1.0, 1.0, 1.0 + HEART_LEAN]) + 2
    window = block.grid.window(np.array(thorax.heart) - reach, np.array(thorax.heart) + reach)
    if window is not None:
        x, y, z = block.grid.open(window)
        above = (thorax.dome[:, window[1], window[2]] - z) * np.float32(0.8)
        block.paint_inside(window, np.maximum(_heart(thorax, x, y, z), above), material("muscle"))
    if torso.rung[-1] > ARCH_RUNG:
        _arch(volume, torso, thorax)
    if torso.rung[-1] > ROOT_RUNG:
        _branches(volume, torso, thorax)


def _arch(volume: Volume, torso: Torso, thorax: Thorax) -> None:
    """The arch of the aorta, a knob beside the spine."""
    half, at = np.array(ARCH_MM) * thorax.size, int(np.searchsorted(torso.rung, ARCH_RUNG))
    z = volume.trunk.grid.axis("z")
    centre = np.array([float(torso.shift[at]) + 19 * thorax.size, float(torso.front[at]) - 16, float(z[min(at, len(z) - 1)])])
    window = volume.trunk.grid.window(centre - half - 2, centre + half + 2)
    if window is None:
        return
    parts = [np.square((a - np.float32(c)) / np.float32(h)) for a, c, h in zip(volume.trunk.grid.open(window), centre, half, strict=True)]
    volume.trunk.paint_inside(window, (np.sqrt(parts[0] + parts[1] + parts[2]) - 1) * np.float32(half.min()), material("vessel"))


def _branches(volume: Volume, torso: Torso, thorax: Thorax) -> None:
    """Vessels from the root of each lung outward, thinner there; where they run comes from the subject's texture seed."""
    rng, block = np.random.default_rng((volume.spec.texture_seed, 37)), volume.trunk
    at = int(np.searchsorted(torso.rung, ROOT_RUNG))
    top, wide = float(block.grid.axis("z")[at]), float(torso.cage[at])
    deep = 0.5 * (float(torso.front[at]) + float(torso.cage_ends[0][at])) + 18
    near, far = [], []
    for k in range(2 * BRANCHES):
        side = 1.0 if k % 2 else -1.0
        root = np.array([float(torso.middle[at]) + side * rng.uniform(16, 28), deep + rng.uniform(-12, 12), top + rng.uniform(-18, 14)])
        slope, turn, length = rng.uniform(-1.2, 1.1), rng.uniform(-1.1, 1.1), rng.uniform(0.45, 0.85) * wide
        way = np.array([side * np.cos(slope) * np.cos(turn), np.cos(slope) * np.sin(turn), np.sin(slope)])
        bow = np.array([0.0, 0.0, rng.uniform(-0.25, 0.1)])
        line = np.array([root + t * length * (way + t * bow) for t in (0.0, 0.17, 0.34, 0.67, 1.0)])
        near.append(evenly(line[:3], STEP * block.grid.spacing_mm))
        far.append(evenly(line[2:], STEP * block.grid.spacing_mm))
    for lines, radius in ((far, 1.3), (near, 3.2)):
        spots, d = near_lines(block.grid, lines, radius * thorax.size)
        lung = block.label.reshape(-1)[spots] == material("lung")
        cover = inside(d, block.grid.spacing_mm)
        held = lung & (cover > 0.06)
        paint_at(block, spots[held], cover[held], material("vessel"))
