"""Painters of everything but bodies and discs: belly, vessels, canal, posterior elements, fat and skin."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.canvas import Array, box, coverage, ellipse, local
from spondyl.phantom.curves import spinous_start
from spondyl.phantom.scene import Scene
from spondyl.phantom.tissue import marrow_signal


def paint_body(s: Scene) -> None:
    """Belly in front, fat behind, air outside."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    skin, belly = s.lines.at(s.lines.skin, y), s.lines.at(s.lines.belly, y)
    front = s.lines.at(s.lines.front, y)
    lumps, loops = s.lumps.at(x, y), s.loops.at(x, y, (1.0, 1.3))
    fat = s.of["fat"] * (0.9 + 0.04 * lumps)
    c.signal[...] = fat
    _bowel(s, front - x, x - belly)
    _vessels(s, front - x, lumps)
    _pelvis(s)
    wall = np.abs(x - belly - 26 - 3 * loops) - 5
    c.paint(wall, s.of["muscle"] * (1 + 0.1 * lumps))
    _septa(s, skin - x)
    for depth in (skin - x, x - belly):
        c.paint(depth - 2.0, s.of["skin"])
    c.paint(np.minimum(skin - x, x - belly), 0.0)


def _bowel(s: Scene, ahead: Array, inside: Array) -> None:
    """Mesenteric fat with strands, loops of gut with walls and gas, an organ high up."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    room = np.maximum(np.maximum(12 - ahead, 36 - inside), y - 50)
    grain = s.grain.at(x, y, (1.0, 1.6))
    haze = np.clip(0.5 + 0.5 * s.loops.at(y, x) + 0.35 * s.lumps.at(x, y, (1.0, 2.2)) + 0.15 * grain - s.spec.soft.bowel_fat, 0, 0.75)
    c.paint(room, s.of["fat"] * (0.92 + 0.05 * grain) + haze * (s.of["bowel"] - s.of["fat"]), edge_mm=6)
    rng = np.random.default_rng((s.spec.texture_seed, 21))
    top = float(s.spine.bodies[min(s.spec.lumbar, len(s.spine.bodies) - 1)].centre[1])
    for _ in range(int(26 * (1 - 0.6 * s.spec.soft.bowel_fat))):
        _loop(s, rng, room, top)
    organ = np.maximum(np.maximum(y - top - 5 - 9 * s.loops.at(x, y), 10 - ahead), 32 - inside)
    c.paint(organ, s.of["organ"] * (1 + 0.05 * s.lumps.at(x, y) + 0.03 * grain), edge_mm=1.5)


def _loop(s: Scene, rng: np.random.Generator, room: Array, top: float) -> None:
    """One loop of gut: a dark wall, and contents of any brightness, or gas."""
    c = s.canvas
    centre = np.array([float(s.lines.at(s.lines.front, np.array(-80.0))) - rng.uniform(20, 150), rng.uniform(top, 60)])
    a, b, tilt = rng.uniform(5, 19), rng.uniform(4, 10), rng.uniform(-1.6, 1.6)
    content = float(rng.uniform(0.4, 1.5)) * s.of["bowel"] if rng.random() > s.spec.soft.bowel_gas else 0.03
    window = c.frame.window(centre[None], a + 6)
    if window is None:
        return
    u, v = local(c.x[window], c.y[window], centre, float(tilt))
    wave = s.lumps.at(u + centre[0], v + centre[1])
    d = np.maximum(ellipse(u, v, a, b) + 1.6 * wave, room[window])
    c.paint(d, s.of["muscle"] * 0.9, window, edge_mm=1.2)
    c.paint(d + 1.4, content * (1 + 0.2 * wave), window, edge_mm=1.5)


def _vessels(s: Scene, ahead: Array, lumps: Array) -> None:
    """A great vessel in front of the bodies down to the fork at L4, and an iliac vein that crosses below."""
    c, y = s.canvas, s.canvas.y
    gap, width = s.spec.soft.aorta_mm
    if width > 0:
        fork = float(s.spine.bodies[1].centre[1])
        middle = gap + width / 2 + 2.0 * s.loops.at(s.canvas.x * 0, y) + np.maximum(fork - 70 - y, 0) * 0.08
        half = width / 2 + 0.8 * s.loops.at(y, s.canvas.x * 0) - np.clip((y - fork + 25) / 25, 0, 1) ** 2 * width * 0.45
        tube = np.maximum(np.abs(ahead - middle) - half, (y - fork) * 0.7)
        slow = (s.spec.texture_seed % 7) / 6  # slow or turbulent flow gives back some signal
        c.paint(tube - 1.2, s.of["muscle"] * 0.8, edge_mm=1.5)
        c.paint(tube, s.of["vessel"] * (1.2 + 0.4 * lumps) + 0.22 * slow * s.of["muscle"] * (1 + 0.4 * lumps), edge_mm=1.5)
    disc = s.spine.discs[0]
    u, v = local(s.canvas.x, y, disc.ends[0] + np.array([-9.0, -12.0]), disc.tilt + 0.6)
    c.paint(ellipse(u, v, 12, 4.0), s.of["vessel"] * 1.3)


def _pelvis(s: Scene) -> None:
    """Bladder, a soft organ and the rectum in front of the sacrum."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    u, v = local(x, y, np.array([8.0, 78.0]), -0.9)
    c.paint(ellipse(u, v, 34, 11) - 1.5, s.of["muscle"])
    c.paint(ellipse(u, v, 33, 9.5), s.of["bowel"] * (0.8 + 0.3 * s.lumps.at(y, x)))
    u, v = local(x, y, np.array([-28.0, 62.0]), 0.5)
    c.paint(ellipse(u, v, 27, 17) + 2 * s.lumps.at(x, y), s.of["muscle"] * (1.3 + 0.15 * s.lumps.at(y, x)))
    radius = s.spec.soft.bladder_mm
    if radius > 0:
        u, v = local(x, y, np.array([-62.0, 84.0]), 0.2)
        c.paint(ellipse(u, v, radius + 3, radius * 0.8 + 3), s.of["muscle"])
        c.paint(ellipse(u, v, radius, radius * 0.8), s.of["urine"])


