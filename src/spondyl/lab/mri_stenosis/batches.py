"""Levels of the training cases in memory, and batches of them with everything that chance changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spondyl.lab.mri_stenosis.cases import Case
from spondyl.tasks.mri_stenosis.crops import SIGNS, WHITE, CropPlan

CELL = 4
"""Pixels of a crop that one cell of the attention maps stands for."""
SPREAD_MM, SPREAD_ACROSS_MM = 2.0, 3.0
"""Standard deviations of a mark in the plane and from slice to slice."""
NEAR = 0.05
"""A mark teaches a map only where some cell comes this near to it, as a share of the density at the mark."""
ASTRAY_MM = 18.0
"""Marks of a level further than this along the spine are of another disc: half of the distance between two."""
AXIAL_ROWS = (0, 1, 3)
"""Answers whose marks the axial maps learn, per half: canal, foramen, recess (of the left; +1 for the right of the latter two)."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """M levels of many studies, one after the other.

    Attributes:
        study: (M,) number of the study.
        arrays: The arrays of `Case`, joined.
        targets: (M, 5, 3) what is taught; all 0 where nothing is known.
        grades, truth: (M, 5); -1 unknown.
        points: (M, 5, 3) mm in the level's frame; NaN unknown.
        sizes: (M, 2) logarithms; NaN unknown.
    """

    study: NDArray[np.int64]
    arrays: dict[str, NDArray[Any]]
    targets: NDArray[np.float32]
    grades: NDArray[np.int8]
    truth: NDArray[np.int8]
    points: NDArray[np.float32]
    sizes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.study)


NAMES = ("numbers", "sagittal", "across", "sagittal_seen", "axial", "along", "axial_seen")


def joined(cases: Iterable[Case], targets: str) -> Levels:
    """The levels of those cases; `targets` as in the recipe."""
    cases = list(cases)
    arrays: dict[str, NDArray[Any]] = {name: np.concatenate([getattr(case, name) for case in cases]) for name in NAMES}
    grades = np.concatenate([case.labels.grades for case in cases])
    chances = np.concatenate([case.labels.chances for case in cases])
    taught = np.where((grades >= 0)[..., None], np.eye(3, dtype=np.float32)[np.clip(grades, 0, 2)], np.float32(0))
    if targets == "chances":
        taught = np.where(np.isfinite(chances), chances, taught)
    points = np.concatenate([case.labels.points for case in cases])
    taught = np.where(astray(points)[:, None, None], np.float32(0), taught)
    study = np.repeat(np.arange(len(cases)), [len(case.numbers) for case in cases])
    sizes = np.log(np.maximum(np.concatenate([case.labels.sizes for case in cases]), 1.0))
    return Levels(study, arrays, taught.astype(np.float32), grades, np.concatenate([case.labels.truth for case in cases]),
                  points, sizes.astype(np.float32))


def astray(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which levels (M,) have marks (M, 5, 3) that lie about a disc away: the discs were counted otherwise than by the reader, and labels
    of another level would teach what is wrong. Serving cannot know, so calibration keeps them."""
    heights = np.abs(points[..., 2])
    marked = np.isfinite(heights)
    away = np.zeros(len(points))
    rows = marked.any(axis=1)
    away[rows] = np.nanmedian(np.where(marked, heights, np.nan)[rows], axis=1)
    return np.asarray(away > ASTRAY_MM)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step takes: the network's inputs in order, the targets, and densities of the marks over the maps."""

    inputs: tuple[Tensor, ...]
    targets: Tensor
    sizes: Tensor
    sagittal_marks: Tensor
    axial_marks: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        inputs = tuple(tensor.to(device) for tensor in self.inputs)
        return Batch(inputs, *(part.to(device) for part in (self.targets, self.sizes, self.sagittal_marks, self.axial_marks)))


