"""What a sagittal slice beside the canal shows instead of it: pedicles, facets, foramina with their roots, muscle. Crude."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.anatomy import Body, Disc, along, upward
from spondyl.phantom.canvas import box, ellipse, local
from spondyl.phantom.scene import Scene
from spondyl.phantom.tissue import marrow_signal

PEDICLES_FROM_MM = 8.0
"""Distance from the midline at which pedicles take the place of the canal [O]."""


def paint_beside(s: Scene) -> None:
    """Nothing near the midline; further out, the structures beside the canal, over what has been painted."""
    if abs(s.scan.lateral_mm) < PEDICLES_FROM_MM:
        return
    _muscle(s)
    for disc in s.spine.discs:
        _foramen(s, disc)
    for body in s.spine.bodies:
        _pillar(s, body)


def _muscle(s: Scene) -> None:
    """The multifidus, from the laminae to the fascia, with streaks of fat."""
    c = s.canvas
    start, fascia = s.lines.at(s.lines.back, c.y) + 16, s.lines.at(s.lines.fascia, c.y)
    streak = np.clip(s.lumps.at(c.x + 0.3 * c.y, c.y, (0.5, 4.0)) - 0.9, 0, 0.8)
    value = s.of["muscle"] * (1 + 0.12 * s.grain.at(c.x, c.y, (1.0, 4.0)))
    c.paint(np.maximum(start - c.x, c.x - fascia), value + streak * (s.of["fat"] - value), edge_mm=3)


def _foramen(s: Scene, disc: Disc) -> None:
    """A keyhole of fat behind the disc and the body above it, with the root in its upper part."""
    centre = disc.ends[1] + 5.5 * along(disc.tilt) + 6.0 * upward(disc.tilt)
    c = s.canvas.part(centre, 20)
    u, v = local(c.x, c.y, centre, disc.tilt)
    hole = ellipse(u / (1 + 0.025 * v), v, 5.0, 10.0)
    c.paint(hole - 1.0, s.of["cortex"])
    c.paint(hole, s.of["fat"] * 0.95)
    c.paint(ellipse(u, v - 3.0, 2.7, 3.2), s.of["root"] * 0.7)
    c.paint(ellipse(u + 1.5, v + 4.0, 1.2, 1.4), s.of["vessel"])


def _pillar(s: Scene, body: Body) -> None:
    """Pedicle, then the articular processes that overlap those of the vertebra below."""
    rear = body.lower.depth / 2
    marrow = marrow_signal(body.fat, 0, s.scan)
    pieces = ((rear + 6, 6.0, (9.0, 6.5), 0.0), (rear + 15, 10.0, (4.5, 10.0), -0.35), (rear + 18, -12.0, (4.5, 13.0), -0.25))
    for back, up, half, turn in pieces:
        centre = body.centre + back * along(body.tilt) + up * upward(body.tilt)
        c = s.canvas.part(centre, 22)
        u, v = local(c.x, c.y, centre, body.tilt + turn)
        shape = box(u, v, half[0], half[1], 4.0)
        if turn:
            c.paint(shape, s.of["cortex"])
        c.paint(shape + (1.1 if turn else 0.0), marrow * (1 + 0.06 * s.grain.at(c.x, c.y)))
