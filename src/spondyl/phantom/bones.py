"""Painters of vertebral bodies, discs and what comes out of discs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body, Disc, Plate
from spondyl.phantom.canvas import Array, Texture, Window, coverage, ellipse, local, rounded
from spondyl.phantom.scene import TEXTURE_MM, Scene
from spondyl.phantom.tissue import disc_signal, marrow_signal


def paint_bones(s: Scene) -> None:
    """Discs first, then the bodies over them, then what leaves the discs."""
    for disc in (*s.spine.remnants, *s.spine.discs):
        _paint_disc(s, disc)
    for body in (*s.spine.sacrum, *s.spine.bodies):
        _paint_body(s, body)
    for disc in s.spine.discs:
        if disc.spec.herniation_mm > 0:
            _paint_herniation(s, disc)


def _chord(plate: Plate, origin: NDArray[np.floating], tilt: float) -> tuple[float, float, float, float]:
    """(u, v) of the anterior and of the posterior corner in the local frame."""
    points = np.stack([plate.anterior, plate.posterior]).astype(np.float32)
    u, v = local(points[:, 0], points[:, 1], origin, tilt)
    return float(u[0]), float(v[0]), float(u[1]), float(v[1])


def _line(chord: tuple[float, float, float, float], u: Array) -> tuple[Array, Array]:
    """(t along the chord, v of the chord at u)."""
    u0, v0, u1, v1 = chord
    t = (u - u0) / max(u1 - u0, 1e-3)
    return t, v0 + t * (v1 - v0)


def body_distance(body: Body, u: Array, v: Array) -> tuple[Array, Array, Array, Array]:
    """Signed distance to a body in its local frame, with the depths below its lower and upper plate and t along it."""
    low, high = (_chord(plate, body.centre, body.tilt) for plate in (body.lower, body.upper))
    t_low, v_low = _line(low, u)
    t_high, v_high = _line(high, u)
    v_low = v_low + body.lower.into_body(t_low)
    v_high = v_high - body.upper.into_body(t_high)
    up = np.clip((v - low[1]) / max(high[1] - low[1], 1e-3), 0, 1)
    hollow = 4 * up * (1 - up)
    front = low[0] + up * (high[0] - low[0]) + body.wall_mm[0] * hollow
    rear = low[2] + up * (high[2] - low[2]) - body.wall_mm[1] * hollow
    for (ant, post), corner_front, corner_rear in zip(body.spurs_mm, (low[1], high[1]), (low[3], high[3]), strict=True):
        front = front - ant * np.exp(-(((v - corner_front) / 2.4) ** 2))
        rear = rear + post * np.exp(-(((v - corner_rear) / 2.0) ** 2))
    d = rounded(np.maximum(v - v_high, v_low - v), np.maximum(u - rear, front - u), 2.0)
    return d, v - v_low, v_high - v, t_low


def _paint_body(s: Scene, body: Body) -> None:
    c = s.canvas
    corners = np.stack([body.lower.anterior, body.lower.posterior, body.upper.anterior, body.upper.posterior])
    window = c.frame.window(corners, 6.0)
    if window is None:
        return
    x, y = c.x[window], c.y[window]
    u, v = local(x, y, body.centre, body.tilt)
    d, above_low, below_high, t = body_distance(body, u, v)
    c.paint(d, s.of["cortex"], window)
    value = _marrow(s, body, window, (u, v), (above_low, below_high, t))
    shell = 0.8 + 0.2 * s.lumps.at(x, y)
    inner = np.maximum(d + shell, np.maximum(1.05 - above_low, 0.85 - below_high))
    c.paint(inner, value, window)


def _marrow(s: Scene, body: Body, window: Window, place: tuple[Array, Array], depths: tuple[Array, Array, Array]) -> Array:
    """Signal of the marrow: its own texture, changed stripes along the plates, the vein's hollow, fatty spots."""
    x, y = s.canvas.x[window], s.canvas.y[window]
    u, v = place
    base = marrow_signal(body.fat, 0, s.scan)
    value = base * (1 + 0.05 * s.lumps.at(x, y) + 0.045 * s.grain.at(x, y) + 0.03 * s.fine.at(x, y))
    edge = s.lumps.at(y, x)
    for depth, (kind, thickness, span) in zip(depths[:2], modic_of(s, body), strict=True):
        if kind:
            share = modic_share(depth, depths[2], thickness, span, edge)
            value = value + share * (marrow_signal(body.fat, kind, s.scan) * (1 + 0.06 * s.grain.at(x, y)) - value)
    return _spots(s, body, value, u, v)