def _septa(s: Scene, depth: Array) -> None:
    """Thin dark strands in the fat of the back, and its brightness, which the coil lifts."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    behind = s.lines.at(s.lines.fascia, y)
    region = np.maximum(behind - x, -depth)
    strands = np.abs(s.lumps.at(x, y, (0.8, 3.0)) + 0.25 * s.grain.at(x, y)) * 6
    value = s.of["fat"] * (0.97 + 0.03 * s.grain.at(x, y) - 0.3 * coverage(strands - 0.35, 0.7))
    c.paint(region, value)


def paint_posterior(s: Scene) -> None:
    """Interspinous tissue, spinous processes, the sacral crest and the ligament over their tips."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    canal, fascia = s.lines.at(s.lines.bone_back, y), s.lines.at(s.lines.fascia, y)
    streak = s.grain.at(x + 0.6 * y, y - 0.4 * x, (1.0, 4.0))
    tissue = s.of["interspinous"] * (0.95 + 0.18 * streak + 0.1 * s.fine.at(x, y))
    fatty = coverage(2.4 - 4 * s.lumps.at(x, y), 4.0) * 0.8
    c.paint(np.maximum(canal - x, x - fascia), tissue + fatty * (s.of["fat"] - tissue))
    low = float(s.spine.sacrum[0].centre[1])
    c.paint(np.maximum(np.maximum(canal - x, x - fascia), low - y), s.of["fat"] * (0.8 + 0.15 * streak), edge_mm=12)
    _spinous(s)
    c.paint(np.abs(x - fascia) - 1.3 - 0.5 * s.lumps.at(x * 0, y), s.of["ligament"])


def _spinous(s: Scene) -> None:
    shrink = max(1 - (s.scan.lateral_mm / 5.0) ** 2, 0.0) ** 0.5
    if shrink == 0:
        return
    for body, vertebra in zip(s.spine.bodies, s.spec.vertebrae, strict=True):
        length, height = vertebra.spinous_mm
        start = spinous_start(s.lines.bone_back, float(body.centre[1]) + 9)
        tilt = 0.6 * body.tilt - float(np.radians(vertebra.spinous_deg))
        centre = start + length / 2 * np.array([np.cos(tilt), -np.sin(tilt)])
        _process(s, centre, tilt, (length / 2, height / 2 * max(shrink, 0.25)), vertebra.fat * 1.1)
    for k, segment in enumerate(s.spine.sacrum[:3]):
        start = spinous_start(s.lines.bone_back, float(segment.centre[1]))
        reach = (6.5, 5.0, 3.5)[k]
        _process(s, start + np.array([reach, 2.0]), segment.tilt * 0.4 - 0.6, (reach, 5.0), s.spec.vertebrae[0].fat)