def batches(levels: Levels, plan: CropPlan, margin: int, drop: float, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """One pass over all levels, shuffled, with shifts, grey values, noise and hidden series drawn anew."""
    order = rng.permutation(len(levels))
    for start in range(0, len(order) - size + 1, size):
        yield drawn(levels, order[start:start + size], plan, margin, drop, rng)


def drawn(levels: Levels, rows: NDArray[np.int64], plan: CropPlan, margin: int, drop: float, rng: np.random.Generator) -> Batch:
    """Those levels, as chance shows them."""
    n = len(rows)
    shifts = rng.integers(-margin, margin + 1, (n, 3, 2))
    sagittal = _shifted(levels.arrays["sagittal"], rows, shifts[:, 0], margin, plan.size)
    halves = [_shifted(levels.arrays["axial"][:, :, k:k + 1], rows, shifts[:, 1 + k], margin, plan.size) for k in (0, 1)]
    axial = np.concatenate(halves, axis=2)
    seen, axial_seen = levels.arrays["sagittal_seen"][rows].copy(), levels.arrays["axial_seen"][rows].copy()
    _hide(seen, axial_seen, drop, rng)
    pictures = [_changed(torch.from_numpy(sagittal[:, :, c]), rng) * torch.from_numpy(seen[:, :, c])[..., None, None] for c in (0, 1)]
    axial_pictures = _changed(torch.from_numpy(axial), rng) * torch.from_numpy(axial_seen)[:, :, None, None, None]
    across, along = levels.arrays["across"][rows], levels.arrays["along"][rows]
    inputs = (torch.stack(pictures, dim=2), torch.from_numpy(across), torch.from_numpy(seen), axial_pictures, torch.from_numpy(along),
              torch.from_numpy(axial_seen), torch.from_numpy(np.eye(5, dtype=np.float32)[levels.arrays["numbers"][rows].astype(int) - 1]))
    points = levels.points[rows]
    return Batch(inputs, torch.from_numpy(levels.targets[rows]), torch.from_numpy(levels.sizes[rows]),
                 torch.from_numpy(sagittal_marks(points, across, seen.max(axis=2), shifts[:, 0], plan)),
                 torch.from_numpy(axial_marks(points, along, axial_seen, shifts[:, 1:], plan)))


def plain(levels: Levels, rows: NDArray[np.int64], plan: CropPlan, margin: int) -> tuple[Tensor, ...]:
    """The network's inputs of those levels as serving makes them."""
    inner = slice(margin, margin + plan.size)
    pictures = [levels.arrays[name][rows][..., inner, inner].astype(np.float32) / np.float32(WHITE) for name in ("sagittal", "axial")]
    arrays = {name: levels.arrays[name][rows] for name in NAMES}
    level = np.eye(5, dtype=np.float32)[arrays["numbers"].astype(int) - 1]
    parts = (pictures[0], arrays["across"], arrays["sagittal_seen"], pictures[1], arrays["along"], arrays["axial_seen"], level)
    return tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)


def without(inputs: tuple[Tensor, ...], seen: tuple[bool, bool, bool]) -> tuple[Tensor, ...]:
    """The inputs with T1, T2 or axial slices hidden where `seen` is False."""
    sagittal, across, sagittal_seen, axial, along, axial_seen, level = inputs
    keep = torch.tensor([float(seen[0]), float(seen[1])])
    there = sagittal_seen * keep
    sagittal = sagittal * there[..., None, None]
    axial_seen = axial_seen * float(seen[2])
    return sagittal, across, there, axial * axial_seen[:, :, None, None, None], along, axial_seen, level


def _shifted(stack: NDArray[Any], rows: NDArray[np.int64], shifts: NDArray[np.int64], margin: int, size: int) -> NDArray[np.float32]:
    out = np.empty((len(rows), *stack.shape[1:-2], size, size), np.float32)
    for k, (row, (dx, dy)) in enumerate(zip(rows, shifts, strict=True)):
        out[k] = stack[row, ..., margin + dy:margin + dy + size, margin + dx:margin + dx + size]
    out /= np.float32(WHITE)
    return out


def _hide(seen: NDArray[np.float32], axial_seen: NDArray[np.float32], drop: float, rng: np.random.Generator) -> None:
    """Hide each series of a level with that chance, but never the last sagittal one."""
    for k in range(len(seen)):
        hidden = rng.random(3) < drop
        if hidden[0] and hidden[1]:
            hidden[int(rng.integers(2))] = False
        for channel in (0, 1):
            if hidden[channel] and seen[k, :, 1 - channel].any():
                seen[k, :, channel] = 0
        if hidden[2]:
            axial_seen[k] = 0


