"""Shadows of bones as areal mineral, and the console that shows them: for DXA pictures of other regions than the spine. For refusing.

Lengths are mm, shadows g/cm2. The grey levels, the noise and the lines of text are those of `rays.dxa_picture`, so that a spine cannot be
told from another region by them. Shapes and densities are our own conventions [O]; they carry no truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.canvas import Array, Canvas, blur
from spondyl.phantom.other_mr import rough
from spondyl.phantom.rays.acquisition import DxaAcquisition
from spondyl.phantom.rays.dxa_picture import picture
from spondyl.phantom.rays.marks import text_mask

Lines = tuple[NDArray[np.float64], ...]
Point = tuple[float, float]
Solid = tuple[Array, Array | float, Array | float]
"""Of a bone: signed distance to its outline, half its depth along the ray, thickness of its cortex; all mm."""
LEAST, MOST = 60, 900
"""Pixels of the shorter and the longer side of a drawn picture."""


@dataclass(frozen=True, slots=True, eq=False)
class DxaMap:
    """What a scan of some region measures.

    Attributes:
        bmd, soft: g/cm2, (rows, columns).
        lines: Borders of the measured regions, each (n, 2) points (x, y) in pixels.
        words: What stands in the text below.
    """

    bmd: Array
    soft: Array
    lines: Lines
    words: tuple[str, ...]

    def mirrored(self) -> DxaMap:
        """The other side of the body."""
        lines = tuple(np.array((self.bmd.shape[1] - 1, 0)) + line * (-1, 1) for line in self.lines)
        return replace(self, bmd=self.bmd[:, ::-1], soft=self.soft[:, ::-1], lines=lines)

    def flipped(self) -> DxaMap:
        """Scanned from the other end."""
        lines = tuple(np.array((0, self.bmd.shape[0] - 1)) + line * (1, -1) for line in self.lines)
        return replace(self, bmd=self.bmd[::-1], soft=self.soft[::-1], lines=lines)


def tube(solid: Solid, hard: float = 1.0, spongy: Array | float = 0.2) -> Array:
    """Shadow in g/cm2 of a bone that is round along the ray: a cortex of `hard` around `spongy`, both g/cm3."""
    distance, half, cortex = solid
    hollow = np.maximum(half - cortex, 0.1)
    depth, inside = np.clip(-distance, 0, half), np.clip(-distance - cortex, 0, hollow)
    outer, inner = np.sqrt(depth * (2 * half - depth)), np.sqrt(inside * (2 * hollow - inside))
    return np.asarray(0.2 * (hard * (outer - inner) + spongy * inner), np.float32)


def capsule(c: Canvas, start: Point, stop: Point, first: float, last: float) -> Array:
    """Signed distance to a limb between two points, of radius `first` at the one and `last` at the other."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    along = np.clip(((c.x - start[0]) * dx + (c.y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    return np.asarray(np.hypot(c.x - start[0] - along * dx, c.y - start[1] - along * dy) - (first + (last - first) * along), np.float32)


def join(a: Solid, b: Solid, soft_mm: float) -> Solid:
    """Two bones grown together, the corner between them filled over that length."""
    share = np.clip(0.5 + 0.5 * (b[0] - a[0]) / soft_mm, 0, 1)
    distance, half, cortex = (share * one + (1 - share) * other for one, other in zip(a, b, strict=True))
    return distance - soft_mm * share * (1 - share), half, cortex


