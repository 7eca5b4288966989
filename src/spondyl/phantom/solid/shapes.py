"""Shapes as signed distances in mm (negative inside) on broadcastable float32 arrays, and bone laid only where bone is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import MARROW0, NUCLEUS0
from spondyl.phantom.posture import Pose
from spondyl.phantom.volume import Block, Grid, Window, inside

Array = NDArray[np.floating]
"""float32 in practice."""
Place = tuple[float, float, float]
Shape = Callable[[Array, Array, Array], Array]
FAR_MM = 9.0
ENDLESS = np.float32(np.inf)


def rod(u: Array, v: Array, w: Array, ends: tuple[Place, Place], radii: tuple[float, float]) -> Array:
    """A straight rod with round ends whose radius runs from one value to the other."""
    start, step = np.array(ends[0], np.float32), np.subtract(ends[1], ends[0]).astype(np.float32)
    du, dv, dw = u - start[0], v - start[1], w - start[2]
    t = np.clip((du * step[0] + dv * step[1] + dw * step[2]) * np.float32(1 / float(step @ step)), 0, 1)
    du, dv, dw = du - t * step[0], dv - t * step[1], dw - t * step[2]
    reach = np.sqrt(du * du + dv * dv + dw * dw)
    return np.asarray(reach - (np.float32(radii[0]) + t * np.float32(radii[1] - radii[0])), np.float32)


def egg(u: Array, v: Array, w: Array, half: Place) -> Array:
    """An ellipsoid around the origin, by its first-order distance."""
    a, b, c = (np.float32(1 / h) for h in half)
    p, q, r = (u * a) ** 2, (v * b) ** 2, (w * c) ** 2
    k = np.sqrt(p + q + r)
    slope = np.sqrt(p * (a * a) + q * (b * b) + r * (c * c)) + np.float32(1e-4)
    return np.asarray(k * (k - 1) / slope, np.float32)


def box(u: Array, v: Array, w: Array, half: Place, radius: float) -> Array:
    """A box around the origin with rounded edges."""
    r = np.float32(radius)
    a, b, c = (np.abs(x) - np.float32(h) + r for x, h in zip((u, v, w), half, strict=True))
    out = np.sqrt(_above(a) ** 2 + _above(b) ** 2 + _above(c) ** 2)
    return np.asarray(out + np.clip(np.maximum(np.maximum(a, b), c), -ENDLESS, 0) - r, np.float32)


def both(first: Array, second: Array, radius: float) -> Array:
    """Where both are negative, with the edge rounded."""
    r = np.float32(radius)
    a, b = first + r, second + r
    out = np.sqrt(_above(a) ** 2 + _above(b) ** 2)
    return np.asarray(out + np.clip(np.maximum(a, b), -ENDLESS, 0) - r, np.float32)


def _above(values: Array) -> Array:
    """What lies above 0; `numpy.clip` takes a third of the time of `numpy.maximum` with one number."""
    return np.clip(values, 0, ENDLESS)


def merge(first: Array, second: Array, soft_mm: float) -> Array:
    """Where either is negative, with a fillet of that size between them."""
    if soft_mm <= 0:
        return np.minimum(first, second)
    h = _above(np.float32(soft_mm) - np.abs(first - second))
    return np.asarray(np.minimum(first, second) - h * h * np.float32(0.25 / soft_mm), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A window of a grid in which one bone grows out of parts.

    Attributes:
        pose: Frame in which the parts are described.
        distance: Signed distance to the bone so far, the window's shape; about FAR_MM where there is none.
    """

    grid: Grid
    window: Window
    pose: Pose
    distance: Array

    def add(self, points: NDArray[np.floating] | list[Place], margin_mm: float, shape: Shape, soft_mm: float = 0.0) -> None:
        """Join a part that lies within `margin_mm` of those local points."""
        self._apply(points, margin_mm, lambda old, new: merge(old, new, soft_mm), shape)

    def cut(self, points: NDArray[np.floating] | list[Place], margin_mm: float, shape: Shape) -> None:
        """Take a part away."""
        self._apply(points, margin_mm, lambda old, new: np.maximum(old, -new), shape)

    def _apply(self, points: NDArray[np.floating] | list[Place], margin_mm: float,
               how: Callable[[Array, Array], Array], shape: Shape) -> None:
        near = self.grid.around(self.pose.to_patient(np.asarray(points)), margin_mm)
        part = near and overlap(near, self.window)
        if part:
            own = tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, self.window, strict=True))
            old = self.distance[own]
            old[...] = how(old, shape(*self.pose.to_local(*self.grid.open(part))))


