"""Painter of what lies beside and behind the spine in the coarse block: psoas, fat in the muscles of the back, great vessels."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.solid.torso import Torso
from spondyl.phantom.volume import TRACE, Array, Volume, Window, inside

END_MM, OUT_MM = 11.0, (6.0, 14.0)
"""Over how much of its height a great vessel gives way to its branches; how far (aorta, cava) lie beside the midline [O]."""
PSOAS_TOP, PSOAS_LOW_MM = 0.3, -95.0
"""Where the psoas begins, in vertebrae above the first lumbar one, and where it is followed to, mm under S1 [O]."""


def paint_muscles(volume: Volume, torso: Torso) -> None:
    """Psoas on either side, fat between and in the muscles of the back, aorta and cava with their forks."""
    for side in (-1.0, 1.0):
        _psoas(volume, torso, side)
        _back(volume, torso, side)
    _vessels(volume, torso)


def _rows(volume: Volume, low: float, high: float) -> slice:
    z = volume.trunk.grid.axis("z")
    return slice(int(np.searchsorted(z, low)), int(np.searchsorted(z, high)))


def _tube(volume: Volume, rows: slice, centre: tuple[Array, Array], half: tuple[Array, Array], name: str, share: float = 1.0) -> None:
    """An elliptic tube along z: centre (x, y) and half axes for each row of the block; axes of 0 paint nothing."""
    grid = volume.trunk.grid
    if rows.stop <= rows.start:
        return
    reach = [max(float(h.max()), 0.0) + 3 for h in half]
    low = np.array([float(centre[0].min()) - reach[0], float(centre[1].min()) - reach[1], -1e9])
    high = np.array([float(centre[0].max()) + reach[0], float(centre[1].max()) + reach[1], 1e9])
    around = grid.window(low, high)
    if around is None:
        return
    window: Window = (rows, around[1], around[2])
    x, y, _ = grid.open(window)
    cx, cy, hx, hy = (np.asarray(a, np.float32)[:, None, None] for a in (*centre, *half))
    small = np.minimum(hx, hy)
    d = (np.sqrt(np.square((x - cx) / np.maximum(hx, 0.1)) + np.square((y - cy) / np.maximum(hy, 0.1))) - 1) * small
    cover = inside(d, grid.spacing_mm) * (small > 0.5) * np.float32(share)
    volume.trunk.paint(window, cover, material(name), least=TRACE)


def _psoas(volume: Volume, torso: Torso, side: float) -> None:
    """From the first lumbar vertebra down: it grows, turns outward and forward, and leaves the spine at the sacrum."""
    spec = volume.spec
    top = float(volume.posture.bodies[spec.lumbar - 1].centre[2]) + PSOAS_TOP * 30
    rows = _rows(volume, PSOAS_LOW_MM, top)
    z = volume.trunk.grid.axis("z")[rows]
    widest = float(volume.posture.bodies[min(1, spec.lumbar - 1)].centre[2])
    size = np.interp(z, (PSOAS_LOW_MM, -40.0, widest, top), (0.75, 0.85, 1.0, 0.15)) * spec.trunk.psoas_mm
    out = np.interp(z, (PSOAS_LOW_MM, -30.0, widest, top), (78.0, 58.0, 25.0, 22.0)) + 0.78 * size
    front = torso.front[rows]
    ahead = np.interp(z, (PSOAS_LOW_MM, -30.0, widest, top), (-12.0, -8.0, 17.0, 22.0))
    lowest = float(np.interp(-30.0, volume.trunk.grid.axis("z"), torso.front))
    front = np.where(z < -30, lowest - 0.25 * (-30 - z), front)
    centre = (np.asarray(torso.shift[rows] + side * out, np.float32), np.asarray(front + ahead, np.float32))
    _tube(volume, rows, centre, (np.asarray(size * 0.95, np.float32), np.asarray(size * 1.1, np.float32)), "muscle")


def _back(volume: Volume, torso: Torso, side: float) -> None:
    """Fat in the muscles beside the spinous processes, more of it below and behind, and the cleft to their neighbour."""
    spec = volume.spec
    high = float(volume.posture.bodies[min(spec.lumbar, len(spec.vertebrae) - 1)].centre[2])
    rows = _rows(volume, -60.0, high)
    z = volume.trunk.grid.axis("z")[rows]
    fat = spec.trunk.multifidus_fat
    if rows.stop <= rows.start:
        return
    reach = sorted(side * a for a in (4.0, 82.0))
    shift = torso.shift[rows]
    window = volume.trunk.grid.window(np.array([float(shift.min()) + reach[0], float((torso.front[rows] + 42).min()), -1e9]),
                                      np.array([float(shift.max()) + reach[1], float(torso.fascia[rows].max()) + 3, 1e9]))
    if window is None:
        return
    part: Window = (rows, window[1], window[2])
    x, y, zz = volume.trunk.grid.open(part)
    fascia = torso.fascia[rows][:, None, None]
    beside = side * (x - torso.shift[rows][:, None, None])
    deep = fascia - y
    low = np.interp(z, (-40.0, 20.0, high - 40, high), (1.5, 1.1, 0.7, 0.0)).astype(np.float32)[:, None, None]
    cover = np.maximum(_feathers(beside, deep, zz, fat * low, _phase(volume, side)), _clefts(beside, deep, (0.15 + 1.6 * fat) * low))
    cover = cover * np.clip((deep - 1) / 2, 0, 1)
    volume.trunk.paint(part, cover, material("fat"), least=TRACE)


def _phase(volume: Volume, side: float) -> float:
    """Where the pattern of one side begins: the subject's own."""
    return float(volume.spec.texture_seed % 97) * 0.13 + 2.1 * side


