"""Painter of what fills a vertebral body: marrow, its bands along the plates, the vein, spots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Body
from spondyl.phantom.materials import marrow, material
from spondyl.phantom.solid.shapes import Array, lay_bone
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Volume, Window

if TYPE_CHECKING:
    from spondyl.phantom.solid.bodies import Shaped

Codes = NDArray[np.uint8]
ROUND_ENDS = 7.0
"""A band thins out over the last seventh of the plate at either end of its span [O]."""


def paint_marrow(volume: Volume, body: Body, window: Window, place: tuple[Array, Array, Array], shaped: Shaped,
                 shell: Codes, shell_mm: Array) -> None:
    """Lay a body's filling and its shell."""
    codes = np.full(shaped.distance.shape, marrow(body.index), np.uint8)
    for plate in bands(volume.spec, body):
        _band(codes, body, plate, place[0], shaped)
    if body.index >= 0:
        _spots(codes, volume.spec, body, place)
    lay_bone(volume.fine, window, shaped.distance, codes, shell, shell_mm)


def bands(spec: SubjectSpec, body: Body) -> tuple[tuple[bool, int, float, tuple[float, float], float], ...]:
    """(at the upper plate, Modic type, its depth in mm, span along the plate, depth of sclerosis in mm) at both plates of a body."""
    discs = spec.discs
    rows = []
    if body.index >= 0:
        own = discs[body.index]
        rows.append((False, own.modic[0], own.modic_mm[0], own.modic_span, own.sclerosis_mm[0]))
    if -1 <= body.index < len(discs) - 1:
        over = discs[body.index + 1]
        rows.append((True, over.modic[1], over.modic_mm[1], over.modic_span, over.sclerosis_mm[1]))
    return tuple(rows)


def _band(codes: Codes, body: Body, plate: tuple[bool, int, float, tuple[float, float], float], u: Array, shaped: Shaped) -> None:
    """Changed marrow beside one plate: a lens over the span, its edge waved by 15 % [O]."""
    upper, kind, thick, span, dense = plate
    depth, t = (shaped.below_high, shaped.t_high) if upper else (shaped.above_low, shaped.t_low)
    if dense > 0:
        codes[depth < dense * (1 + np.float32(0.15) * np.sin(np.float32(0.17) * u + t * 7))] = marrow(body.index, "dense")
    if kind:
        middle = np.float32((span[0] + span[1]) / 2)
        limit = thick * np.clip(np.float32(1.3) - np.float32(0.8) * np.abs(t - middle), 0.3, 1.2) * (1 - np.float32(0.5) * shaped.side**2)
        ripple = np.float32(0.08) * np.sin(np.float32(0.5) * u + t * 19)
        limit = limit * (1 + np.float32(0.15) * np.sin(np.float32(0.2) * u + t * 9) + ripple)
        inner = np.float32(max((span[1] - span[0]) / 2, 0.02)) - np.abs(t - middle)
        limit = limit * np.sqrt(np.clip(inner * np.float32(ROUND_ENDS), 0, 1))
        codes[depth < limit] = marrow(body.index, f"modic{kind}")


def _spots(codes: Codes, spec: SubjectSpec, body: Body, place: tuple[Array, Array, Array]) -> None:
    """The basivertebral vein, a fatty and a dense spot."""
    u, v, w = place
    own = spec.vertebrae[body.index]
    half, tall = body.lower.depth / 2, own.posterior_height_mm / 2
    _vein(codes, spec, body, place)
    at_v, at_w, radius = own.haemangioma
    if radius > 0:
        centre = ((2 * at_v - 1) * (half - radius), (2 * at_w - 1) * (tall - radius))
        codes[_ball(u, v - np.float32(centre[0]), w - np.float32(centre[1]), radius)] = material("haemangioma")
    if own.lesion.radius_mm > 0:
        size = (sum(own.width_mm) / 4, half, tall)
        at = [np.float32(a * s) for a, s in zip(own.lesion.at, size, strict=True)]
        codes[_ball(u - at[0], v - at[1], w - at[2], own.lesion.radius_mm)] = material("lesion")


def _vein(codes: Codes, spec: SubjectSpec, body: Body, place: tuple[Array, Array, Array]) -> None:
    """The basivertebral vein: a wedge from the back wall that branches forward; its own size in each, hardly seen in half."""
    rng = np.random.default_rng((spec.texture_seed, 53, body.index))
    seen, at, wide, long, tall, bend = (float(x) for x in rng.uniform(size=6))
    if seen < 0.3:
        return
    size = 0.55 if seen < 0.55 else 1.0
    length, height, middle = size * (6.0 + 9.0 * long), size * (1.4 + 1.6 * tall), 4.0 * (at - 0.45)
    u, v, w = place
    if float(w.min()) > middle + 4 or float(w.max()) < middle - 5:
        return
    behind = body.lower.depth / 2 - 0.8 * spec.vertebrae[body.index].wall_mm[1] - length
    near = (v > np.float32(behind)) & (np.abs(w - np.float32(middle)) < np.float32(1.4 * height + 1.5))
    own = np.flatnonzero(near & (np.abs(u) < np.float32(3.5 + 0.3 * length)))
    u, v, w = (np.broadcast_to(a, codes.shape).reshape(-1)[own] for a in (u, v, w))
    ahead = np.float32(behind + length) - v
    level = w - np.float32(middle) - np.float32(0.25 * (bend - 0.5)) * ahead
    rough = 1 + np.float32(0.3) * np.sin(np.float32(1.3) * u + 7 * bend) * np.sin(np.float32(0.9) * ahead + 9 * at)
    thick = np.float32(height) * (1 - ahead * np.float32(1 / length)) * rough
    woven = np.sin(np.float32(2.9) * u + np.float32(1.1) * ahead + 5 * long) > np.float32(0.3 - 0.9 * wide)
    beside = np.abs(u) - np.float32(size * (1.5 + 2.0 * wide)) - np.float32(0.3) * ahead
    codes.reshape(-1)[own[(np.abs(level) < thick) & (beside < 0) & woven]] = material("blood")


def _ball(u: Array, v: Array, w: Array, radius: float) -> NDArray[np.bool_]:
    return np.asarray(u * u + v * v + w * w < radius * radius, np.bool_)
