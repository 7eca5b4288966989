"""The outline of the body over height: where skin, fascia, spine, belly and rib cage lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.curves import curves
from spondyl.phantom.posture import Posture
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Array, Volume

BESIDE_BODY_MM, BESIDE_SACRUM_MM, SACRUM_TOP_MM, SACRUM_RISE_MM = 2.5, 58.0, 8.0, 20.0
"""See `flank_of_spine` [O]."""
LEVELS = (-6.0, -1.0, 1.0, 2.5, 4.0, 6.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0)
"""Places of the rows below: vertebrae above the one with the lowest ribs (L1 is -1, T1 is 11)."""
AHEAD_MM = (115.0, 115.0, 115.0, 120.0, 127.0, 130.0, 112.0, 100.0, 86.0, 72.0, 62.0, 60.0)
"""From the front of the spine to the skin of the chest, in a body whose belly stands out 115 mm [O]."""
WIDE = (1.0, 0.98, 0.96, 0.96, 0.98, 1.0, 1.03, 1.05, 1.02, 0.86, 0.55, 0.42)
"""Half width of the body over that at L3: waist, chest, shoulders, neck [O]."""
CAGE = (1.0, 1.0, 1.0, 1.0, 1.0, 0.99, 0.9, 0.82, 0.7, 0.54, 0.36, 0.3)
"""Half width of the rib cage over what the chest has room for [O]."""
CHEST_MM, GROWS = 136.0, 0.35
"""A chest of more than that half width grows with the flesh of the trunk only by that share [O]."""
BELLY_FAT_MM, CHEST_FAT_MM, BEHIND_RIB_MM, BESIDE_RIB_MM = 26.0, 14.0, 13.0, 8.0
"""Fat in front at the midline, on the belly and on the chest; from the fascia and from the flank's fat to the middle of a rib [O]."""
SWAY, CALM_MM = 0.75, 45.0
"""Share of the spine's bend to the side that the trunk follows, and over how much height it is smoothed [O]."""
FULL = 0.35
"""How much fuller than an ellipse the body is on its diagonals [O]."""
PROUD_MM = 12.0
"""A chest stands out at most that much before the belly [O]."""
ROOM_MM = 28.0
"""At least so much lies between the spine's side and the flank's fat [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """The body's outline over height (the rows of a grid), mm.

    Attributes:
        skin, fascia, front, belly: y of the back's skin, of the fascia behind the spinous tips, of the spine's front, of the belly's skin.
        shift, middle: x of the spine and of the trunk, which follows it in part.
        half, flank: Half width of the body and of what lies under its fat.
        padding: Fat in front at the midline.
        rung: Vertebrae above the one with the lowest ribs.
        cage: Half width of the rib cage, to the middle of the ribs.
        steep: Cosine of the lean of the body's sides.
    """

    skin: Array
    fascia: Array
    front: Array
    belly: Array
    shift: Array
    middle: Array
    half: Array
    flank: Array
    padding: Array
    rung: Array
    cage: Array
    steep: Array

    @property
    def cage_ends(self) -> tuple[Array, Array]:
        """y of the middle of the ribs in front and behind."""
        return self.belly + self.padding + np.float32(6.0), self.fascia - np.float32(BEHIND_RIB_MM)


def torso_of(volume: Volume, z: NDArray[np.floating]) -> Torso:
    """The outline at heights z of the patient."""
    spec, posture = volume.spec, volume.posture
    lines = curves(spec, volume.spine)
    offset = [np.interp(z, posture.heights, (posture.bent - posture.straight)[:, k]) for k in range(3)]
    level = z - offset[2]
    skin, fascia, front, belly = (lines.at(line, -level) for line in (lines.skin, lines.fascia, lines.front, lines.belly))
    shift = np.asarray(offset[0], np.float32)
    lean = np.asarray(offset[1], np.float32)
    rung = _rungs(volume, z)
    half, flank, cage = _widths(spec, level, rung)
    room = np.maximum(flank - flank_of_spine(volume, z) - np.float32(ROOM_MM), 0)
    middle = shift + np.clip(sway(posture, z) - shift, -room, room)
    chest = front - np.interp(rung, LEVELS, AHEAD_MM) * (spec.soft.belly_mm / 115) ** 0.5
    chest = np.maximum(chest, belly.min() - PROUD_MM)
    high = np.clip((rung + 0.5) / 3, 0, 1)
    belly = belly + (chest - belly) * high * high * (3 - 2 * high)
    padding = np.interp(rung, (0, 3), (BELLY_FAT_MM, CHEST_FAT_MM))
    steep = 1 / np.hypot(1, np.gradient(half, z)) if len(z) > 1 else np.ones(len(z))
    rows = (skin + lean, fascia + lean, front + lean, belly, shift, middle, half, flank, padding, rung, cage, steep)
    return Torso(*(np.asarray(row, np.float32) for row in rows))


def oval(x: Array, y: Array, ends: tuple[Array, Array], half: Array) -> Array:
    """Signed distance in mm to a rounded box-like oval between two y; exact at the midline and at the flanks."""
    deep = (ends[1] - ends[0]) / 2
    bb = np.square((y - (ends[0] + ends[1]) / 2) / deep)
    aa = np.square(x / half)
    radius = np.sqrt(aa + bb - np.float32(FULL) * np.minimum(aa * bb, np.float32(0.75)))
    return np.asarray((radius - 1) * np.minimum(deep, half), np.float32)


def on_oval(angle: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(x, y) on the outline of `oval`, in units of its half width and half depth, in the direction of that angle from the back."""
    a, b = np.sin(angle), np.cos(angle)
    both = 2 * FULL * np.square(a * b)
    radius = np.sqrt(np.where(both > 1e-6, (1 - np.sqrt(1 - 2 * both)) / np.maximum(both, 1e-6), 1.0))
    return np.asarray(radius * a), np.asarray(radius * b)


