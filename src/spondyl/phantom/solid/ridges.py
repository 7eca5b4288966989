"""Painter of the ridges that grow into the foramina: rim and bone from the back edges of the plates, in front of the root and below it."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.materials import material
from spondyl.phantom.posture import plate_corners
from spondyl.phantom.solid.foramina import GANGLION_MM, pedicle_edges, root_under_mm
from spondyl.phantom.solid.shapes import both
from spondyl.phantom.volume import Volume, inside

FULL_MM = 2.6
"""Reach of a ridge whose shoulder has risen to the root's lower edge; beyond it rises by SLOW of a further reach [O]."""
SLOW = 0.6
LIP_MM, LIP_SLOW = (1.6, 2.6), 0.3
"""From where on the lip in front of the root grows more slowly (at the lowest disc, whose foramen is shallow, and at the others) [O]."""
DEEP_MM = 10.0
"""How far back the shoulder reaches: to the joint."""


def paint_ridges(volume: Volume) -> None:
    """Both sides of every disc that has any."""
    for disc in volume.spine.discs:
        for side, reach in zip((-1, 1), disc.spec.ridge_mm, strict=True):
            if reach > 0:
                _paint(volume, disc.index, side, reach)


def _paint(volume: Volume, index: int, side: int, reach: float) -> None:
    own, pose = volume.spec.vertebrae[index], volume.posture.discs[index]
    back, rise = _root(volume, index, side)
    inner, outer = own.arch.canal_mm[0] / 2 - 0.5, own.arch.canal_mm[0] / 2 + own.arch.pedicle_mm[0] + 2.0
    low, edge = rise - GANGLION_MM, GANGLION_MM + 1.0
    box = ((inner - 2, outer + 2), (back - 4.0, back + DEEP_MM + 1), (-4.0, rise + edge + 2))
    corners = np.array([[side * a, b, c] for a in box[0] for b in box[1] for c in box[2]])
    window = volume.fine.grid.around(pose.to_patient(corners), 1.0)
    if window is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(window))
    across = np.maximum(side * u - outer, inner - side * u)
    risen = min(reach / FULL_MM, 1.0) * low + SLOW * max(reach - FULL_MM, 0.0)
    full = LIP_MM[min(index, 1)]
    lip = np.maximum(v - back - min(reach, full) - LIP_SLOW * max(reach - full, 0.0), np.abs(w - rise / 2) - rise / 2 - edge)
    shoulder = np.maximum(w - risen, v - back - DEEP_MM)
    d = both(np.maximum(np.minimum(lip, shoulder), np.maximum(back - 3.0 - v, -3.0 - w)), across, 2.0)
    cover = inside(d, volume.fine.grid.spacing_mm)
    volume.fine.paint(window, np.where(cover < 0.06, 0, cover), material("ligament"))


def _root(volume: Volume, index: int, side: int) -> tuple[float, float]:
    """(v of the body's back, w of the root's middle) in the disc's frame, beside the canal."""
    body, pose, own = volume.spine.bodies[index], volume.posture.bodies[index], volume.spec.vertebrae[index]
    low, high = (plate_corners(body, pose, upper) for upper in (False, True))
    under = pedicle_edges(body, own)[0] - root_under_mm(index)
    place = np.array([[side * (own.arch.canal_mm[0] / 2 + own.arch.pedicle_mm[0] / 2), (low[2] + high[2]) / 2, under]])
    disc = volume.posture.discs[index]
    _, v, w = (pose.to_patient(place)[0] - disc.centre) @ disc.axes.T
    return float(v), float(w)