def limb(c: Canvas, start: Point, stop: Point, radius: Point, cortex: Point) -> Solid:
    """A tapered bone with a cortex that changes along it."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    along = np.clip(((c.x - start[0]) * dx + (c.y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    distance = np.hypot(c.x - start[0] - along * dx, c.y - start[1] - along * dy)
    half, thick = (ends[0] + (ends[1] - ends[0]) * along for ends in (radius, cortex))
    return np.asarray(distance - half, np.float32), half, thick


def flesh(rng: np.random.Generator, c: Canvas, distance: Array, depth_g_cm2: float, half_mm: float) -> Array:
    """Soft tissue in g/cm2 inside an outline: round at the skin, full from `half_mm` below it, uneven with fat and muscle."""
    depth = np.clip(-distance / half_mm, 0, 1)
    uneven = 1 + rng.uniform(0.02, 0.09) * rough(rng, c, rng.uniform(12, 40))
    return np.asarray(depth_g_cm2 * np.sqrt(depth * (2 - depth)) * np.clip(uneven, 0.5, 1.5), np.float32)


def console(rng: np.random.Generator, scan: DxaMap, lines: float = 0.5, text: float = 0.5) -> Array:
    """The picture that a console shows of that scan: float32, 0..1, of any size that is allowed.

    Args:
        lines, text: Chance of region lines, and of text below.
    """
    rows, columns = scan.bmd.shape
    sd = np.float32(rng.uniform(0.004, 0.03))
    noise = sd * (1 + 0.4 * scan.bmd) * rng.standard_normal((rows, columns), dtype=np.float32)
    words = scan.words if rng.random() < 0.75 else density_words(rng, ("L1", "L2", "L3", "L4"))
    written, early = bool(rng.random() < text), bool(rng.random() < 0.35)
    how = DxaAcquisition(rows, columns, text=written and early, black=rng.uniform(0, 8), white=rng.uniform(97, 100))
    shown = picture(scan.bmd + noise, scan.soft, how, words).astype(np.float32) / np.float32(255)
    factor = _factor(rng, shown.shape)
    value = displayed(rng, resized(shown, within(shown.shape, factor), bool(rng.random() < 0.3)))
    if rng.random() < lines:
        grey, dashed = float(rng.uniform(0.45, 1.0)), bool(rng.random() < 0.25)
        for line in scan.lines:
            trace(value, (line + 0.5) * np.array([value.shape[1] / shown.shape[1], value.shape[0] / shown.shape[0]]) - 0.5, grey, dashed)
    if written and not early:
        value = np.concatenate([value, strip(["IN-SILICO", *words], value.shape[1], 1 + int(value.shape[1] > 380))])
    return np.ascontiguousarray(value[:MOST], np.float32)


def displayed(rng: np.random.Generator, value: Array) -> Array:
    """Contrast, brightness and sharpness of a screen; now and then bright on dark is turned round."""
    value = np.clip(value, 0, 1) ** np.float32(rng.uniform(0.65, 1.4)) if rng.random() < 0.7 else value
    if rng.random() < 0.25:
        value = blur(value, float(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.3:
        value = value * np.float32(rng.uniform(0.55, 1.0)) + np.float32(rng.uniform(0, 0.12))
    if rng.random() < 0.2:
        value = value + np.float32(rng.uniform(0.005, 0.04)) * rng.standard_normal(value.shape, dtype=np.float32)
    return np.asarray(np.clip(1 - value if rng.random() < 0.06 else value, 0, 1), np.float32)


def _factor(rng: np.random.Generator, shape: tuple[int, ...]) -> float:
    """By how much a picture is enlarged: most are shown about as scanned, others at any size."""
    low, high = LEAST / min(shape), MOST / max(shape)
    return even_log(rng, 0.85, 2.0) if rng.random() < 0.5 else even_log(rng, min(low, high), high)


def even_log(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between the two whose logarithm is drawn evenly."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def within(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    """(rows, columns) after scaling, no side shorter than LEAST or longer than MOST."""
    rows, columns = (int(np.clip(round(side * factor), LEAST, MOST)) for side in shape)
    return rows, columns


def resized(pixels: Array, shape: tuple[int, int], blocky: bool = False) -> Array:
    """The picture at another size: means where it shrinks, lines between pixels (or `blocky` copies of them) where it grows."""
    return _along(_along(pixels, shape[0], blocky).T, shape[1], blocky).T


def _along(pixels: Array, size: int, blocky: bool) -> Array:
    """The same along the first axis."""
    count = pixels.shape[0]
    if size == count:
        return pixels
    if size < count:
        edges = np.linspace(0, count, size + 1)
        low = np.minimum(edges.astype(int), count - 1)
        total = np.concatenate([np.zeros((1, *pixels.shape[1:])), np.cumsum(pixels, axis=0, dtype=np.float64)])
        upto = total[low] + (edges - low)[:, None] * pixels[low]
        return np.asarray(np.diff(upto, axis=0) * (size / count), np.float32)
    at = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
    if blocky:
        return np.asarray(pixels[np.rint(at).astype(int)])
    low = np.minimum(at.astype(int), count - 2)
    share = (at - low).astype(np.float32)[:, None]
    return np.asarray(pixels[low] * (1 - share) + pixels[low + 1] * share, np.float32)


def trace(pixels: Array, line: NDArray[np.float64], grey: float, dashed: bool = False) -> None:
    """Draw a broken line through points (n, 2), (x, y) pixels, in place; what lies outside is left out."""
    for start, stop in pairwise(line):
        count = int(np.abs(stop - start).max()) + 2
        steps = np.arange(count)
        steps = steps[steps % 8 < 5] if dashed else steps
        at = np.rint(start + (stop - start) * (steps / (count - 1))[:, None]).astype(int)
        at = at[(at >= 0).all(axis=1) & (at[:, 0] < pixels.shape[1]) & (at[:, 1] < pixels.shape[0])]
        pixels[at[:, 1], at[:, 0]] = grey


def strip(words: list[str], columns: int, scale: int = 1) -> Array:
    """Lines of text, white on black, 8 pixels a line and scale, as a console sets them below a picture."""
    area = np.zeros((8 * scale * len(words), columns), np.float32)
    for number, word in enumerate(words):
        mask = text_mask(word, scale)[:, :max(columns - 4 * scale, 0)]
        top = (8 * number + 1) * scale
        area[top:top + 5 * scale, 3 * scale:3 * scale + mask.shape[1]][mask] = 0.9
    return area


def density_words(rng: np.random.Generator, regions: tuple[str, ...]) -> tuple[str, ...]:
    """Lines that a console prints for those regions: densities, and scores or none."""
    level = rng.uniform(0.45, 1.25)
    lines = [f"{name} {max(level + rng.normal(0, 0.1), 0.2):.3f}" for name in regions]
    return (*lines, f"BMD {level:.3f}", f"T {rng.normal(-1.3, 1.6):.2f}") if rng.random() < 0.8 else tuple(lines)
