"""Painter of the foramina and the lateral recesses: fat, the nerve root with its ganglion under the upper pedicle, small veins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body
from spondyl.phantom.materials import material
from spondyl.phantom.solid.tube import Tube
from spondyl.phantom.spec import VertebraSpec
from spondyl.phantom.volume import TRACE, Volume, inside

ROOT_MM, GANGLION_MM = 1.5, 2.6
"""Radii [O]."""
ROOT_BEHIND_MM = 3.65
"""Where a root's middle lies behind the body's back [O]."""
FORAMEN_MM = (9.4, 8.0)
"""Depth from the body's back at the (upper, lower) end of a foramen, before the joint takes its share [O]."""

SACRAL_STOPS = 4
Path = NDArray[np.float64]


def paint_foramina(volume: Volume, tube: Tube) -> None:
    """Both sides of every level, then the two upper sacral roots."""
    paths = []
    for body, own in zip(volume.spine.bodies, volume.spec.vertebrae, strict=True):
        for side in (-1, 1):
            _fat(volume, tube, body, own, side)
            paths.append(_path(tube, body, own, side))
    paths += [_sacral_path(tube, body, side) for body in volume.spine.sacrum[:2] for side in (-1, 1)]
    posed = volume.posture.bend(np.vstack(paths))
    ends = np.cumsum([len(path) for path in paths])[:-1]
    for points in np.split(posed, ends):
        _root(volume, points)


def pedicle_edges(body: Body, own: VertebraSpec) -> tuple[float, float]:
    """(lower, upper) edge of the pedicles along the body's own axis, mm from its middle [O: they sit at the upper plate]."""
    top = own.posterior_height_mm / 2 - 1.0
    return top - own.arch.pedicle_mm[1], top


def root_under_mm(index: int) -> float:
    """Where the middle of a vertebra's root lies under its pedicle; lower under the lowest one, whose transverse process is broad [O]."""
    return GANGLION_MM + (3.2 if index == 0 else 2.0)


def _fat(volume: Volume, tube: Tube, body: Body, own: VertebraSpec, side: int) -> None:
    """A keyhole of fat from the lower edge of this pedicle to the upper edge of the next one down, out to the psoas."""
    disc = volume.spine.discs[body.index]
    pose = volume.posture.discs[body.index]
    back = disc.ends[1]
    behind = float(np.linalg.norm(back - disc.centre))
    top = _height(disc.centre, disc.tilt, body, pedicle_edges(body, own)[0])
    low = -float(np.linalg.norm(disc.above.posterior - disc.below.posterior)) / 2 - 1.0
    inner, outer = float(np.interp(back[1], *tube.lines_at("half_width"))) - 2.0, own.arch.canal_mm[0] / 2 + own.arch.pedicle_mm[0] + 3.0
    corners = np.array([[side * a, behind + b, c] for a in (inner, outer) for b in (-6.0, 11.0) for c in (low - 3, top + 3)])
    window = volume.fine.grid.around(pose.to_patient(corners), 1.0)
    if window is None:
        return
    u, v, w = pose.to_local(*volume.fine.grid.open(window))
    up = np.clip((w - low) / max(top - low, 1.0), 0, 1)
    deep = FORAMEN_MM[1] + (FORAMEN_MM[0] - FORAMEN_MM[1]) * up
    middle, tall = (low + top) / 2, (top - low) / 2
    hole = (np.sqrt(np.square((v - behind - deep / 2 + 1.5) / (deep / 2 + 2.2)) + np.square((w - middle) / (tall + 2))) - 1) * deep / 2
    across = np.maximum(side * u - outer, inner - side * u)
    flare = np.square(np.clip((side * u - outer + 8) / 8, 0, 1)) * np.float32(3.5)
    volume.fine.paint_inside(window, np.maximum(hole + flare, across), material("epidural_fat"), edge_mm=1.0)
    for at, radius in ((0.36, 0.8), (0.18, 0.6)):
        spot = np.sqrt(np.square(v - behind - 2.2) + np.square(w - low - at * (top - low))) - radius
        volume.fine.paint_inside(window, np.maximum(spot, np.maximum(across, inner + 2.5 - side * u)), material("vessel"))


