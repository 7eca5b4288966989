"""Radiographs: lumbar AP and lateral, the whole spine, chest. Crude 2-D projections, for refusing; they carry no truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spondyl.phantom.anatomy import Body, stack
from spondyl.phantom.bones import body_distance
from spondyl.phantom.canvas import Array, Canvas, blur, box, coverage, ellipse, local
from spondyl.phantom.curves import curves
from spondyl.phantom.other_mr import canvas_at, rough
from spondyl.phantom.spec import Acquisition, SubjectSpec


def _add(c: Canvas, distance: np.ndarray, amount: float | np.ndarray, edge_mm: float = 0.0) -> None:
    """Attenuation adds up along a ray."""
    c.signal += coverage(distance, max(c.pixel_mm, edge_mm)) * amount


def _bone(c: Canvas, distance: np.ndarray, inner: float, rim: float) -> None:
    """A bone's shadow: dense rim, lighter inside."""
    _add(c, distance, inner, 1.0)
    _add(c, np.abs(distance + 0.9) - 0.9, rim, 1.0)


def _film(c: Canvas, scan: Acquisition, rng: np.random.Generator) -> Array:
    """The film: bright where much was absorbed; contrast, collimation and marks vary."""
    value = blur(c.signal, 0.8 + scan.blur_px)
    value = value + np.float32(0.03) * rough(rng, c, 2) + np.float32(scan.noise) * rng.standard_normal(value.shape, dtype=np.float32)
    low, high = np.quantile(value[::5, ::5], (rng.uniform(0.0, 0.06), rng.uniform(0.965, 0.999)))
    value = np.clip((value - low) / max(high - low, 1e-6), 0, 1) ** rng.uniform(0.7, 1.5)
    if rng.random() < 0.5:
        rows, columns = value.shape
        top, left = int(rng.uniform(0, 0.06) * rows), int(rng.uniform(0, 0.16) * columns)
        mask = np.zeros_like(value)
        mask[top:rows - top or None, left:columns - left or None] = 1
        value = value * mask
    if rng.random() < 0.5:
        rows, columns = value.shape
        y, x = int(rng.uniform(0.03, 0.9) * rows), int(rng.choice([0.05, 0.88]) * columns)
        value[y:y + max(rows // 30, 3), x:x + max(columns // 50, 2)] = 1
    return np.asarray(value, np.float32)


def render_xray(spec: SubjectSpec, view: str, acquisition: Acquisition) -> Array:
    """A lumbar radiograph of that subject, `view` "ap" or "lateral" (front of the patient at the left)."""
    if view not in ("ap", "lateral"):
        raise ValueError(f"view is 'ap' or 'lateral', got {view!r}")
    rng = np.random.default_rng((spec.texture_seed, 13 + (view == "ap")))
    c = canvas_at(acquisition, (float(rng.normal(0, 8)), float(rng.uniform(-110, -70))), float(rng.normal(0, 4)))
    if view == "ap":
        _anteroposterior(c, spec, rng)
    else:
        _lateral(c, spec, rng)
    return _film(c, acquisition, rng)


def _gas(c: Canvas, rng: np.random.Generator, strength: float) -> None:
    blobs = np.clip(rough(rng, c, 22) + 0.4 * rough(rng, c, 9) - rng.uniform(0.7, 1.6), 0, 1)
    c.signal -= np.float32(strength) * blobs


Sway = Callable[[Array], Array]
"""x of the spine's middle at heights y."""


def _sway(bend: float, wave: float, start: float) -> Sway:
    return lambda y: np.asarray(bend * np.sin((y + 30) / wave + start), np.float32)


def _anteroposterior(c: Canvas, spec: SubjectSpec, rng: np.random.Generator) -> None:
    trunk = rng.uniform(130, 180)
    c.signal += np.sqrt(np.clip(1 - (c.x / trunk) ** 2, 0, 1)).astype(np.float32) * 1.2
    _gas(c, rng, 0.5)
    sway = _sway(rng.normal(0, 9), rng.uniform(50, 120), 0.0)
    for side in (-1, 1):
        _add(c, np.abs(c.x - side * (28 - 0.25 * (c.y + 40))) - 14, 0.12, 12)
        u, v = local(c.x, c.y, np.array([side * 88.0, 28.0]), side * 0.85)
        _bone(c, ellipse(u, v, 58, 30), 0.35, 0.35)
    spine = stack(spec)
    for body in spine.bodies:
        y, half = float(body.centre[1]), body.lower.depth * 0.64
        height = abs(float(body.upper.posterior[1] - body.lower.posterior[1])) / 2
        _ap_vertebra(c, sway, y, half, height * 1.02)
        if body.index >= spec.lumbar:
            band = c.part((0.0, y + 15), 200)
            across = np.abs(band.x - sway(band.y))
            arc = np.abs(band.y - y + 8 - 0.0036 * (across - 60) ** 2 - 0.12 * across) - 4.5
            _bone(band, np.maximum(arc, 20 - across), 0.14, 0.12)
    wedge = np.maximum(np.abs(c.x) - 52 + 0.45 * np.maximum(c.y, 0), np.maximum(-c.y - 4, c.y - 85))
    _bone(c, wedge + 1.5 * rough(rng, c, 9), 0.4, 0.2)


def _ap_vertebra(whole: Canvas, sway: Sway, y: float, half: float, height: float) -> None:
    """Body with a waist, two pedicle rings, the spinous drop, transverse processes."""
    c = whole.part((float(sway(np.array(y))), y), half + 34)
    x, v = c.x - sway(c.y), c.y - y
    waist = half - 3.5 * np.clip(1 - (v / height) ** 2, 0, 1)
    _bone(c, np.maximum(np.abs(x) - waist, np.abs(v) - height), 0.42, 0.38)
    for side in (-1, 1):
        _add(c, np.abs(ellipse(x - side * half * 0.68, v + height * 0.25, 4.2, 6.0)) - 0.8, 0.45)
        _bone(c, box(x - side * (half + 10), v + 2, 13, 3.6, 3.0), 0.14, 0.12)
    _bone(c, ellipse(x, v - height * 0.75, 3.8, 8.0), 0.3, 0.2)


def _lateral(c: Canvas, spec: SubjectSpec, rng: np.random.Generator) -> None:
    spine = stack(spec)
    lines = curves(spec, spine)
    skin, belly = lines.at(lines.skin, c.y), lines.at(lines.belly, c.y)
    middle, half = (skin + belly) / 2, np.maximum((skin - belly) / 2, 20)
    c.signal += (np.sqrt(np.clip(1 - ((c.x - middle) / half) ** 2, 0, 1)) * 1.3).astype(np.float32)
    _gas(c, rng, 0.45)
    for body in (*spine.sacrum[:4], *spine.bodies):
        _lateral_vertebra(c, body, body.index >= spec.lumbar)
    for shift in (0, 9):
        _bone(c, ellipse(c.x + 12 - shift, c.y - 30, 55, 34), 0.22, 0.16)


def _lateral_vertebra(whole: Canvas, body: Body, rib: bool) -> None:
    """Body, pedicle, spinous process, and a rib where it has one."""
    c = whole.part(body.centre, 34)
    u, v = local(c.x, c.y, body.centre, body.tilt)
    _bone(c, body_distance(body, u, v)[0], 0.42, 0.4)
    if body.index >= 0:
        reach = body.lower.depth / 2
        _bone(c, box(u - reach - 8, v - 6, 9, 5, 4), 0.2, 0.1)
        middle = body.centre + np.array([reach + 32.0, 12.0])
        c = whole.part(middle, 22)
        u, v = local(c.x, c.y, middle, body.tilt * 0.6 - 0.15)
        _bone(c, box(u, v, 15, 9, 6), 0.16, 0.1)
    if rib:
        c = whole.part(body.centre + np.array([-35.0, 40.0]), 75)
        line = np.abs((c.y - body.centre[1]) - 0.9 * (body.centre[0] + 10 - c.x)) - 4
        _bone(c, np.maximum(line, np.maximum(c.x - body.centre[0] - 20, body.centre[0] - 90 - c.x)), 0.12, 0.12)


def render_whole_spine(rng: np.random.Generator, scan: Acquisition) -> Array:
    """An AP film from the neck to the pelvis, straight or curved, as in scoliosis clinics."""
    c = canvas_at(scan, (float(rng.normal(0, 15)), float(rng.uniform(-250, -210))), float(rng.normal(0, 3)))
    trunk = 140 + 25 * np.sin((c.y + 100) / 160)
    c.signal += np.sqrt(np.clip(1 - (c.x / trunk) ** 2, 0, 1)).astype(np.float32)
    for side in (-1, 1):
        lung = ellipse(c.x - side * 68, c.y + 330, 52, 115)
        _add(c, lung, -0.55, 12)
    _add(c, ellipse(c.x - 25, c.y + 265, 52, 45), 0.35, 10)
    sway = _sway(rng.normal(0, 26), rng.uniform(80, 170), rng.uniform(0, 6.3))
    y, height = -14.0, 14.0
    for k in range(18):
        half = 29.0 - 0.9 * k
        _ap_vertebra(c, sway, y, half, height)
        if 5 <= k < 17:
            band = c.part((0.0, y + 12), 125)
            across = np.abs(band.x - sway(band.y))
            arc = np.abs(band.y - y - 0.0045 * (across - 20) ** 2 + 8) - 3.5
            _bone(band, np.maximum(arc, np.maximum(15 - across, np.abs(band.x) - 112 + 1.5 * max(k - 11, 0) ** 2)), 0.1, 0.12)
        y -= 2 * height + 6
        height *= 0.965
    for side in (-1, 1):
        u, v = local(c.x, c.y, np.array([side * 85.0, 38.0]), side * 0.85)
        _bone(c, ellipse(u, v, 58, 30), 0.35, 0.3)
    _bone(c, np.maximum(np.abs(c.x) - 50 + 0.5 * np.maximum(c.y, 0), np.maximum(-c.y, c.y - 80)), 0.35, 0.15)
    return _film(c, scan, rng)


def render_chest(rng: np.random.Generator, scan: Acquisition) -> Array:
    """A chest film."""
    c = canvas_at(scan, (float(rng.normal(0, 10)), float(rng.normal(0, 15))), float(rng.normal(0, 3)))
    c.signal += np.sqrt(np.clip(1 - (c.x / 190) ** 2, 0, 1)).astype(np.float32) * 1.1
    _add(c, np.maximum(np.abs(c.x) - 60 - 0.9 * (c.y + 150), c.y + 120), -0.3, 20)
    for side in (-1, 1):
        lung = np.maximum(ellipse(c.x - side * 78, c.y + 5, rng.uniform(55, 64), rng.uniform(120, 145)),
                          c.y - rng.uniform(85, 105) - 14 * np.cos((c.x - side * 78) / 40))
        _add(c, lung, -0.75 + 0.06 * rough(rng, c, 5), 9)
        for k in range(9):
            band = c.part((side * 76.0, 26 * k - 110), 62)
            arc = np.abs(band.y + 120 - 26 * k - 0.006 * (side * band.x - 70) ** 2 * (1 if k % 2 else -0.3)) - 4.5
            _bone(band, np.maximum(arc, np.maximum(18 - side * band.x, side * band.x - 135)), 0.1, 0.12)
        u, v = local(c.x, c.y, np.array([side * 62.0, -128.0]), side * 0.25)
        _bone(c, box(u, v, 62, 5, 5), 0.2, 0.15)
        _add(c, ellipse(c.x - side * 150, c.y + 120, 40, 60), 0.25, 20)
    _add(c, ellipse(c.x - 28, c.y - 48, rng.uniform(55, 75), rng.uniform(48, 60)), 0.6, 8)
    _add(c, np.abs(c.x) - 24, 0.35, 10)
    for k in range(12):
        piece = c.part((0.0, 25.0 * k - 150), 20)
        _bone(piece, box(piece.x, piece.y + 150 - 25 * k, 16, 10, 3), 0.06, 0.06)
    return _film(c, scan, rng)