def _process(s: Scene, centre: Array, tilt: float, half: tuple[float, float], fat: float) -> None:
    c = s.canvas
    window = c.frame.window(centre[None], max(half) + 4)
    if window is None:
        return
    u, v = local(c.x[window], c.y[window], centre, tilt)
    wobble = s.lumps.at(c.x[window], c.y[window])
    flare = v / (0.85 + 0.3 * (u / half[0] + 1) / 2)
    d = box(u, flare, half[0], half[1], min(half) * 0.6) + 1.1 * wobble
    c.paint(d, s.of["cortex"] + 0.25 * s.of["interspinous"], window)
    value = marrow_signal(min(fat, 0.9), 0, s.scan) * (1 + 0.05 * wobble + 0.04 * s.fine.at(c.x[window], c.y[window]))
    c.paint(d + 0.9, value, window)


def paint_canal(s: Scene) -> None:
    """Epidural fat, dura, fluid, cord and the roots of the tail."""
    c, x, y = s.canvas, s.canvas.x, s.canvas.y
    lines = s.lines
    cosine = lines.at(lines.cosine, y).astype(np.float32)
    back, bone = lines.at(lines.back, y), lines.at(lines.bone_back, y)
    front, rear = lines.at(lines.sac_front, y), lines.at(lines.sac_back, y)
    end = float(s.spine.sacrum[3].centre[1])
    epidural = np.maximum(np.maximum(back - x, x - bone) * cosine, y - end)
    c.paint(epidural - 1.3, s.of["flavum"] * 0.7)
    c.paint(epidural, s.of["fat"] * (0.92 + 0.06 * s.grain.at(x, y)))
    sac = np.maximum(front - x, x - rear) * cosine
    present = coverage(2.0 - (rear - front), 1.0)
    share = coverage(sac - 0.8, c.pixel_mm) * present
    c.signal += share * (s.of["ligament"] * 0.8 - c.signal)
    fluid = _sac_content(s, front, rear, cosine)
    share = coverage(sac, c.pixel_mm) * present
    c.signal += share * (fluid - c.signal)


def _sac_content(s: Scene, front: Array, rear: Array, cosine: Array) -> Array:
    """Signal inside the sac: fluid, the cord down to its cone, strands of roots behind it."""
    x, y = s.canvas.x, s.canvas.y
    depth = np.maximum(rear - front, 0.5)
    at = np.clip((x - front) / depth, 0, 1)
    bodies = s.spine.bodies
    middles = [body.centre[1] for body in bodies]
    cone = float(np.interp(s.spec.soft.conus, np.arange(len(middles)) + 0.5, middles))
    half = np.clip((cone - y) / 26, 0, 1) ** 0.6 * 3.9
    cord = coverage(np.abs(at - 0.56) * depth * cosine - half, s.canvas.pixel_mm * 1.2) * (y < cone + 2)
    strand = s.fine.at(((at + 0.06 * np.sin(y / 23)) * depth * cosine * 1.3).astype(np.float32), y, (1.0, 34.0))
    crowded = np.clip((7.0 - depth * cosine) / 4, 0, 1)
    place = np.clip((at - 0.30 + 0.25 * crowded) / 0.35, 0, 1) * np.clip(1.25 - np.clip((y - cone) / 190, 0, 1), 0, 1)
    roots = np.clip(0.55 * strand + 0.42 + 0.25 * crowded, 0, 1) * place * 0.85 * np.clip((y - cone + 30) / 20, 0, 1)
    fluid = s.of["csf"] * (1 + 0.02 * s.lumps.at(x, y))
    fluid = fluid + np.clip(roots, 0, 1) * (s.of["root"] - fluid)
    return fluid + cord * (s.of["cord"] - fluid)
