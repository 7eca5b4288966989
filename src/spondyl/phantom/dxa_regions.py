"""A forearm, a whole body and a coarse spine as a DXA scanner sees them, all in mm, y down. For refusing, or small on a page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.canvas import Array, Canvas, Frame, box, ellipse, local
from spondyl.phantom.dxa_shadows import DxaMap, Point, Solid, capsule, density_words, flesh, limb, tube
from spondyl.phantom.other_mr import rough

Limb = tuple[Point, Point, Point]
"""Start and end, (x, y) mm, and the radius at either."""


def forearm(rng: np.random.Generator) -> DxaMap:
    """Radius and ulna with the wrist, fingers up or down, left or right."""
    pixel, height, width = float(rng.uniform(0.55, 1.1)), rng.uniform(130, 230), rng.uniform(70, 130)
    centre = float(rng.normal(0, 5)), float(height / 2 - rng.uniform(20, 55))
    c = Canvas(Frame(int(height / pixel), int(width / pixel), (pixel, pixel), centre, float(rng.normal(0, 4))))
    size, thick, spongy = rng.uniform(0.85, 1.15), rng.uniform(1.8, 3.4), rng.uniform(0.08, 0.3)
    bow = rng.uniform(2, 7)
    shafts = ((-9.0, 7.0, 8.5, 0.0, -1.0), (14.0, 5.8, 3.5, 5.0, 0.5))
    for middle, half, flare, end, side in shafts:
        y = np.maximum(c.y - end, 0)
        wide = (half + flare * np.exp(-np.square(y / 19)) + (2.5 * np.clip((y - 150) / 80, 0, 1) if side > 0 else 0)) * size
        x = c.x - (middle + side * bow * np.sin(np.clip(y, 0, 230) / 73)) * size
        outline = np.maximum(np.abs(x) - wide, end - c.y - np.minimum(wide - np.abs(x), 3))
        c.signal += tube((np.asarray(outline, np.float32), np.minimum(wide, 9.5), np.clip(0.7 + thick * y / 45, 0, thick)), 1.05,
                         spongy * (1 + 0.2 * rough(rng, c, 2.5)) * np.exp(-y / 60))
    for start, stop, radius in _hand(rng, float(size)):
        c.signal += tube(limb(c, start, stop, radius, (0.8, 1.2)), 0.9, 0.22)
    skin = np.minimum(capsule(c, (2, 20), (2, 320), 27, 46), capsule(c, (0, -75), (0, 10), 38, 26)) * size
    c.signal[...] = np.maximum(c.signal, 0)
    soft = flesh(rng, c, skin, rng.uniform(3, 9), 24)
    shown = DxaMap(c.signal, soft, _forearm_lines(rng, c), density_words(rng, ("UD", "MID", "1/3", "TOTAL")))
    shown = shown.mirrored() if rng.random() < 0.5 else shown
    return shown.flipped() if rng.random() < 0.3 else shown


def _hand(rng: np.random.Generator, size: float) -> Iterator[Limb]:
    """Eight carpals and five metacarpals."""
    for x, y, r in ((-15, -7, 8), (-3, -8, 8), (8, -8, 6), (14, -12, 5), (-20, -20, 6), (-11, -21, 6), (-1, -22, 8), (10, -22, 7)):
        yield (x * size, y * size), (x * size + rng.uniform(-2, 2), y * size - rng.uniform(0, 3)), (r * size * 0.85, r * size * 0.8)
    for k in range(5):
        foot = (-24 + 9.5 * k) * size, (-31 if k else -24) * size
        yield foot, (foot[0] + (-26 if k == 0 else -6 + 4 * k), foot[1] - 52 * size), (4.6, 4.0)


def _forearm_lines(rng: np.random.Generator, c: Canvas) -> tuple[NDArray[np.float64], ...]:
    """Borders of the ultradistal, middle and third regions, across both bones, and the frame."""
    ends = -28.0, 30.0
    heights = [9.0, 24.0, *(rng.uniform(70, 90) + np.array([0.0, 20.0]))]
    found = [[(ends[0], y), (ends[1], y)] for y in heights if rng.random() < 0.85]
    found.append([(2.0, heights[0]), (4.0, heights[-1])])
    if rng.random() < 0.6:
        found.append([(ends[0], -3.0), (ends[1], -3.0), (ends[1], heights[-1]), (ends[0], heights[-1]), (ends[0], -3.0)])
    return tuple(c.frame.to_pixels(np.array(line, np.float64)) for line in found)


def body(rng: np.random.Generator) -> DxaMap:
    """A whole person, lying on the back, from the crown to the toes."""
    pixel, wide = float(rng.uniform(4.2, 7.5)), rng.uniform(0.85, 1.3)
    height, width = rng.uniform(1780, 1960), rng.uniform(600, 720)
    c = Canvas(Frame(int(height / pixel), int(width / pixel), (pixel, pixel), (float(rng.normal(0, 12)), 890.0), float(rng.normal(0, 1.0))))
    spread = float(rng.uniform(-18, 40)), float(rng.uniform(-10, 30))
    c.signal += tube((ellipse(c.x, c.y - 105, 73, 98), 60.0, 7.0), 1.0, 0.02) + tube((ellipse(c.x, c.y - 200, 45, 36), 30.0, 5.0), 0.8, 0.1)
    for y in np.linspace(235, 790, 24):
        half = float(np.interp(y, [235, 330, 790], [15, 17, 27]))
        part = c.part((0.0, float(y)), 50)
        part.signal += tube((box(part.x, part.y - np.float32(y), half, 10.5, 4), 16.0, 1.6), 1.0, 0.22)
    for k in range(11):
        _ribs(c, 330.0 + 33 * k, 92 + 6.5 * k - 0.35 * k * k)
    sacrum = np.maximum(np.abs(c.x) - 52 + 0.42 * np.maximum(c.y - 800, 0), np.maximum(795 - c.y, c.y - 905))
    c.signal += tube((sacrum, 14.0, 1.5), 0.9, 0.15)
    for side in (-1, 1):
        for start, stop, radius in _bones(spread):
            long = float(np.hypot(stop[0] - start[0], stop[1] - start[1]))
            part = c.part((side * (start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2), long / 2 + 50)
            thick = 0.32 * min(radius)
            part.signal += tube(limb(part, (side * start[0], start[1]), (side * stop[0], stop[1]), radius, (thick, thick)), 0.9, 0.16)
        _iliac(c, side)
    soft = _person(rng, c, wide, spread)
    words = density_words(rng, ("HEAD", "ARMS", "LEGS", "TRUNK", "RIBS", "PELVIS", "SPINE"))
    return DxaMap(c.signal * np.float32(rng.uniform(0.7, 1.2)), soft, _body_lines(rng, c), words)


def _ribs(c: Canvas, y: float, reach: float) -> None:
    """A pair of ribs: from the spine outward, and on in front of the chest."""
    part = c.part((0.0, y + 30), 170)
    across = np.abs(part.x)
    rear = np.abs(part.y - y - 0.0022 * np.square(across - 30)) - 5.5
    front = np.abs(part.y - y - 62 + 0.0030 * np.square(across - 45)) - 5.0
    part.signal += tube((np.maximum(rear, np.maximum(18 - across, across - reach)), 5.0, 1.0), 0.8, 0.2)
    part.signal += tube((np.maximum(front, np.maximum(55 - across, across - reach)), 4.5, 0.8), 0.6, 0.15)


def _iliac(c: Canvas, side: int) -> None:
    """Wing of the pelvis, socket, and the ring around the foramen."""
    part = c.part((side * 85.0, 850.0), 130)
    u, v = local(part.x, part.y, np.array([side * 88.0, 808.0]), side * 0.75)
    part.signal += tube((ellipse(u, v, 68, 46), 9.0, 1.5), 0.9, 0.1)
    ring = np.abs(ellipse(part.x - side * 42, part.y - 932, 34, 30)) - 9
    part.signal += tube((np.asarray(ring, np.float32), 9.0, 1.8), 0.9, 0.2)


def _bones(spread: tuple[float, float]) -> Iterator[Limb]:
    """Bones of one side: shoulder, arm and leg; the hand lies `spread[0]` mm farther out than the elbow, the foot `spread[1]`."""
    hand, foot = spread
    yield (14, 338), (165, 312), (8, 8)
    yield (128, 345), (112, 445), (30, 10)
    yield (180, 345), (181, 350), (27, 26)
    yield (186, 350), (215 + hand / 3, 628), (14, 13)
    yield (216 + hand / 3, 632), (217 + hand / 3, 640), (25, 24)
    for shift in (-9, 10):
        yield (217 + hand / 3 + shift, 645), (240 + hand + shift, 885), (9, 9)
    yield (240 + hand, 900), (242 + hand, 915), (19, 19)
    for k in range(5):
        yield (226 + hand + 7 * k, 925), (214 + hand + 15 * k, 1030 - 12 * abs(k - 2)), (5.5, 4.5)
    yield (92, 888), (93, 889), (26, 26)
    yield (96, 892), (138, 932), (17, 20)
    yield (140, 922), (142, 940), (22, 20)
    yield (138, 938), (98 + foot, 1330), (17, 17)
    yield (86 + foot, 1342), (112 + foot, 1342), (26, 26)
    yield (84 + foot, 1388), (114 + foot, 1388), (20, 20)
    yield (96 + foot, 1395), (88 + foot, 1640), (17, 13)
    yield (122 + foot, 1402), (110 + foot, 1655), (7, 8)
    yield (92 + foot, 1655), (94 + foot, 1685), (21, 22)
    yield (96 + foot, 1690), (112 + foot, 1770), (22, 24)


def _person(rng: np.random.Generator, c: Canvas, wide: float, spread: tuple[float, float]) -> Array:
    """Soft tissue of the whole body."""
    hand, foot = spread
    trunk = [((0, 110), (0, 130), (88, 82)), ((0, 240), (0, 300), (62 * wide, 70 * wide)), ((0, 400), (0, 860), (150 * wide, 165 * wide))]
    sides = [((170, 345), (217 + hand / 3, 640), (52, 42)), ((217 + hand / 3, 640), (242 + hand, 910), (42, 28)),
             ((240 + hand, 920), (244 + hand, 1010), (34, 34)), ((96, 900), (98 + foot, 1340), (92 * wide, 58)),
             ((98 + foot, 1360), (94 + foot, 1660), (60, 34)), ((94 + foot, 1680), (112 + foot, 1775), (34, 36))]
    parts = [*trunk, *(((s * a[0], a[1]), (s * b[0], b[1]), r) for s in (-1, 1) for a, b, r in sides)]
    distance = np.minimum.reduce([capsule(c, a, b, r[0], r[1]) for a, b, r in parts])
    return flesh(rng, c, np.asarray(distance, np.float32), rng.uniform(12, 24), rng.uniform(60, 120))


def _body_lines(rng: np.random.Generator, c: Canvas) -> tuple[NDArray[np.float64], ...]:
    """The cuts: under the chin, beside the trunk, over the pelvis, through both hips, between the legs."""
    waist = rng.uniform(755, 790)
    found = [[(-400, 255), (400, 255)], [(-130, waist), (130, waist)], [(0, 955), (0, 1900)]]
    for s in (-1, 1):
        found += [[(s * 150, 300), (s * 172, 560), (s * 180, 900)], [(s * 145, waist), (s * 165, 850), (s * 5, 985)]]
    return tuple(c.frame.to_pixels(np.array(line, np.float64)) for line in found if rng.random() < 0.85)


def coarse_spine(rng: np.random.Generator) -> DxaMap:
    """A lumbar spine in few strokes, to stand small on a page where no scan of the digital spine is given."""
    pixel = float(rng.uniform(0.9, 1.4))
    rows, columns = int(rng.uniform(165, 215) / pixel), int(rng.uniform(105, 150) / pixel)
    c = Canvas(Frame(rows, columns, (pixel, pixel), (0.0, 0.0), float(rng.normal(0, 3))))
    bend, spongy = rng.normal(0, 5), rng.uniform(0.08, 0.2)
    for k in range(8):
        y, half = 36.0 * k - 126, 19.0 + 0.9 * k
        _vertebra(c, (float(bend * np.sin(y / 50)), y), half, float(spongy))
        if k < 3:
            across = np.abs(c.x)
            rib = np.abs(c.y - y + 10 - 0.5 * (across - 25)) - 4
            c.signal += tube((np.maximum(rib, 22 - across), 4.0, 0.8), 0.7, 0.2)
    for side in (-1, 1):
        u, v = local(c.x, c.y, np.array([side * 85.0, 100.0]), side * 0.85)
        c.signal += tube((ellipse(u, v, 62, 34), 9.0, 1.5), 0.9, 0.12)
    soft = flesh(rng, c, np.full_like(c.signal, -200), rng.uniform(14, 24), 50)
    tops = [[(-42.0, y), (42.0, y)] for y in 36.0 * np.arange(2, 7) - 144]
    frame = [[(s * 42.0, -72.0), (s * 42.0, 72.0)] for s in (-1, 1)]
    lines = tuple(c.frame.to_pixels(np.array(line, np.float64)) for line in [*tops, *frame])
    return DxaMap(c.signal, soft, lines, density_words(rng, ("L1", "L2", "L3", "L4")))


def _vertebra(whole: Canvas, at: Point, half: float, spongy: float) -> None:
    """Body with a waist, pedicles, spinous and transverse processes."""
    c = whole.part(at, half + 32)
    x, y = c.x - np.float32(at[0]), c.y - np.float32(at[1])
    outline = np.maximum(np.abs(x) - half + 3 * np.clip(1 - np.square(y / 14), 0, 1), np.abs(y) - 14)
    solids: list[Solid] = [(ellipse(x, y + 9, 4, 9), 4.0, 1.2)]
    solids += [(np.abs(ellipse(x - s * half * 0.65, y + 5, 4.5, 7)) - 1.5, 4.0, 1.5) for s in (-1, 1)]
    solids += [(box(x - s * (half + 10), y + 1, 13, 3.5, 3), 4.0, 0.8) for s in (-1, 1)]
    c.signal += tube((np.asarray(outline, np.float32), 15.0, 1.2), 1.0, spongy)
    for solid in solids:
        c.signal += tube(solid, 0.9, 0.1)
