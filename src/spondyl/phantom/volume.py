"""The built patient: blocks of voxels that say which material is where. Frame, grids and the one rule of painting.

Patient frame (all of the volume, in mm): x to the patient's left, y to the back, z to the head, as in DICOM (LPS);
(0, 0, 0) is the middle of the upper plate of S1. Arrays are [z, y, x].
The mid-line frame of `anatomy` (x back, y down) is the plane x = 0 of this one: y = x_mid, z = -y_mid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spondyl.phantom.anatomy import Spine
    from spondyl.phantom.materials import Material
    from spondyl.phantom.posture import Posture
    from spondyl.phantom.spec import SubjectSpec

Array = NDArray[np.float32]
Window = tuple[slice, slice, slice]
"""Slices of (z, y, x)."""
TRACE = 0.06
"""Covers below this are mostly dropped in painting (`least`)."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where voxels lie.

    Attributes:
        origin_mm: (x, y, z) of the centre of voxel [0, 0, 0].
        spacing_mm: Edge of a voxel.
        shape: (nz, ny, nx).
    """

    origin_mm: tuple[float, float, float]
    spacing_mm: float
    shape: tuple[int, int, int]

    def axis(self, name: str, window: Window | None = None) -> Array:
        """Coordinates in mm of the voxel centres along "x", "y" or "z", 1-D."""
        k = "xyz".index(name)
        values = self.origin_mm[k] + np.arange(self.shape[2 - k]) * self.spacing_mm
        return np.asarray(values[window[2 - k]] if window else values, np.float32)

    def open(self, window: Window) -> tuple[Array, Array, Array]:
        """(x, y, z) of the voxels of a window, shaped to broadcast to its (z, y, x) shape."""
        return self.axis("x", window)[None, None, :], self.axis("y", window)[None, :, None], self.axis("z", window)[:, None, None]

    def window(self, low_mm: NDArray[np.floating], high_mm: NDArray[np.floating]) -> Window | None:
        """The voxels whose centres lie between two corners (x, y, z), or None where there are none."""
        parts = []
        for k in (2, 1, 0):
            first = int(np.ceil((low_mm[k] - self.origin_mm[k]) / self.spacing_mm))
            last = int(np.floor((high_mm[k] - self.origin_mm[k]) / self.spacing_mm)) + 1
            first, last = max(first, 0), min(last, self.shape[2 - k])
            if first >= last:
                return None
            parts.append(slice(first, last))
        return parts[0], parts[1], parts[2]

    def around(self, points: NDArray[np.floating], margin_mm: float) -> Window | None:
        """The window around those points (n, 3), (x, y, z) mm, with a margin."""
        return self.window(points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm)


def grid_of(low_mm: tuple[float, float, float], high_mm: tuple[float, float, float], spacing_mm: float) -> Grid:
    """The grid that covers a box between two corners (x, y, z)."""
    sizes = [max(int(np.ceil((high - low) / spacing_mm)) + 1, 1) for low, high in zip(low_mm, high_mm, strict=True)]
    return Grid(low_mm, spacing_mm, (sizes[2], sizes[1], sizes[0]))


class Block:
    """A grid filled with materials. A voxel holds `label` with `share`/255 of its volume, and `under` with the rest.

    Attributes:
        label, under, share: uint8 (nz, ny, nx). Material 0 is "nothing painted here": what a coarser block says holds there.
    """

    __slots__ = ("grid", "label", "share", "under")

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.label = np.zeros(grid.shape, np.uint8)
        self.under = np.zeros(grid.shape, np.uint8)
        self.share = np.full(grid.shape, 255, np.uint8)

    def paint(self, window: Window, cover: NDArray[np.floating], material: int | NDArray[np.uint8], least: float = 0.0) -> None:
        """Lay a material over a window where `cover` (0..1, the window's shape) says; what prevailed there goes under it.

        A cover below `least` is dropped, so that traces do not push out what lies below.
        """
        amount = np.rint(cover * 255).astype(np.uint8)
        if least > 0:
            amount *= cover >= least
        label, under, share = self.label[window], self.under[window], self.share[window]
        amount = np.broadcast_to(amount, label.shape)
        part = _touched(amount)
        if part is None:
            return
        label, under, share, amount = label[part], under[part], share[part], amount[part]
        touched = amount > 0
        np.copyto(under, label, where=touched & (share >= 128))
        np.copyto(label, np.asarray(material[part] if isinstance(material, np.ndarray) else material, np.uint8), where=touched)
        np.copyto(share, amount, where=touched)

    def paint_inside(self, window: Window, distance: NDArray[np.floating], material: int | NDArray[np.uint8], edge_mm: float = 0.0) -> None:
        """Lay a material where a signed distance (mm, negative inside) says, with an edge at least a voxel wide."""
        self.paint(window, inside(distance, max(edge_mm, self.grid.spacing_mm)), material)

    def lookup(self, table: NDArray[np.floating], window: Window = (slice(None),) * 3) -> Array:
        """The mix of a per-material value, float32: share table[label] + (1 - share) table[under]."""
        values = np.asarray(table, np.float32)
        share = self.share[window].astype(np.float32) * np.float32(1 / 255)
        below = values[self.under[window]]
        return np.asarray(below + share * (values[self.label[window]] - below), np.float32)


def _touched(amount: NDArray[np.uint8]) -> Window | None:
    """The rows and columns of a window in which anything is laid."""
    seen = amount.max(axis=0, initial=0)
    rows, columns = (np.flatnonzero(seen.any(axis=k)) for k in (1, 0))
    return (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else None


def inside(distance: NDArray[np.floating], edge_mm: float) -> Array:
    """Share of a voxel inside a shape whose signed distance at its centre is `distance`."""
    return np.asarray(np.clip(np.float32(0.5) - distance * np.float32(1 / edge_mm), 0, 1), np.float32)


def shell(distance: NDArray[np.floating], thickness_mm: float, edge_mm: float) -> Array:
    """Share of a voxel in the layer of that thickness just inside a shape; right also where it is thinner than a voxel."""
    return np.asarray(inside(distance, edge_mm) - inside(distance + np.float32(thickness_mm), edge_mm), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One built patient.

    Attributes:
        spine: Mid-line geometry, before scoliosis.
        posture: Where each body and disc lies in the patient frame, scoliosis included.
        materials: Row i describes material i.
        fine: Vertebrae, discs, canal, foramina and devices; 0 elsewhere. Covers muscle of `trunk`.
        trunk: The whole body, skin to skin; air outside. Ribs and the wings of the pelvis are here.
    """

    spec: SubjectSpec
    spine: Spine
    posture: Posture
    materials: tuple[Material, ...]
    fine: Block
    trunk: Block
