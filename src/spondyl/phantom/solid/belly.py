"""Painter of what lies in the belly's hollow: liver, spleen, kidneys, gut with contents and gas, bladder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import material
from spondyl.phantom.solid.torso import Torso
from spondyl.phantom.volume import Volume, inside

Place = NDArray[np.float64]
LOOPS = 50
HOLLOW = "epidural_fat"
"""What fills the belly's hollow before organs lie in it: fat, told from that under the skin by its row."""
STRANDS_MM = (-85.0, 140.0)
"""Heights between which the belly's fat is looked at closely [O]."""
GUT_MM = 2.0
"""Thickness of the wall of the gut [O]."""


def paint_belly(volume: Volume, torso: Torso) -> None:
    """Organs, then gut; where everything lies comes from the subject's texture seed."""
    rng = np.random.default_rng((volume.spec.texture_seed, 31))
    _mesentery(volume, torso)
    _loops(volume, torso, rng)
    _colon(volume, torso, rng)
    _organs(volume, torso)
    _bladder(volume)


def _at(volume: Volume, torso: Torso, z: float) -> tuple[float, float]:
    """(belly, front of the spine) at a height."""
    grid = volume.trunk.grid
    row = int(np.clip((z - grid.origin_mm[2]) / grid.spacing_mm, 0, grid.shape[0] - 1))
    return float(torso.belly[row]) + 42.0, float(torso.front[row]) - 8.0


def _blob(volume: Volume, centre: Place, half: Place, names: tuple[str, ...], wall_mm: float = GUT_MM, turn: float = 0.0,
          only: str = HOLLOW, rough: float = 0.0) -> None:
    """An ellipsoid of nested materials from the outside in; laid only over one material, and over edges.

    `rough`: How uneven and bent it is, as a share of its size; which way follows from where it lies.
    """
    block = volume.trunk
    reach = np.array([max(half[0], half[2]), half[1] * (1 + rough), max(half[0], half[2])]) + 1.5
    window = block.grid.window(centre - reach, centre + reach)
    if window is None:
        return
    x, y, z = (a - np.float32(c) for a, c in zip(block.grid.open(window), centre, strict=True))
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    a, b = (c * x + s * z) / np.float32(half[0]), (c * z - s * x) / np.float32(half[2])
    e = y / np.float32(half[1])
    if rough:
        phase = np.float32(centre.sum() % 6.28)
        b, e = b - np.float32(rough) * (a * a - np.float32(0.4)), e + np.float32(rough) * np.sin(np.float32(2.2) * a + phase)
    d = (np.sqrt(a * a + b * b + e * e) - 1) * np.float32(half.min())
    if rough:
        d = d + np.float32(0.5 * rough * half.min()) * np.sin(np.float32(5.1) * a + phase) * np.cos(np.float32(3.7) * b - phase + 2 * e)
    free = (block.label[window] == material(only)) | ((block.share[window] < 245) & (block.under[window] == material(only)))
    free &= block.label[window] != material("lung")
    for k, name in enumerate(names):
        cover = inside(d + np.float32(k * wall_mm), block.grid.spacing_mm) * free
        block.paint(window, np.where(cover < 0.06, 0, cover), material(name))


def _mesentery(volume: Volume, torso: Torso) -> None:
    """Vessels and strands in the belly's fat: thin folded sheets, denser in patches; the subject's own."""
    block = volume.trunk
    low, high = (int(np.searchsorted(block.grid.axis("z"), z)) for z in STRANDS_MM)
    if high <= low:
        return
    front, half = float(torso.front[low:high].max()), 0.48 * volume.spec.trunk.half_width_mm
    window = block.grid.window(np.array([-half, front - 125.0, STRANDS_MM[0]]), np.array([half, front, STRANDS_MM[1]]))
    if window is None:
        return
    free = (block.label[window] == material(HOLLOW)) & (block.share[window] == 255)
    x, y, z = block.grid.open(window)
    p, q = np.random.default_rng((volume.spec.texture_seed, 37)).uniform(0, 6.28, 2).astype(np.float32)
    fold = np.sin(0.045 * z + 0.03 * x + p) + np.sin(0.055 * y - 0.02 * x + q)
    first = np.abs(np.sin(0.12 * y + 0.04 * z + 1.5 * fold + q))
    second = np.abs(np.sin(0.10 * z - 0.06 * y + 0.07 * x + 1.8 * fold))
    patch = np.clip(0.6 + 0.5 * np.sin(0.03 * z - 0.04 * y + 2.3 * fold + p), 0.15, 1) * np.clip((half - np.abs(x)) / 20, 0, 1)
    sheet = np.clip(1.2 - first * 4, 0, 1) * np.clip(1.7 - second * 1.3, 0, 1)
    cover = np.maximum(sheet, np.clip(1.2 - (first + second) * 1.9, 0, 1)) * patch * np.float32(0.9) * free
    block.paint(window, np.where(cover < 0.06, 0, cover), material("organ"))


