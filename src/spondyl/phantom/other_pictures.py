"""Pictures that are not medical at all: shapes, landscapes, faces, pages, charts, textures. For refusing."""

from __future__ import annotations

import numpy as np

from spondyl.phantom.canvas import Array, Canvas, Frame, blur, box, coverage, ellipse, local, upsample


def octaves(rng: np.random.Generator, rows: int, columns: int, slope: float = 1.0) -> Array:
    """Cloud-like noise, 0..1: each octave `2**-slope` as strong as the one before."""
    total = np.zeros((rows, columns), np.float32)
    for k in range(1, 8):
        knots = min(2**k + 2, rows, columns)
        total += upsample(rng.standard_normal((knots, knots)), rows, columns) * np.float32(2.0 ** (-slope * k))
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def unit_canvas(size: tuple[int, int]) -> Canvas:
    """A canvas whose coordinates run about -1..1 over the shorter side."""
    step = 2.0 / min(size)
    return Canvas(Frame(size[0], size[1], (step, step)))


def finish(rng: np.random.Generator, pixels: Array) -> Array:
    """Contrast, blur, noise, now and then inverted."""
    value = blur(pixels, float(rng.choice([0.0, 0.6, 1.2])))
    value = value * rng.uniform(0.6, 1.2) + rng.uniform(-0.1, 0.15)
    value = value + np.float32(rng.uniform(0, 0.03)) * rng.standard_normal(value.shape, dtype=np.float32)
    return np.clip(1 - value if rng.random() < 0.1 else value, 0, 1).astype(np.float32)