def field(grid: Grid, pose: Pose, points: NDArray[np.floating] | list[Place], margin_mm: float) -> Field | None:
    """An empty field around those local points, or None where the grid does not reach them."""
    window = grid.around(pose.to_patient(np.asarray(points)), margin_mm)
    if window is None:
        return None
    shape = tuple(s.stop - s.start for s in window)
    return Field(grid, window, pose, np.full(shape, FAR_MM, np.float32))


def overlap(first: Window, second: Window) -> Window | None:
    """The voxels in both windows, or None."""
    parts = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return (parts[0], parts[1], parts[2]) if all(p.start < p.stop for p in parts) else None


def lay(block: Block, window: Window, where: NDArray[np.bool_], cover: Array, material: int | NDArray[np.uint8]) -> None:
    """As `Block.paint`, at the chosen voxels of a window only; `cover` (and a material array) holds one value for each of them."""
    at, amount = _flat(np.flatnonzero(where), window, block.label.shape), _byte(cover)
    touched = amount > 0
    at, amount = at[touched], amount[touched]
    label, under, share = (a.reshape(-1) for a in (block.label, block.under, block.share))
    under[at] = np.where(share[at] >= 128, label[at], under[at])
    label[at], share[at] = np.broadcast_to(np.asarray(material, np.uint8), touched.shape)[touched], amount


def lay_bone(block: Block, window: Window, distance: Array, inner: int | NDArray[np.uint8], cortex: int | NDArray[np.uint8],
             cortex_mm: float | Array, beside: bool = False) -> None:
    """Bone with a shell: as `Block.paint` of `inner` over the shape, then of `cortex` over its outermost layer, where bone is.

    Args:
        inner, cortex, cortex_mm: One value, or an array of the window's shape.
        beside: Leave marrow that is there already alone, so that a part opens into the bone that it grows from.
    """
    edge = block.grid.spacing_mm
    where = distance < 0.497 * edge
    if beside:
        there = block.label[window]
        where &= (there < MARROW0) | (there >= NUCLEUS0)
    own = np.flatnonzero(where)
    at = _flat(own, window, block.label.shape)
    d, thick = distance.reshape(-1)[own], np.asarray(cortex_mm, np.float32)
    core, coat = (a.reshape(-1)[own] if isinstance(a, np.ndarray) else a for a in (inner, cortex))
    filled = inside(d, edge)
    layer = _byte(filled - inside(d + (thick.reshape(-1)[own] if thick.ndim else thick), edge))
    amount, shelled = _byte(filled), layer > 0
    label, under, share = (a.reshape(-1) for a in (block.label, block.under, block.share))
    before = np.where(share[at] >= 128, label[at], under[at])
    under[at] = np.where(shelled & (amount >= 128), np.asarray(core, np.uint8), before)
    label[at] = np.where(shelled, np.asarray(coat, np.uint8), np.asarray(core, np.uint8))
    share[at] = np.where(shelled, layer, amount)


def _byte(cover: Array) -> NDArray[np.uint8]:
    return np.rint(cover * 255).astype(np.uint8)


def _flat(own: NDArray[np.intp], window: Window, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Places in a flattened block of places in a flattened window of it."""
    _, rows, columns = (s.stop - s.start for s in window)
    start = (window[0].start * shape[1] + window[1].start) * shape[2] + window[2].start
    beside, behind = shape[2] - columns, (shape[1] - rows) * shape[2]
    return np.asarray(own + own // columns * beside + own // (rows * columns) * behind + start, np.intp)