def _spots(s: Scene, body: Body, value: Array, u: Array, v: Array) -> Array:
    """The basivertebral vein at the back, and a haemangioma where there is one."""
    half = body.lower.depth / 2
    if body.index >= 0:
        vein = coverage(ellipse(u - half + 2.0, v, 4.5, 1.9), 2.0) * 0.75
        value = value + vein * (0.5 * (s.of["blood"] + s.of["fat"]) - value)
        at_u, at_v, radius = s.spec.vertebrae[body.index].haemangioma
        if radius > 0:
            height = s.spec.vertebrae[body.index].posterior_height_mm
            spot = coverage(ellipse(u - (2 * at_u - 1) * (half - radius), v - (2 * at_v - 1) * (height / 2 - radius), radius, radius), 2.5)
            value = value + 0.8 * spot * (marrow_signal(0.8, 0, s.scan) * 1.1 - value)
    return value


def modic_of(s: Scene, body: Body) -> tuple[tuple[int, float, tuple[float, float]], tuple[int, float, tuple[float, float]]]:
    """(type, thickness, span) of the changed marrow at the lower and at the upper plate of a body."""
    none = (0, 0.0, (0.0, 1.0))
    discs = s.spec.discs
    own = discs[body.index] if body.index >= 0 else None
    above = discs[body.index + 1] if -1 <= body.index < len(discs) - 1 else None
    return ((own.modic[0], own.modic_mm[0], own.modic_span) if own else none,
            (above.modic[1], above.modic_mm[1], above.modic_span) if above else none)


def modic_share(depth: Array, t: Array, thickness: float, span: tuple[float, float], edge: Array) -> Array:
    """Share of changed marrow at a depth below the plate, at t along it."""
    limit = thickness * (1 + 0.22 * edge) * np.clip(1.3 - 0.8 * np.abs(t - (span[0] + span[1]) / 2), 0.3, 1.2)
    inside = coverage(np.maximum(span[0] - t, t - span[1]) * 30 + 1.5 * edge, 3.0)
    return coverage(depth - limit, 2.2) * inside


def disc_t2(disc: Disc, u: Array, v: Array, noise: Array) -> Array:
    """T2 map of a disc in its local frame, ms: nucleus, annulus, dark outer fibres, cleft, fissure. `noise` is about N(0, 1)."""
    spec = disc.spec
    half = (disc.above.depth + disc.below.depth) / 4
    height = spec.expected_mm * (1 - spec.height_loss)
    at_u, at_v = (u + 0.06 * half) / (0.62 * half), v / (0.56 * height + 0.8)
    core = coverage((np.hypot(at_u, at_v) - 1 + 0.10 * noise * (1.2 - spec.homogeneity)) * 2.0, 0.5 + 0.9 * (1 - spec.homogeneity))
    patch = 1 + (0.03 + 0.20 * (1 - spec.homogeneity)) * noise
    t2 = spec.annulus_t2_ms + core * (spec.nucleus_t2_ms * patch - spec.annulus_t2_ms)
    cleft = coverage(np.abs(v + 0.3 * noise) - 0.5, 1.0) * coverage(np.abs(at_u) * 5 - 4, 2.0)
    t2 = t2 * (1 - 0.35 * cleft * (spec.homogeneity < 0.88))
    rim = np.clip((np.abs(u) - 0.66 * half) / (0.34 * half), 0, 1)
    t2 = t2 * (1 - 0.62 * rim * rim)
    if spec.fissure > 0:
        spot = coverage(ellipse(u - 0.93 * half, v, 2.2, 1.3), 1.2)
        t2 = t2 + spot * (90 * spec.fissure + 40 - t2)
    return np.maximum(t2, 8.0)