def _changed(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Grey values of each level bent, blurred and made noisy, (n, ...) in 0..1."""
    n = len(pictures)
    shape = (n, *[1] * (pictures.ndim - 1))

    def each(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).reshape(shape)

    bent = pictures.clamp(min=1e-4) ** each(np.exp(rng.normal(0, 0.25, n)))
    bent = bent * each(rng.uniform(0.8, 1.15, n)) + each(rng.normal(0, 0.03, n))
    flat = bent.reshape(-1, 1, *bent.shape[-2:])
    blurred = F.avg_pool2d(flat, 3, 1, 1, count_include_pad=False).reshape(bent.shape)
    share = each(np.where(rng.random(n) < 0.4, rng.uniform(0, 0.8, n), 0.0))
    noisy = torch.lerp(bent, blurred, share.expand_as(bent))
    noise = torch.from_numpy(rng.standard_normal(tuple(noisy.shape), dtype=np.float32))
    return (noisy + noise * each(rng.uniform(0, 0.06, n) * (rng.random(n) < 0.7))).clamp(0, 1.2)


def _cells(plan: CropPlan, millimetres: float, middle: float, shift: NDArray[np.int64], sign: float) -> NDArray[np.float64]:
    """(n, cells) places in mm along one axis of the crops of n levels."""
    count = plan.size // CELL
    steps = ((np.arange(count) + 0.5) * CELL - plan.size / 2) * millimetres
    return np.asarray(middle + sign * (steps[None] + shift[:, None] * millimetres))


def sagittal_marks(points: NDArray[np.float32], across: NDArray[np.float32], seen: NDArray[np.float32], shift: NDArray[np.int64],
                   plan: CropPlan) -> NDArray[np.float32]:
    """(n, 5, slots, h, w) densities of the marks over the sagittal cells, each summing to one, or to 0 where there is no mark near."""
    v = _cells(plan, plan.sagittal_mm, plan.sagittal_middle_mm[0], shift[:, 0], 1.0)
    w = _cells(plan, plan.sagittal_mm, plan.sagittal_middle_mm[1], shift[:, 1], -1.0)
    in_plane = [_bell(at[:, None] - points[:, :, axis, None], SPREAD_MM) for at, axis in ((v, 1), (w, 2))]
    slots = _bell(across[:, None] * 10 - points[:, :, 0, None], SPREAD_ACROSS_MM) * seen[:, None]
    return _density(slots, in_plane[1], in_plane[0])


def axial_marks(points: NDArray[np.float32], along: NDArray[np.float32], seen: NDArray[np.float32], shifts: NDArray[np.int64],
                plan: CropPlan) -> NDArray[np.float32]:
    """(n, 6, slots, h, w): canal, foramen, recess over the left half, then over the right."""
    parts = []
    for half, sign in enumerate(SIGNS.values()):
        own = points[:, [row + (half if row else 0) for row in AXIAL_ROWS]]
        out = _cells(plan, plan.axial_mm, plan.axial_middle_mm[0], shifts[:, half, 0], 1.0)
        v = _cells(plan, plan.axial_mm, plan.axial_middle_mm[1], shifts[:, half, 1], 1.0)
        columns = _bell(out[:, None] - sign * own[:, :, 0, None], SPREAD_MM)
        rows = _bell(v[:, None] - own[:, :, 1, None], SPREAD_MM)
        slots = _bell(along[:, None] * 10 - own[:, :, 2, None], SPREAD_ACROSS_MM) * seen[:, None]
        parts.append(_density(slots, rows, columns))
    return np.concatenate(parts, axis=1)


def _bell(away: NDArray[np.floating], spread: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * (np.nan_to_num(away, nan=1e3) / spread) ** 2))


def _density(slots: NDArray[np.floating], rows: NDArray[np.floating], columns: NDArray[np.floating]) -> NDArray[np.float32]:
    whole = slots[..., :, None, None] * rows[..., None, :, None] * columns[..., None, None, :]
    total = whole.sum(axis=(2, 3, 4), keepdims=True)
    near = whole.max(axis=(2, 3, 4), keepdims=True) > NEAR
    return np.asarray(np.where(near, whole / np.maximum(total, 1e-12), 0.0), np.float32)
