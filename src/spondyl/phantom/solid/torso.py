"""The outline of the body over height: where skin, fascia, spine and belly lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.curves import curves
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Array, Volume

BESIDE_BODY_MM, BESIDE_SACRUM_MM, SACRUM_TOP_MM, SACRUM_RISE_MM = 2.5, 58.0, 8.0, 20.0
"""See `flank_of_spine` [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """The body's outline over height (the rows of a grid), mm.

    Attributes:
        skin, fascia, front, belly: y of the back's skin, of the fascia behind the spinous tips, of the spine's front, of the belly's skin.
        shift: x of the spine.
        half, flank: Half width of the body and of what lies under its fat.
    """

    skin: Array
    fascia: Array
    front: Array
    belly: Array
    shift: Array
    half: Array
    flank: Array


def torso_of(volume: Volume, z: NDArray[np.floating]) -> Torso:
    """The outline at heights z of the patient."""
    spec, posture = volume.spec, volume.posture
    lines = curves(spec, volume.spine)
    offset = [np.interp(z, posture.heights, (posture.bent - posture.straight)[:, k]) for k in range(3)]
    level = z - offset[2]
    skin, fascia, front, belly = (lines.at(line, -level) for line in (lines.skin, lines.fascia, lines.front, lines.belly))
    shift = np.asarray(offset[0], np.float32)
    lean = np.asarray(offset[1], np.float32)
    return Torso(skin + lean, fascia + lean, front + lean, belly, shift, *_widths(spec, level))


def _widths(spec: SubjectSpec, z: NDArray[np.floating]) -> tuple[Array, Array]:
    """Half widths with and without fat: broadest at the hips, narrowest at the waist."""
    hips = np.clip((20 - z) / 90, 0, 1)
    ribs = np.clip((z - 130) / 120, 0, 1)
    half = spec.trunk.half_width_mm * (1 + 0.04 * hips * hips * (3 - 2 * hips) - 0.03 * ribs)
    fat = spec.trunk.flank_fat_mm * (1 + 0.5 * hips - 0.35 * ribs)
    return np.asarray(half, np.float32), np.asarray(half - fat, np.float32)


def flank_of_spine(volume: Volume, z: NDArray[np.floating]) -> Array:
    """How far to a side of the midline the belly's hollow stays in front of the spine, at heights z: over bodies, then over the sacrum."""
    heights = [pose.centre[2] for pose in volume.posture.bodies]
    wide = [sum(v.width_mm) / 4 + BESIDE_BODY_MM for v in volume.spec.vertebrae]
    sacral = np.clip((SACRUM_TOP_MM - z) / SACRUM_RISE_MM, 0, 1)
    return np.asarray(np.interp(z, heights, wide) * (1 - sacral) + BESIDE_SACRUM_MM * sacral, np.float32)