def disc_distance(disc: Disc, u: Array, v: Array, grow_mm: float = 0.0) -> Array:
    """Signed distance to a disc in its local frame; `grow_mm` lets it reach under the plates."""
    above, below = (_chord(plate, disc.centre, disc.tilt) for plate in (disc.above, disc.below))
    t_above, v_above = _line(above, u)
    t_below, v_below = _line(below, u)
    v_above = v_above + disc.above.into_body(t_above) + grow_mm
    v_below = v_below - disc.below.into_body(t_below) - grow_mm
    span = np.clip((v - below[1]) / max(above[1] - below[1], 1e-3), 0, 1)
    belly = 1 - (2 * span - 1) ** 2
    front = below[0] + span * (above[0] - below[0]) - disc.spec.bulge_mm[0] * belly
    span = np.clip((v - below[3]) / max(above[3] - below[3], 1e-3), 0, 1)
    rear = below[2] + span * (above[2] - below[2]) + disc.spec.bulge_mm[1] * (1 - (2 * span - 1) ** 2)
    return rounded(np.maximum(v - v_above, v_below - v), np.maximum(u - rear, front - u), 0.8)


def _paint_disc(s: Scene, disc: Disc) -> None:
    c = s.canvas
    window = c.frame.window(disc.corners, 9.0)
    if window is None:
        return
    x, y = c.x[window], c.y[window]
    u, v = local(x, y, disc.centre, disc.tilt)
    noise = disc_noise(s, u, v, disc.index)
    value = disc_signal(disc_t2(disc, u, v, noise), s.scan)
    d = disc_distance(disc, u, v, 1.2)
    c.paint(d - 0.9, s.of["ligament"] * 0.5, window)
    c.paint(d, value, window)


def disc_noise(s: Scene, u: Array, v: Array, index: int) -> Array:
    """The disc's own texture: fixed to the disc, the same in every picture of the subject."""
    return _noise(s.grain, s.fine, u, v, index)


def disc_noise_of(texture_seed: int, u: Array, v: Array, index: int) -> Array:
    """The same texture without a scene."""
    fine, grain = (Texture(texture_seed, stream, scale) for stream, scale in enumerate(TEXTURE_MM[:2]))
    return _noise(grain, fine, u, v, index)


def _noise(grain: Texture, fine: Texture, u: Array, v: Array, index: int) -> Array:
    shift = np.float32(31.0 * index)
    return 0.75 * grain.at(u + shift, v, (1.8, 0.8)) + 0.35 * fine.at(u, v + shift)


def herniation_distance(disc: Disc, u: Array, v: Array) -> Array:
    """Signed distance to the extension, in the frame at the posterior end of the disc's mid-line (u backward)."""
    height = disc.spec.expected_mm * (1 - disc.spec.height_loss)
    radius = herniation_radius(disc)
    tip_u, tip_v = disc.spec.herniation_mm - radius, disc.spec.herniation_up * height
    du, dv = tip_u + 5.0, tip_v
    t = np.clip(((u + 5.0) * du + v * dv) / (du * du + dv * dv), 0, 1)
    wide = np.float32(radius) * (0.75 + 0.25 * t)
    return np.hypot(u + 5.0 - t * du, v - t * dv) - wide


def herniation_radius(disc: Disc) -> float:
    """Radius of the tip, mm."""
    height = disc.spec.expected_mm * (1 - disc.spec.height_loss)
    return float(min(max(0.42 * height, 2.4), 4.2, disc.spec.herniation_mm - 0.5))


def _paint_herniation(s: Scene, disc: Disc) -> None:
    c = s.canvas
    end = disc.ends[1]
    window = c.frame.window(end[None], disc.spec.herniation_mm + 12)
    if window is None:
        return
    x, y = c.x[window], c.y[window]
    u, v = local(x, y, end, disc.tilt)
    d = np.maximum(herniation_distance(disc, u, v), -2.0 - u)
    c.paint(d - 0.8, s.of["ligament"] * 0.6, window)
    t2 = np.maximum(disc.spec.annulus_t2_ms * 1.15 * (1 + 0.15 * s.grain.at(x, y)), 10).astype(np.float32)
    c.paint(d, disc_signal(t2, s.scan), window)
