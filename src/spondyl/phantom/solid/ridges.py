"""Painter of the ridges that grow into the foramina: rim and bone from the back edges of the plates, before the root and below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantom.materials import NUCLEUS0, annulus, marrow, material
from spondyl.phantom.posture import plate_corners
from spondyl.phantom.solid.foramina import GANGLION_MM, pedicle_edges, root_under_mm
from spondyl.phantom.solid.outline import kidney
from spondyl.phantom.solid.shapes import Array, both, lay_bone, merge
from spondyl.phantom.volume import TRACE, Volume, Window, inside

FULL_MM = 2.6
"""Reach of a ridge whose shoulder has risen to the root's lower edge; beyond it rises by SLOW of a further reach [O]."""
SLOW = 0.6
LIP_MM, LIP_SLOW = (1.6, 2.6), 0.3
"""From where on the lip in front of the root grows more slowly (at the lowest disc, whose foramen is shallow, and at the others) [O]."""
DEEP_MM = 10.0
"""How far back the shoulder reaches: to the joint."""
FILLET_MM, BARE_MM, CORTEX_MM, TOP_MM, CORNER_MM = 0.8, 1.0, 0.55, GANGLION_MM + 1.0, 1.8
"""Rounding between what lies before and below the root, soft tissue over the bone in a ridge, the shell of that bone, and how far
the ridge reaches above the root's middle and how round it is there [O]."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """One side's ridge in the frame of its disc, mm.

    Attributes:
        reach: That of the spec; `lip_mm` and `risen` follow from it.
        back, rise: v of the bodies' backs and w of the root's middle, beside the canal.
        canal, pedicle: Half width of the bony canal, width of the pedicle.
        gap: Half height of the disc's back.
        half: Half (width, depth) of the plates.
    """

    index: int
    side: int
    reach: float
    back: float
    rise: float
    canal: float
    pedicle: float
    gap: float
    half: tuple[float, float]

    @property
    def lip_mm(self) -> float:
        """How far the lip in front of the root stands out behind the bodies."""
        full = LIP_MM[min(self.index, 1)]
        return min(self.reach, full) + LIP_SLOW * max(self.reach - full, 0.0)

    @property
    def risen(self) -> float:
        """w to which the shoulder has risen under the root."""
        low, reach = self.rise - GANGLION_MM, self.reach
        return min(reach / FULL_MM, 1.0) * low + SLOW * max(reach - FULL_MM, 0.0) - 3.0 * max(1 - reach, 0.0) ** 2

    def distance(self, out: Array, v: Array, w: Array) -> Array:
        """Signed distance to the ridge at places `out` to the side: round at its ends, a hollow around the root."""
        behind = v - np.float32(self.back)
        inward = np.maximum(np.float32(self.canal + 0.32 * self.pedicle) - out, 0)
        outward = np.maximum(out - np.float32(self.canal + 0.7 * self.pedicle), 0)
        drawn = np.float32(0.45) * inward * inward + np.float32(0.16) * outward * outward
        over, below = np.maximum(w - np.float32(self.rise), 0), np.maximum(np.float32(-self.gap - 1) - w, 0)
        face = behind + drawn - np.float32(self.lip_mm) + np.float32(0.12) * below * below
        lip = both(face, over - np.float32(TOP_MM) - np.float32(0.25) * np.maximum(-behind, 0), CORNER_MM)
        beyond = np.maximum(behind - np.float32(4.5), 0)
        fall = np.float32(0.16 * max(1 - self.reach / FULL_MM, 0.0)) * beyond * beyond
        shoulder = np.maximum(w - np.float32(self.risen) + fall + drawn, behind - np.float32(DEEP_MM))
        rim = self.rim(out, v)
        ahead = np.clip((-behind - 2) * np.float32(1 / 6), 0, 1)
        room = (np.float32(self.reach + 3.5) * (1 - ahead) + np.maximum(behind, 0)) * (1 - np.minimum(outward * np.float32(1 / 6.5), 1))
        wall = np.maximum(rim - room, np.float32(-2.4) - rim - np.maximum(np.abs(w) - np.float32(self.gap), 0))
        ends = np.maximum(np.float32(-self.gap - 5) - w, np.maximum(np.float32(self.canal - 0.5) - out, np.float32(-9) - behind))
        return np.asarray(np.maximum(merge(lip, shoulder, FILLET_MM), np.maximum(wall, ends)), np.float32)

    def rim(self, out: Array, v: Array) -> Array:
        """Distance to the outline of the plates."""
        half = np.float32(self.half[1])
        return (kidney(out * np.float32(1 / self.half[0]), v / half) - 1) * half


def paint_ridges(volume: Volume) -> None:
    """Both sides of every disc that has any."""
    for disc in volume.spine.discs:
        for side, reach in zip((-1, 1), disc.spec.ridge_mm, strict=True):
            if reach > 0:
                _paint(volume, _ridge(volume, disc.index, side, reach))


def _ridge(volume: Volume, index: int, side: int, reach: float) -> Ridge:
    own, disc = volume.spec.vertebrae[index], volume.spine.discs[index]
    body, pose = volume.spine.bodies[index], volume.posture.bodies[index]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    under = pedicle_edges(body, own)[0] - root_under_mm(index)
    place = np.array([[side * (own.arch.canal_mm[0] / 2 + own.arch.pedicle_mm[0] / 2), (low[2] + high[2]) / 2, under]])
    frame = volume.posture.discs[index]
    _, v, w = (pose.to_patient(place)[0] - frame.centre) @ frame.axes.T
    gap = float(np.hypot(*(disc.above.posterior - disc.below.posterior))) / 2
    return Ridge(index, side, reach, float(v), float(w), own.arch.canal_mm[0] / 2, own.arch.pedicle_mm[0], gap,
                 (own.width_mm[0] / 2, (disc.above.depth + disc.below.depth) / 4))


def _paint(volume: Volume, ridge: Ridge) -> None:
    """Soft tissue of the disc's rim, darker at its surface; then the bone in it."""
    outer, block = ridge.canal + ridge.pedicle + 4.0, volume.fine
    box = ((ridge.canal - 1.5, outer), (ridge.back - 9.0, ridge.back + DEEP_MM + 1), (-ridge.gap - 7, ridge.rise + GANGLION_MM + 3.5))
    corners = np.array([[ridge.side * a, b, c] for a in box[0] for b in box[1] for c in box[2]])
    pose = volume.posture.discs[ridge.index]
    window = block.grid.around(pose.to_patient(corners), 1.0)
    if window is None:
        return
    u, v, w = pose.to_local(*block.grid.open(window))
    d = ridge.distance(np.asarray(ridge.side * u, np.float32), v, w)
    free = (block.label[window] < NUCLEUS0) & (block.label[window] != material("herniation"))
    cover = inside(d, block.grid.spacing_mm) * free
    block.paint(window, cover, annulus(ridge.index), least=TRACE)
    skin = np.clip(np.float32(0.8) + np.float32(0.2) * d, 0.35, 0.75) * (free & (d < -0.5 * block.grid.spacing_mm))
    block.paint(window, skin, material("ligament"))
    if ridge.lip_mm > BARE_MM:
        _bone(volume, window, ridge, d, v, w)


def _bone(volume: Volume, window: Window, ridge: Ridge, d: Array, v: Array, w: Array) -> None:
    """Claws from the plates' back edges under the soft tissue: marrow of either vertebra with a thin shell, the disc's gap between them."""
    behind = v - np.float32(ridge.back)
    thick, tall = np.float32(1.2 + 1.1 * ridge.lip_mm), np.float32(1.0 + 0.7 * ridge.reach)
    for body, apart in ((ridge.index - 1, w + np.float32(ridge.gap - 0.3)), (ridge.index, np.float32(ridge.gap + 0.3) - w)):
        slope = behind - thick * (1 - np.square(np.minimum(apart / tall, 0)))
        claw = np.maximum(d + np.float32(BARE_MM), np.maximum(apart, slope))
        lay_bone(volume.fine, window, np.asarray(claw, np.float32), marrow(body), material("cortex"), CORTEX_MM)
