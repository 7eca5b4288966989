"""Which structure each pixel of a sagittal slice belongs to: the slice's mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import stack
from spondyl.phantom.bones import body_distance, disc_distance, herniation_distance
from spondyl.phantom.canvas import Canvas, local
from spondyl.phantom.curves import curves
from spondyl.phantom.scene import frame_of
from spondyl.phantom.spec import Acquisition, SubjectSpec

CANAL, FIRST_DISC = 100, 201


def label_map(spec: SubjectSpec, scan: Acquisition) -> NDArray[np.uint8]:
    """uint8 (rows, columns) of the padded picture: 0 none, 1.. vertebrae and 201.. discs from the lowest up, 100 the thecal sac."""
    c = Canvas(frame_of(scan))
    spine = stack(spec)
    lines = curves(spec, spine, scan.lateral_mm)
    labels = np.zeros(c.signal.shape, np.uint8)
    front, rear = lines.at(lines.sac_front, c.y), lines.at(lines.sac_back, c.y)
    labels[(c.x > front) & (c.x < rear)] = CANAL
    for disc in spine.discs:
        window = c.frame.window(disc.corners, 9.0)
        if window:
            inside = disc_distance(disc, *local(c.x[window], c.y[window], disc.centre, disc.tilt)) < 0
            if disc.spec.herniation_mm > 0:
                inside |= herniation_distance(disc, *local(c.x[window], c.y[window], disc.ends[1], disc.tilt)) < 0
            labels[window][inside] = FIRST_DISC + disc.index
    for body in spine.bodies:
        corners = np.stack([body.lower.anterior, body.lower.posterior, body.upper.anterior, body.upper.posterior])
        window = c.frame.window(corners, 6.0)
        if window:
            inside = body_distance(body, *local(c.x[window], c.y[window], body.centre, body.tilt))[0] < 0
            labels[window][inside] = 1 + body.index
    top, right, bottom, left = scan.pad_px
    return np.pad(labels, ((top, bottom), (left, right)))
