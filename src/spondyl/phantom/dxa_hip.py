"""A hip as a DXA scanner sees it: upper femur, hip joint and part of the pelvis, with the regions that are measured. For refusing.

Coordinates are mm in the picture: x to the patient's outer side, y down; the axes of neck and shaft meet at (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.canvas import Array, Canvas, Frame, ellipse
from spondyl.phantom.dxa_shadows import DxaMap, Point, Solid, capsule, density_words, flesh, join, limb, tube
from spondyl.phantom.other_mr import rough

PELVIS: tuple[tuple[Point, Point, Point], ...] = (
    ((-9, -9), (-14, 3), (33, 26)), ((-30, -16), (-36, 8), (17, 16)), ((-34, 6), (-86, 30), (10, 10)), ((-33, 14), (-38, 58), (13, 12)),
    ((-40, 62), (-88, 46), (9, 7)), ((-90, 30), (-94, 52), (12, 9)),
)
"""Around the middle of the head: socket, its inner wall, pubis, ischium, their lower branch, symphysis; start, end and the radii there."""


@dataclass(frozen=True, slots=True)
class _Femur:
    """The drawn shape.

    Attributes:
        neck, side: Unit vectors along the neck toward the head, and across it toward the trochanter's tip.
        head_mm: Radius of the head; `length_mm` from the axes' meeting to its middle; `neck_mm` and `shaft_mm` half widths.
        cortex_mm: Of the shaft.
        spongy: g/cm3 of trabecular bone in the neck.
    """

    neck: NDArray[np.float64]
    side: NDArray[np.float64]
    head_mm: float
    length_mm: float
    neck_mm: float
    shaft_mm: float
    cortex_mm: float
    spongy: float

    @property
    def head(self) -> Point:
        return self.at(self.length_mm)

    def at(self, along: float, across: float = 0.0) -> Point:
        """The point that far along the neck and to its upper side."""
        x, y = self.neck * along + self.side * across
        return float(x), float(y)


def hip(rng: np.random.Generator, shape: tuple[int, int] | None = None) -> DxaMap:
    """A hip, left or right, of a random person in a random field; `shape` fixes its (rows, columns)."""
    pixel = float(rng.uniform(0.55, 1.25))
    field = rng.uniform(115, 185), rng.uniform(95, 165)
    rows, columns = shape or (int(field[0] / pixel), int(field[1] / pixel))
    pixel = field[0] / rows
    centre = float(rng.uniform(-28, -4)), float(rng.uniform(-12, 32))
    c = Canvas(Frame(rows, columns, (pixel, pixel), centre, float(rng.normal(0, 6))))
    femur = _femur(rng)
    c.signal += _femur_shadow(rng, c, femur) + _pelvis_shadow(rng, c, femur)
    if rng.random() < 0.05:
        _prosthesis(c, femur)
    shown = DxaMap(c.signal, _thigh(rng, c), _regions(rng, c, femur), density_words(rng, _names(rng)))
    return shown.mirrored() if rng.random() < 0.5 else shown


def _femur(rng: np.random.Generator) -> _Femur:
    angle, size = np.radians(rng.normal(52, 4.5)), rng.uniform(0.88, 1.14)
    neck = np.array([-np.sin(angle), -np.cos(angle)])
    length, narrow, shaft, cortex = (float(rng.uniform(*ends)) * size for ends in ((47, 57), (14, 17), (13.5, 16), (2.5, 5.5)))
    side = np.array([np.cos(angle), -np.sin(angle)])
    return _Femur(neck, side, 23.5 * size, length, narrow, shaft, cortex, float(rng.uniform(0.07, 0.24)))


def _femur_shadow(rng: np.random.Generator, c: Canvas, f: _Femur) -> Array:
    """Head, neck, both trochanters and shaft as one bone."""
    s = f.head_mm / 23.5
    tip, lesser = (float(rng.uniform(13, 18)) * s, float(rng.uniform(-29, -20)) * s), (float(rng.uniform(-21, -14)) * s, 31.0 * s)
    wide, thick = f.shaft_mm, f.cortex_mm
    bone = limb(c, (0.0, 28.0 * s), (float(rng.uniform(-4, 8)), 190.0), (wide * 1.08, wide), (thick * 0.8, thick * 1.15))
    for start, stop, radius, cortex, soft in (
        ((-2.0 * s, 16.0 * s), (4.0 * s, -5.0 * s), (18.0 * s, 16.0 * s), (thick * 0.45, 1.2), 8.0),
        ((-11.0 * s, 27.0 * s), lesser, (8.5 * s, 5.5 * s), (1.6, 1.2), 5.0),
        ((12.0 * s, 8.0 * s), tip, (15.5 * s, 10.5 * s), (1.4, 0.9), 6.0),
        (f.at(2), f.at(f.length_mm - 6), (f.neck_mm + 4.0, f.neck_mm - 0.5), (1.8, 1.1), 6.0),
        (f.head, f.at(f.length_mm + 1), (f.head_mm, f.head_mm), (0.9, 0.9), 5.0),
    ):
        distance, half, wall = limb(c, start, stop, radius, cortex)
        bone = join(bone, (distance, np.maximum(half, 14.0 * s), wall), soft * s)
    calcar = f.at(16 * s, -f.neck_mm - 1)
    dense = 3.2 * np.exp(-((c.x - calcar[0]) ** 2 + (c.y - calcar[1]) ** 2) / (2 * (13 * s) ** 2))
    return tube((bone[0], bone[1], bone[2] + dense), 0.95, f.spongy * _trabeculae(rng, c, f, calcar))


def _trabeculae(rng: np.random.Generator, c: Canvas, f: _Femur, calcar: Point) -> Array:
    """Relative density inside: the bundle from the head's top to the calcar, the arc over it, Ward's triangle between them."""
    top = f.head[0] + 3.0, f.head[1] - 0.75 * f.head_mm
    bundle = np.exp(-np.square((capsule(c, top, calcar, 0.0, 0.0)) / 8.0))
    arc = np.exp(-np.square((np.abs(np.hypot(c.x - calcar[0] + 8, c.y - calcar[1] - 14) - 42 * f.head_mm / 23.5)) / 5.0))
    ward = f.at(20, 2)
    hole = np.exp(-((c.x - ward[0]) ** 2 + (c.y - ward[1]) ** 2) / (2 * 8.5**2))
    grain = 0.07 * rough(rng, c, 2.0) + 0.06 * rough(rng, c, 9.0)
    fade = np.clip(1 - (c.y - 15) / 45, 0.15, 1)
    return np.asarray(np.clip(0.95 + 0.75 * bundle + 0.4 * arc - 0.55 * hole + grain, 0.1, 3) * fade, np.float32)


def _pelvis_shadow(rng: np.random.Generator, c: Canvas, f: _Femur) -> Array:
    """Ilium over the joint, socket, pubis and ischium around the dark foramen."""
    x, y = f.head
    s, away, gap = f.head_mm / 23.5, float(rng.uniform(-5, 5)), float(rng.uniform(2.0, 4.0))

    def part(start: Point, stop: Point, radius: Point) -> Solid:
        first, last = ((x + px * s, y + py * s + away * (px < -50)) for px, py in (start, stop))
        return limb(c, first, last, (radius[0] * s, radius[1] * s), (1.1, 1.1))

    bone = part((-16, -34), (-32, -112), (25, 48))
    for start, stop, radius in PELVIS:
        bone = join(bone, part(start, stop, radius), 8 * s)
    away_from_head = np.hypot(c.x - x, c.y - y) - f.head_mm
    distance = np.maximum(bone[0], gap - away_from_head)
    roof = 2.2 * np.exp(-np.square((away_from_head - gap - 2) / 4)) * np.clip((y - c.y + 6) / 20, 0, 1)
    shadow = tube((distance, np.minimum(bone[1], 13.0), 1.0 + roof), 0.9, rng.uniform(0.06, 0.2) * (1 + 0.1 * rough(rng, c, 3.0)))
    walls = np.maximum(away_from_head - 3, (c.x - x) + 0.35 * (c.y - y) - rng.uniform(-4, 10))
    rim = np.exp(-np.square(walls / 1.6)) * (away_from_head < 3)
    return np.asarray(shadow + rng.uniform(0.12, 0.4) * np.clip(0.5 - walls / 2, 0, 1) + 0.15 * rim, np.float32)


def _prosthesis(c: Canvas, f: _Femur) -> None:
    """A metal stem and head in place of bone."""
    metal = np.minimum(capsule(c, (1.0, -8.0), (2.0, 110.0), 11.0, 6.0), capsule(c, (0.0, -4.0), f.head, 8.0, 7.0))
    metal = np.minimum(metal, ellipse(c.x - f.head[0], c.y - f.head[1], 15.0, 15.0))
    c.signal += np.float32(6.0) * np.clip(0.5 - metal, 0, 1)


def _thigh(rng: np.random.Generator, c: Canvas) -> Array:
    """Hip and thigh, the skin at the outer side, mostly the gap between the thighs."""
    outline = c.x - rng.uniform(42, 105) + rng.uniform(0, 0.25) * c.y
    if rng.random() < 0.7:
        gap = np.maximum(c.x + rng.uniform(52, 80) - 0.1 * c.y, rng.uniform(45, 85) - c.y)
        outline = np.maximum(outline, -gap)
    return flesh(rng, c, np.asarray(outline, np.float32), rng.uniform(9, 26), rng.uniform(30, 80))


def _regions(rng: np.random.Generator, c: Canvas, f: _Femur) -> tuple[NDArray[np.float64], ...]:
    """Neck box, Ward's square, the lines under the trochanter, the axis of the neck, the frame of the whole region; some of them."""
    half, wide = f.neck_mm + rng.uniform(3, 7), rng.uniform(6, 9)
    mid = 0.55 * f.length_mm
    box = [f.at(mid - wide, -half), f.at(mid + wide, -half), f.at(mid + wide, half), f.at(mid - wide, half)]
    ward = [f.at(mid - 14 + a, b) for a, b in ((-5, -5), (5, -5), (5, 5), (-5, 5))]
    low = rng.uniform(38, 60)
    found = [_closed(box), _closed(ward), [f.at(4, -half), f.at(4, half + 16)], [(-30.0, low), (32.0, low)],
             [f.at(-32), f.at(f.length_mm + f.head_mm + 4)]]
    frame = [(f.head[0] - 30, f.head[1] - 32), (38.0, f.head[1] - 32), (38.0, low + 6), (f.head[0] - 30, low + 6)]
    found = [line for line in found if rng.random() < 0.8]
    pixels = [c.frame.to_pixels(np.array(line, np.float64)) for line in found]
    if rng.random() < 0.5:
        (left, top), (right, bottom) = (edge(c.frame.to_pixels(np.array(frame)), axis=0) for edge in (np.min, np.max))
        pixels.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]))
    return tuple(pixels)


def _closed(corners: list[Point]) -> list[Point]:
    return [*corners, corners[0]]


def _names(rng: np.random.Generator) -> tuple[str, ...]:
    """The regions by one maker's names or another's."""
    return ("NECK", "TROCH", "INTER", "TOTAL", "WARDS") if rng.random() < 0.5 else ("NECK", "WARD", "TROCH", "SHAFT", "TOTAL")
