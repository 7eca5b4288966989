"""From the locator's maps to a chain of discs, counted from the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox

STRIDE = 4
LOG_SIZE_UNIT = 32.0
MISSED_STEP = 1.55
CLEAR = 0.5
"""A peak of this height that the chain passes by is worth a word."""


@dataclass(frozen=True, slots=True)
class Disc:
    """One disc of the chain, in pixels of the original image.

    Attributes:
        x, y: Centre.
        width, height: Of its box (which, like the reader's boxes it was taught by, includes a margin).
        score: Peak of the heat map, 0..1.
        lowest: Probability that this is the disc above the sacrum.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    lowest: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        return (self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2)


def peaks(maps: NDArray[np.float32], least: float) -> NDArray[np.float64]:
    """Local maxima of the heat map, (n, 6): x, y, width, height in frame pixels, score, lowest; best first.

    Args:
        maps: (6, rows, columns), as `Locator` puts them out (averaged over members).
        least: Lowest peak height that counts.
    """
    heat = maps[0]
    padded = np.pad(heat, 1, constant_values=-1)
    rows, columns = heat.shape
    around = np.max([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
    found_rows, found_columns = np.nonzero((heat >= around) & (heat > least))
    lowest = np.pad(maps[1], 1)
    table = [
        (
            (column + 0.5 + maps[2, row, column]) * STRIDE,
            (row + 0.5 + maps[3, row, column]) * STRIDE,
            np.exp(maps[4, row, column]) * LOG_SIZE_UNIT,
            np.exp(maps[5, row, column]) * LOG_SIZE_UNIT,
            heat[row, column],
            lowest[row : row + 3, column : column + 3].max(),
        )
        for row, column in zip(found_rows, found_columns, strict=True)
    ]
    array = np.array(sorted(table, key=lambda p: -p[4]), dtype=np.float64).reshape(-1, 6)
    kept: list[int] = []
    for index, peak in enumerate(array):
        if all(np.hypot(*(array[k, :2] - peak[:2])) > 0.5 * min(array[k, 3], peak[3]) for k in kept):
            kept.append(index)
    return array[kept]


def best_chain(points: NDArray[np.float64], settings: Mapping[str, float]) -> list[int]:
    """The most plausible run of discs among the peaks, indices from the bottom up (dynamic programming over pairs).

    A peak is worth log(score / `keep_score`), so weaker peaks cost. A chain that begins at a peak pays for how unlikely that
    peak is to be the lowest disc (`start_cost` x -log; less than `start_least` counts as that, for the field may be cut above
    the sacrum). Neighbours are expected one typical step apart; a step costs `step_cost` x (log ratio to that)^2, and a step
    that leans more than 60 degrees from the vertical is not taken.

    Args:
        points: (n, 6) from `peaks`, frame pixels.
        settings: `keep_score`, `step_cost`, `start_cost`, `start_least`.
    """
    if len(points) < 2:
        return list(range(len(points)))
    order = np.argsort(-points[:, 1])
    ordered = points[order]
    worth = np.log(np.maximum(ordered[:, 4], 1e-6) / settings["keep_score"])
    step = typical_step(ordered[ordered[:, 4] > 0.5] if (ordered[:, 4] > 0.5).sum() >= 3 else ordered)
    total = worth + settings["start_cost"] * np.log(np.maximum(ordered[:, 5], settings["start_least"]))
    before = np.full(len(ordered), -1)
    for upper in range(len(ordered)):
        for lower in range(upper):
            dx, dy = ordered[upper, :2] - ordered[lower, :2]
            if -dy <= 0 or abs(dx) > 1.73 * -dy:
                continue
            cost = settings["step_cost"] * np.log(np.hypot(dx, dy) / step) ** 2
            if total[lower] + worth[upper] - cost > total[upper]:
                total[upper], before[upper] = total[lower] + worth[upper] - cost, lower
    at = int(np.argmax(total))
    chain = []
    while at >= 0:
        chain.append(int(order[at]))
        at = int(before[at])
    return chain[::-1]


def typical_step(points: NDArray[np.float64]) -> float:
    """Median distance from each peak to the next one above it; the box height where there is only one."""
    ordered = points[np.argsort(-points[:, 1]), :2]
    if len(ordered) < 2:
        return float(points[:, 3].mean() * 1.5)
    return float(np.median(np.hypot(*np.diff(ordered, axis=0).T)))


def first_gap(discs: Sequence[Disc]) -> int | None:
    """Index of the first disc above a step that could hold another disc, so that its number is in doubt; None without a gap.

    A step is suspicious when it is longer than MISSED_STEP times the median of its neighbours (two on either side).
    """
    steps = np.hypot(np.diff([d.x for d in discs]), np.diff([d.y for d in discs]))
    for index, step in enumerate(steps):
        near = [steps[k] for k in range(max(0, index - 2), min(len(steps), index + 3)) if k != index]
        if near and step > MISSED_STEP * float(np.median(near)):
            return index + 1
    return None


def find_discs(maps: NDArray[np.float32], frame: Letterbox, settings: Mapping[str, float]) -> list[Disc]:
    """The chain of discs in the original image, from the bottom up."""
    return find_chain(maps, frame, settings)[0]


def find_chain(maps: NDArray[np.float32], frame: Letterbox, settings: Mapping[str, float]) -> tuple[list[Disc], int]:
    """The chain of discs in the original image, from the bottom up, and how many clear peaks it passes by."""
    found = peaks(maps, settings["least_score"])
    picked = best_chain(found, settings)
    chain = found[picked]
    passed_by = int((np.delete(found, picked, axis=0)[:, 4] > CLEAR).sum())
    scale = float(frame.to_source[0, 0])
    centres = frame.back(chain[:, :2])
    discs = [
        Disc(float(x), float(y), float(p[2]) * scale, float(p[3]) * scale, float(p[4]), float(p[5]))
        for (x, y), p in zip(centres, chain, strict=True)
    ]
    return discs, passed_by