def sway(posture: Posture, z: NDArray[np.floating]) -> NDArray[np.float64]:
    """x of the middle of the trunk at heights z: a calmer bend than the spine's."""
    aside = posture.bent[:, 0] - posture.straight[:, 0]
    if not aside.any():
        return np.zeros(np.shape(z))
    step, reach = 5.0, 3 * CALM_MM
    at = np.arange(posture.heights[0] - reach, posture.heights[-1] + reach + step, step)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + step, step) / CALM_MM))
    count = len(weights) // 2
    calm = np.convolve(np.pad(np.interp(at, posture.heights, aside), count, mode="edge"), weights / weights.sum(), mode="valid")
    return np.asarray(np.interp(z, at, SWAY * calm))


def _rungs(volume: Volume, z: NDArray[np.floating]) -> NDArray[np.float64]:
    """Vertebrae above the one with the lowest ribs, at heights z; carried on beyond both ends."""
    heights = np.array([pose.centre[2] for pose in volume.posture.bodies])
    numbers = np.arange(len(heights)) - float(volume.spec.lumbar)
    below, above = (max(float(heights[k + 1] - heights[k]), 10.0) for k in (0, -2))
    beyond = np.maximum(z - heights[-1], 0) / above - np.maximum(heights[0] - z, 0) / below
    return np.asarray(np.interp(z, heights, numbers) + beyond)


def _widths(spec: SubjectSpec, z: NDArray[np.floating], rung: NDArray[np.floating]) -> tuple[Array, Array, Array]:
    """Half widths of the body, under its fat, and of the rib cage."""
    hips = np.clip((20 - z) / 90, 0, 1)
    wide = np.interp(rung, LEVELS, WIDE) + 0.04 * hips * hips * (3 - 2 * hips)
    half = spec.trunk.half_width_mm * wide
    fat = spec.trunk.flank_fat_mm * (1 + 0.5 * hips - 0.35 * np.clip((rung + 1.5) / 4, 0, 1)) * np.minimum(wide, 1)
    chest = spec.trunk.half_width_mm - 0.65 * spec.trunk.flank_fat_mm
    chest = np.minimum(half - fat, chest - (1 - GROWS) * max(chest - CHEST_MM, 0.0))
    cage = (chest - BESIDE_RIB_MM) * np.interp(rung, LEVELS, CAGE)
    return np.asarray(half, np.float32), np.asarray(half - fat, np.float32), np.asarray(cage, np.float32)


def flank_of_spine(volume: Volume, z: NDArray[np.floating]) -> Array:
    """How far to a side of the midline the belly's hollow stays in front of the spine, at heights z: over bodies, then over the sacrum."""
    heights = [pose.centre[2] for pose in volume.posture.bodies]
    wide = [sum(v.width_mm) / 4 + BESIDE_BODY_MM for v in volume.spec.vertebrae]
    sacral = np.clip((SACRUM_TOP_MM - z) / SACRUM_RISE_MM, 0, 1)
    return np.asarray(np.interp(z, heights, wide) * (1 - sacral) + BESIDE_SACRUM_MM * sacral, np.float32)