def _height(origin: Path, tilt: float, body: Body, along_axis: float) -> float:
    """Height in a disc's frame of a place on the back of a body, given along the body's own axis."""
    axis = np.array([-np.sin(body.tilt), -np.cos(body.tilt)])
    place = (body.lower.posterior + body.upper.posterior) / 2 + along_axis * axis
    return float((place - origin) @ np.array([-np.sin(tilt), -np.cos(tilt)]))


def _path(tube: Tube, body: Body, own: VertebraSpec, side: int) -> Path:
    """Points (n, 3) of the straight spine along a root: out of the sac, through the recess, under the pedicle, out and down."""
    up, back = np.array([-np.sin(body.tilt), -np.cos(body.tilt)]), np.array([np.cos(body.tilt), -np.sin(body.tilt)])
    low, top = pedicle_edges(body, own)
    wall = (body.lower.posterior + body.upper.posterior) / 2
    half, pedicle = own.arch.canal_mm[0] / 2, own.arch.pedicle_mm[0]
    sac = float(np.interp(body.upper.posterior[1], *tube.lines_at("sac_half")))
    ganglion = low - root_under_mm(body.index)
    stops = [(0.8 * sac, top + 5.0, 4.5), (half - 2.6, top - 4.0, 3.4), (half - 2.6, low + 0.5, 3.8),
             (half - 0.2, ganglion, ROOT_BEHIND_MM), (half + 0.8 * pedicle, ganglion - 0.6, ROOT_BEHIND_MM),
             (half + pedicle + 7, ganglion - 9, 1.0),
             (half + pedicle + 12, ganglion - 20, -4.0)]
    return _points(wall, up, back, stops, side)


def _sacral_path(tube: Tube, body: Body, side: int) -> Path:
    """The same for a sacral root, which leaves through the bone in front."""
    up, back = np.array([-np.sin(body.tilt), -np.cos(body.tilt)]), np.array([np.cos(body.tilt), -np.sin(body.tilt)])
    wall = (body.lower.posterior + body.upper.posterior) / 2
    half = float(np.interp(wall[1], *tube.lines_at("half_width")))
    sac = float(np.interp(body.upper.posterior[1], *tube.lines_at("sac_half")))
    tall = body.centre[1] - body.upper.posterior[1]
    stops = [(0.8 * sac + 0.5, tall + 6, 4.5), (half - 3.5, tall - 4, 4.0), (half - 1.5, -tall, 2.5), (half + 2.0, -tall - 8, -5.0)]
    return _points(wall, up, back, stops, side)


def _points(origin: Path, up: Path, back: Path, stops: list[tuple[float, float, float]], side: int) -> Path:
    flat = np.array([origin + rise * up + behind * back for _, rise, behind in stops])
    return np.stack([side * np.array([stop[0] for stop in stops]), flat[:, 0], -flat[:, 1]], axis=-1)


def _root(volume: Volume, points: Path) -> None:
    """A rod along posed points; those through a foramen, which are more, carry a ganglion there."""
    radii = [ROOT_MM] * len(points)
    if len(points) > SACRAL_STOPS:
        radii[3:5] = [GANGLION_MM, GANGLION_MM]
    for first, last, low, high in zip(points, points[1:], radii, radii[1:], strict=False):
        window = volume.fine.grid.around(np.stack([first, last]), max(low, high) + 1)
        if window is None:
            continue
        x, y, z = volume.fine.grid.open(window)
        step = last - first
        place = [np.asarray(a - f, np.float32) for a, f in zip((x, y, z), first, strict=True)]
        t = np.clip(sum(p * np.float32(s) for p, s in zip(place, step, strict=True)) / np.float32(step @ step), 0, 1)
        away = np.sqrt(sum(np.square(p - t * np.float32(s)) for p, s in zip(place, step, strict=True)))
        cover = inside(away - (low + (high - low) * t), volume.fine.grid.spacing_mm)
        volume.fine.paint(window, cover, material("root"), least=TRACE)