def shapes(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Random ellipses and boxes, textured, one over another, as luminance of a coloured picture."""
    c = unit_canvas(size)
    c.signal += np.float32(rng.random()) * octaves(rng, *size)
    for _ in range(int(rng.integers(3, 30))):
        u, v = local(c.x, c.y, rng.uniform(-1.2, 1.2, 2), rng.uniform(-3, 3))
        a, b = rng.uniform(0.04, 0.6, 2)
        d = ellipse(u, v, a, b) if rng.random() < 0.5 else box(u, v, a, b, min(a, b) * rng.uniform(0.01, 0.9))
        c.paint(d, rng.random() * (1 + rng.uniform(-0.5, 0.5) * u), edge_mm=float(rng.choice([0.0, 0.0, 0.05, 0.2])))
    return finish(rng, c.signal)


def gradient(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """A smooth ramp or glow, nothing else."""
    c = unit_canvas(size)
    u, v = local(c.x, c.y, rng.uniform(-1, 1, 2), rng.uniform(-3, 3))
    ramp = np.hypot(u, v) if rng.random() < 0.5 else u
    return finish(rng, (ramp * rng.uniform(0.1, 0.9) + rng.random()).astype(np.float32))


def landscape(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Sky, ridges, a foreground, trees or houses."""
    c = unit_canvas(size)
    c.signal[...] = 0.85 - 0.2 * (c.y + 1) + 0.25 * (octaves(rng, *size, 1.4) - 0.5)
    columns = size[1]
    for k in range(int(rng.integers(1, 5))):
        ridge = upsample(rng.standard_normal((2, int(rng.integers(4, 14)))), 1, columns)[0] * rng.uniform(0.05, 0.3) - 0.3 + 0.25 * k
        tone = rng.uniform(0.15, 0.7) + 0.4 * (octaves(rng, *size, 0.7) - 0.5)
        c.paint(ridge[None, :] - c.y, tone)
    for _ in range(int(rng.integers(0, 12))):
        x, y, s = rng.uniform(-1, 1), rng.uniform(0, 0.8), rng.uniform(0.05, 0.4)
        d = ellipse(c.x - x, c.y - y, s * 0.5, s) if rng.random() < 0.6 else box(c.x - x, c.y - y, s, s * 0.7, 0.01)
        c.paint(d, rng.uniform(0, 0.9) + 0.3 * (octaves(rng, *size, 0.6) - 0.5))
    return finish(rng, c.signal)


def face(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """A portrait made of blobs."""
    c = unit_canvas(size)
    c.signal[...] = rng.uniform(0.1, 0.9) + 0.4 * (octaves(rng, *size, 1.5) - 0.5)
    x, y = rng.uniform(-0.25, 0.25, 2)
    tone, hair = rng.uniform(0.35, 0.9), rng.uniform(0.02, 0.7)
    c.paint(ellipse(c.x - x, c.y - y - 1.15, 0.8, 0.5), rng.random())
    c.paint(ellipse(c.x - x, c.y - y + 0.12, 0.47, 0.62), hair + 0.2 * (octaves(rng, *size, 0.5) - 0.5), edge_mm=0.06)
    head = ellipse(c.x - x, c.y - y, 0.37, 0.5)
    c.paint(head, tone * (1 - 0.25 * np.abs(c.x - x - rng.uniform(-0.2, 0.2))), edge_mm=0.03)
    for side in (-1, 1):
        c.paint(ellipse(c.x - x - side * 0.15, c.y - y + 0.08, 0.075, 0.035), min(tone + 0.2, 1))
        c.paint(ellipse(c.x - x - side * 0.15, c.y - y + 0.08, 0.03, 0.033), 0.05)
        c.paint(box(c.x - x - side * 0.15, c.y - y + 0.17, 0.09, 0.014, 0.01), hair)
    c.paint(ellipse(c.x - x, c.y - y - 0.06, 0.04, 0.1), tone * 0.85, edge_mm=0.06)
    c.paint(ellipse(c.x - x, c.y - y - 0.26, 0.13, rng.uniform(0.015, 0.05)), tone * 0.5, edge_mm=0.02)
    return finish(rng, c.signal)


def page(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """A page of text-like lines with a heading and sometimes a picture."""
    rows, columns = size
    value = np.full(size, rng.uniform(0.8, 1.0), np.float32)
    pitch = int(rng.integers(7, 20))
    margin = int(columns * rng.uniform(0.04, 0.16))
    for y in range(int(rows * rng.uniform(0.03, 0.2)), rows - pitch, pitch):
        if rng.random() < 0.12:
            continue
        end = columns - margin if rng.random() < 0.75 else int(columns * rng.uniform(0.3, 0.9))
        ink = (rng.random((max(pitch // 2, 2), max(end - margin, 1))) < 0.5).astype(np.float32)
        words = np.repeat(rng.random(columns // 5 + 2) < 0.82, 5)[:ink.shape[1]]
        value[y:y + ink.shape[0], margin:margin + ink.shape[1]] -= ink * words * rng.uniform(0.6, 0.9)
    if rng.random() < 0.4:
        h, w = int(rows * rng.uniform(0.15, 0.4)), int(columns * rng.uniform(0.2, 0.6))
        y, x = int(rng.integers(0, rows - h)), int(rng.integers(0, columns - w))
        value[y:y + h, x:x + w] = octaves(rng, h, w)
    return finish(rng, value)


def chart(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Axes with bars or curves, on white or on black."""
    c = unit_canvas(size)
    c.signal[...] = 1.0
    c.paint(np.minimum(np.maximum(np.abs(c.x + 0.8), np.abs(c.y) - 0.8), np.maximum(np.abs(c.y - 0.8), np.abs(c.x) - 0.8)) - 0.008, 0.0)
    if rng.random() < 0.5:
        count = int(rng.integers(3, 14))
        for k in range(count):
            h = rng.uniform(0.05, 0.75)
            c.paint(box(c.x + 0.75 - 1.5 * (k + 0.5) / count, c.y - 0.8 + h, 0.55 / count, h, 0.001), rng.uniform(0, 0.8))
    else:
        for _ in range(int(rng.integers(1, 5))):
            line = upsample(rng.standard_normal((2, int(rng.integers(3, 20)))), 1, size[1])[0] * 0.3
            c.paint(np.maximum(np.abs(c.y - line[None, :]) - 0.012, np.abs(c.x) - 0.8), rng.uniform(0, 0.6))
    return finish(rng, 1 - c.signal if rng.random() < 0.3 else c.signal)


def texture(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Noise, clouds, stripes, checks, rings, or all of one grey."""
    rows, columns = size
    c = unit_canvas(size)
    u, v = local(c.x, c.y, rng.uniform(-0.5, 0.5, 2), rng.uniform(-3, 3))
    rate = rng.uniform(4, 80)
    choices = (
        lambda: rng.random(size),
        lambda: octaves(rng, rows, columns, rng.uniform(0.2, 1.8)),
        lambda: 0.5 + 0.5 * np.sin(u * rate),
        lambda: 0.5 + 0.5 * np.sign(np.sin(u * rate) * np.sin(v * rate)),
        lambda: 0.5 + 0.5 * np.sin(np.hypot(u, v) * rate),
        lambda: np.full(size, rng.random()),
        lambda: np.sort(octaves(rng, rows, columns, 0.8), axis=int(rng.integers(2))),
    )
    return finish(rng, np.asarray(choices[int(rng.integers(len(choices)))](), np.float32))


def street(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Blocks with rows of windows, a road, a sky."""
    c = unit_canvas(size)
    c.signal[...] = 0.8 + 0.2 * (octaves(rng, *size, 1.5) - 0.5)
    for _ in range(int(rng.integers(2, 8))):
        x, w, h = rng.uniform(-1, 1), rng.uniform(0.12, 0.4), rng.uniform(0.3, 1.2)
        tone, rate = rng.uniform(0.1, 0.8), rng.uniform(20, 60)
        windows = (np.sin(c.x * rate) > 0.2) & (np.sin(c.y * rate) > 0.1)
        c.paint(box(c.x - x, c.y - 0.7 + h / 2, w, h / 2, 0.001), np.where(windows, rng.random(), tone))
    c.paint(0.6 - c.y, rng.uniform(0.2, 0.5) + 0.1 * (octaves(rng, *size, 0.3) - 0.5))
    return finish(rng, c.signal)


def ultrasound(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """A fan of speckle on black."""
    c = unit_canvas(size)
    y = c.y + 1.15
    fan = np.maximum(np.abs(np.arctan2(c.x, y)) - rng.uniform(0.4, 0.75), np.maximum(np.hypot(c.x, y) - 2.0, 0.25 - np.hypot(c.x, y)))
    echo = octaves(rng, *size, 0.9) ** rng.uniform(1.2, 3) * rng.gamma(1.2, 0.8, size)
    for _ in range(int(rng.integers(1, 5))):
        at, a = rng.uniform(-0.6, 0.6, 2), rng.uniform(0.08, 0.35, 2)
        echo = echo * (1 - 0.85 * coverage(ellipse(c.x - at[0], c.y - at[1], a[0], a[1]), 0.05))
    c.paint(fan, echo.astype(np.float32))
    return np.clip(blur(c.signal, 0.8), 0, 1)