def _loops(volume: Volume, torso: Torso, rng: np.random.Generator) -> None:
    """Small gut: loops between the belly's wall and the spine."""
    soft = volume.spec.soft
    for _ in range(int(LOOPS * (1.3 - soft.bowel_fat))):
        z = float(rng.uniform(-75, 130))
        wall, front = _at(volume, torso, z)
        x = float(rng.uniform(-0.55, 0.55)) * volume.spec.trunk.half_width_mm
        y = float(rng.uniform(wall, max(min(front - 18, wall + 90), wall + 5)))
        half = np.array([rng.uniform(14, 30), rng.uniform(9, 14), rng.uniform(9, 14)])
        inner = "gas" if rng.random() < 0.5 * soft.bowel_gas else "bowel"
        _blob(volume, np.array([x, y, z]), half, ("organ", inner), turn=float(rng.uniform(-1.5, 1.5)), rough=0.45)


def _colon(volume: Volume, torso: Torso, rng: np.random.Generator) -> None:
    """Large gut at both flanks and in front; gas rises to the front of it, as a patient lies on the back."""
    trunk = volume.spec.trunk
    frame = [(-0.62, z) for z in (-30.0, 0.0, 30.0, 60.0, 90.0)] + [(0.62, z) for z in (-40.0, -10.0, 20.0, 50.0, 80.0, 110.0)]
    frame += [(x, 95.0 - 30 * (1 - x * x * 4)) for x in (-0.4, -0.2, 0.0, 0.2, 0.4)] + [(0.3, -60.0), (0.05, -75.0)]
    gassy = set(rng.permutation(len(frame))[:trunk.gas].tolist())
    for k, (share, z) in enumerate(frame):
        wall, front = _at(volume, torso, float(z))
        middle = abs(share) < 0.5
        y = wall + 12 if middle else 0.5 * (wall + front) + 12
        half = np.array([rng.uniform(17, 24), rng.uniform(14, 19), rng.uniform(15, 21)])
        centre = np.array([share * trunk.half_width_mm, y, z + rng.uniform(-6, 6)])
        _blob(volume, centre, half, ("organ", "bowel"), rough=0.2)
        if k in gassy:
            _blob(volume, centre - np.array([0, 0.25 * half[1], 0]), half * np.array([0.75, 0.6, 0.75]), ("gas",), only="bowel")


def _organs(volume: Volume, torso: Torso) -> None:
    """Kidneys beside the upper lumbar vertebrae, the liver on the right and the spleen on the left above them."""
    lumbar = volume.posture.bodies[volume.spec.lumbar - 1].centre
    wide = volume.spec.trunk.half_width_mm
    for side, drop in ((-1.0, 22.0), (1.0, 10.0)):
        centre = np.array([lumbar[0] + side * 64, lumbar[1] + 14, lumbar[2] - drop])
        _blob(volume, centre, np.array([26.0, 23.0, 54.0]), ("organ",), turn=side * 0.25)
    wall, front = _at(volume, torso, float(lumbar[2]) + 40)
    middle = (wall + front) / 2
    _blob(volume, np.array([-0.45 * wide, middle + 5, lumbar[2] + 55]), np.array([0.5 * wide, 85.0, 78.0]), ("organ",))
    _blob(volume, np.array([0.62 * wide, middle + 38, lumbar[2] + 55]), np.array([32.0, 45.0, 55.0]), ("organ",))


def _bladder(volume: Volume) -> None:
    radius = volume.spec.soft.bladder_mm
    if radius > 0:
        _blob(volume, np.array([0.0, -62.0, -88.0]), np.array([radius + 6.0, radius, radius * 0.9 + 2]), ("muscle", "urine"), wall_mm=3.0)