def _feathers(beside: Array, deep: Array, z: Array, fat: Array, phase: float) -> Array:
    """Share of fat in the multifidus: an even part, and streaks that run outward and back."""
    line = np.sin(0.5 * beside - 0.22 * deep + 1.6 * np.sin(0.1 * deep + 0.045 * z + phase) + phase)
    patch = 0.5 + 0.5 * np.sin(0.13 * deep + 0.035 * z - 0.08 * beside + 1.7 * phase)
    streak = np.clip(1.3 * line - 0.55, 0, 1) * patch
    return np.asarray(np.clip((0.15 + 2.2 * fat) * streak + 0.6 * fat, 0, 0.85) * np.clip((_bow(deep) - beside) / 3, 0, 1), np.float32)


def _bow(deep: Array) -> Array:
    """How far to the side the multifidus reaches, over the depth under the fascia."""
    return np.asarray(25 + 9 * np.sin(np.clip(deep / 42, 0, 1) * np.float32(np.pi)), np.float32)


def _clefts(beside: Array, deep: Array, share: Array) -> Array:
    """Share of fat in the thin clefts around the multifidus, and between the muscles of the back and the square one in front of them."""
    around = np.clip(1.2 - np.abs(beside - _bow(deep)) / 1.4, 0, 1)
    front = np.clip(1.2 - np.abs(deep - 44 + 0.006 * np.square(beside - 40)) / 1.4, 0, 1) * np.clip((beside - 38) / 5, 0, 1)
    return np.asarray(np.maximum(around, front) * np.clip(share, 0, 0.85), np.float32)


def _vessels(volume: Volume, torso: Torso) -> None:
    """Aorta left of the midline and cava right of it, down to the fork before the second vertebra from below; iliac vessels from there."""
    spec, grid = volume.spec, volume.trunk.grid
    gap, width = spec.soft.aorta_mm
    aorta = width / 2 if width > 0 else 7.5
    fork = float(volume.posture.bodies[1].centre[2]) - 10.0
    rows = _rows(volume, fork - END_MM, float(grid.axis("z")[-1]) + 1)
    z = grid.axis("z")[rows]
    end = np.sqrt(np.clip((z - fork + END_MM) / (2 * END_MM), 0, 1))
    wave = 1.6 * np.sin(z / 31 + spec.texture_seed % 7)
    for side, out, ahead, halves in ((1.0, OUT_MM[0], gap, (aorta, aorta)), (-1.0, OUT_MM[1], 2.5, (9.5, 7.5))):
        x = torso.shift[rows] + side * (out + wave)
        y = torso.front[rows] - ahead - halves[1] + 0.5 * wave
        sizes = tuple(np.asarray(half * end * (1 + 0.06 * np.sin(z / 13 + out)), np.float32) for half in halves)
        _tube(volume, rows, (np.asarray(x, np.float32), np.asarray(y, np.float32)), (sizes[0], sizes[1]), "vessel")
    rows = _rows(volume, -90.0, fork + END_MM)
    if rows.stop > rows.start:
        _iliacs(volume, torso, rows, fork, (gap + aorta, 10.0))


def _iliacs(volume: Volume, torso: Torso, rows: slice, fork: float, depth_mm: tuple[float, float]) -> None:
    """The two arteries and the two veins from their fork to the groin; `depth_mm`: of the middle of (aorta, cava) before the spine."""
    z = volume.trunk.grid.axis("z")[rows]
    down = (fork + END_MM - z) / (fork + END_MM + 90.0)
    parted = np.clip(down * 5, 0, 1)
    start = float(torso.front[rows.stop - 1])
    for side, vein, half in ((1.0, False, 5.0), (-1.0, False, 5.0), (1.0, True, 6.0), (-1.0, True, 6.0)):
        origin = -OUT_MM[1] if vein else OUT_MM[0]
        x = torso.shift[rows] + origin + (side * (63.0 if vein else 69.0) - origin) * down
        past = start - 4 - half - (3.6 if vein else 0.8) - (9.0 if vein else 20.0) * down
        y = (start - depth_mm[int(vein)]) * (1 - parted) + past * parted
        round_ = np.asarray(half * np.sqrt(np.clip(0.2 + 8 * down, 0, 1)), np.float32)
        _tube(volume, rows, (np.asarray(x, np.float32), np.asarray(y, np.float32)), (round_, round_), "vessel")
