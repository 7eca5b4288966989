"""Painter of the canal as it would be with nothing pressing on it: epidural fat, dura, fluid, cord; and the yellow ligament."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.curves import HEIGHTS_MM
from spondyl.phantom.materials import material
from spondyl.phantom.solid.between import paint_between
from spondyl.phantom.solid.foramina import paint_foramina
from spondyl.phantom.solid.tube import Tube, slabs, tube_of
from spondyl.phantom.volume import TRACE, Array, Block, Volume, Window, inside

DURA_MM = 0.45
FLAVUM_HEALTHY_MM = 3.0
FLAVUM_DEG = 44.0
"""Angle of each half of the V against the coronal plane [O]."""
CORD_MM = (4.4, 3.5)
"""Half (width, depth) of the cord above its cone [O]."""


def paint_canal(volume: Volume) -> None:
    """Everything inside the bony canal and the foramina; what narrows them is painted over it later."""
    tube = tube_of(volume.spec, volume.spine)
    paint_between(volume, tube)
    for window in slabs(volume, tube, float(tube.half_width.max()) + 1, 3.0, 5.0):
        place = volume.posture.straighten(*volume.fine.grid.open(window))
        _paint_slab(volume, tube, window, place)
    paint_foramina(volume, tube)


def _paint_slab(volume: Volume, tube: Tube, window: Window, place: tuple[Array, Array, Array]) -> None:
    x, y, z = place
    block, edge = volume.fine, volume.fine.grid.spacing_mm
    bone, cosine, half = tube.at("bone_back", z), tube.at("cosine", z), tube.at("half_width", z)
    low = tube.at("back", z) - 2.5
    end = np.float32(-_end_of_fat(volume))
    d = np.maximum(np.maximum((y - bone) * cosine, (low - y) * cosine), np.maximum(np.abs(x) - half, end - z))
    d = np.maximum(d, flavum_depth(tube, place) - 0.5)
    _lay(block, window, inside(d, edge), "epidural_fat")
    _sac(volume, tube, *_cropped(window, place, float(tube.sac_half.max()) + 1.5))
    _flavum(volume, tube, window, place)


def _cropped(window: Window, place: tuple[Array, Array, Array], half_mm: float) -> tuple[Window, tuple[Array, Array, Array]]:
    """The columns of a window, and of its coordinates, that come so near to the midline."""
    near = np.flatnonzero((np.abs(place[0]) < half_mm).any(axis=(0, 1)))
    part = slice(int(near[0]), int(near[-1]) + 1) if len(near) else slice(0, 0)
    x, y, z = (p if p.shape[2] == 1 else p[:, :, part] for p in place)
    first = window[2].start
    return (window[0], window[1], slice(first + part.start, first + part.stop)), (x, y, z)


def _sac(volume: Volume, tube: Tube, window: Window, place: tuple[Array, Array, Array]) -> None:
    """Dura, fluid and cord."""
    d = sac_distance(tube, place)
    edge = volume.fine.grid.spacing_mm
    _lay(volume.fine, window, inside(d - DURA_MM, edge), "dura")
    _lay(volume.fine, window, inside(d, edge), "csf")
    _cord(volume, tube, window, place, d)


def sac_distance(tube: Tube, place: tuple[Array, Array, Array]) -> Array:
    """Signed distance (mm) to the sac as it would be with nothing pressing on it: oval, a little narrower behind."""
    x, y, z = place
    front, rear, cosine, half = (tube.at(name, z) for name in ("sac_front", "sac_back", "cosine", "sac_half"))
    deep = np.maximum((rear - front) / 2, 0.05)
    b = (y - (front + rear) / 2) / deep
    a = x / (np.maximum(half, 0.05) * (1 - 0.16 * np.clip(b, -1, 1)))
    aa, bb = a * a, b * b
    r = np.sqrt(aa + bb - np.float32(0.25) * np.minimum(aa * bb, 0.75))
    return np.asarray((r - 1) * np.minimum(deep * cosine, half) + 3 * (deep < 0.7), np.float32)


def _end_of_fat(volume: Volume) -> float:
    """y (down) below which the sacral canal is not painted."""
    return float(volume.spine.sacrum[3].centre[1])


def _cord(volume: Volume, tube: Tube, window: Window, place: tuple[Array, Array, Array], sac: Array) -> None:
    """The cord, tapering to its cone, a little behind the middle of the sac."""
    x, y, z = place
    taper = cord_taper(volume, z)
    if not taper.any():
        return
    front, rear, cosine = (tube.at(name, z) for name in ("sac_front", "sac_back", "cosine"))
    wide, deep = CORD_MM[0] * np.maximum(taper, 0.01), CORD_MM[1] * np.maximum(taper, 0.01)
    r = np.sqrt(np.square(x / wide) + np.square((y - front - 0.56 * (rear - front)) * cosine / deep))
    d = np.maximum((r - 1) * deep, sac + 0.8)
    _lay(volume.fine, window, inside(d, volume.fine.grid.spacing_mm) * (taper > 0), "cord")


def cord_taper(volume: Volume, z: Array) -> Array:
    """Size of the cord relative to its full one at heights z of the straight spine; 0 below its end."""
    middles = [body.centre[1] for body in volume.spine.bodies]
    cone = -float(np.interp(volume.spec.soft.conus, np.arange(len(middles)) + 0.5, middles))
    return np.asarray(np.clip((z - cone) / 26, 0, 1) ** 0.6, np.float32)


def _flavum(volume: Volume, tube: Tube, window: Window, place: tuple[Array, Array, Array]) -> None:
    """A V behind the sac at each disc level: it touches a healthy sac where it is 3 mm thick, and grows into it."""
    x, z = place[0], place[2]
    thick = _flavum_mm(volume, z)
    if not any(side.any() for side in thick):
        return
    out = flavum_depth(tube, place)
    own = np.where(x < 0, *thick)
    d = np.maximum(np.maximum(out, -out - own), np.abs(x) - tube.at("half_width", z) - 1)
    _lay(volume.fine, window, inside(d, volume.fine.grid.spacing_mm) * (own > 0.3), "flavum")


def flavum_depth(tube: Tube, place: tuple[Array, Array, Array]) -> Array:
    """Distance (mm) behind the outer surface of the yellow ligament, which lies 3 mm and a little behind a healthy sac."""
    x, y, z = place
    front, rear, cosine, half = (tube.at(name, z) for name in ("sac_front", "sac_back", "cosine", "sac_half"))
    deep = (rear - front) / 2 * cosine
    c, s = np.float32(np.cos(np.radians(FLAVUM_DEG))), np.float32(np.sin(np.radians(FLAVUM_DEG)))
    reach = np.sqrt(np.square(half * 0.96 * s) + np.square(deep * 1.04 * c)) + np.float32(0.7 + FLAVUM_HEALTHY_MM)
    return np.asarray(np.abs(x) * s + (y - (front + rear) / 2) * cosine * c - reach, np.float32)


def _flavum_mm(volume: Volume, z: Array) -> tuple[Array, Array]:
    """(right, left) thickness at heights z of the straight spine: full at each disc, gone under the laminae."""
    sides = [np.zeros_like(HEIGHTS_MM), np.zeros_like(HEIGHTS_MM)]
    for disc in volume.spine.discs:
        away = np.abs(HEIGHTS_MM - disc.ends[1][1] + 1.0)
        shape = np.clip((13.0 - away) / 5.0, 0, 1)
        for line, own in zip(sides, disc.spec.flavum_mm, strict=True):
            np.maximum(line, own * shape, out=line)
    right, left = (np.interp(-z, HEIGHTS_MM, line).astype(np.float32) for line in sides)
    return right, left


def _lay(block: Block, window: Window, cover: Array, name: str) -> None:
    """Traces are dropped, so that they do not push out what lies below."""
    shape = tuple(part.stop - part.start for part in window)
    block.paint(window, np.broadcast_to(cover, shape), material(name), least=TRACE)
