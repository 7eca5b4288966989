"""Where the vertebrae are and what they are called, from the locator's maps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox
from spondyl.tasks.dxa_osteoporosis.space import NAMES, Vertebra

STRIDE = 4
UNIT = 16.0
"""Frame pixels that 1.0 of a corner's offset stands for."""
SHARPNESS = 3.0
"""How many vertebrae speak for a name as if they were independent: fewer than there are, since they are seen together [O]."""
DISC = 0.3
"""Height of a disc in heights of a body [O]."""
LEAST, APART = 0.25, 9.0
"""Least probability of a vertebra; frame pixels between two."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Vertebrae from the highest down, with names by their places, and how sure the names are.

    Attributes:
        confidence: Probability that the names are right.
        other: Names one step up or down, whichever is likelier, in the same order; "" where a name has no neighbour.
        other_confidence: Of those.
    """

    vertebrae: tuple[Vertebra, ...]
    confidence: float = 0.0
    other: tuple[str, ...] = ()
    other_confidence: float = 0.0


def find_vertebrae(maps: NDArray[np.float32], frame: Letterbox) -> Found:
    """Peaks of the maps, named so that they follow each other.

    Args:
        maps: (len(NAMES) + 8, h, w): probability that a vertebra of each name has its centre in a cell; offsets of its four corners from
            the cell's middle in UNIT, x and y in turn.
        frame: Of the scan.
    """
    heat = maps[: len(NAMES)]
    cells = _peaks(heat.max(axis=0))
    if not cells:
        return Found(())
    cells.sort()
    scores = np.stack([_around(heat, row, column) for row, column in cells])
    corners = [_corners(maps, row, column) for row, column in cells]
    slots = _slots(corners)
    order, shares = _names(scores, slots)
    best = int(np.argmax(shares))
    start = order[best]
    inside = [k for k, slot in enumerate(slots) if 0 <= start + slot < len(NAMES)]
    vertebrae = tuple(Vertebra(NAMES[start + slots[k]], frame.back(corners[k]), float(scores[k].max())) for k in inside)
    rest = [(share, at) for at, share in zip(order, shares, strict=True) if at != start]
    other_share, other = max(rest, default=(0.0, start))
    named = tuple(NAMES[other + slots[k]] if 0 <= other + slots[k] < len(NAMES) else "" for k in inside)
    return Found(vertebrae, float(shares[best]), named, float(other_share))


def from_bottom(found: Found, name: str) -> int:
    """Number of a vertebra from the lowest that was found, which is 1; one that was missed in between counts."""
    return NAMES.index(found.vertebrae[-1].name) - NAMES.index(name) + 1


def _peaks(heat: NDArray[np.float32]) -> list[tuple[int, int]]:
    """(row, column) of cells that are higher than all within APART, from the highest down; at most one a name."""
    left = heat.copy()
    reach = APART / STRIDE
    y, x = np.mgrid[0:heat.shape[0], 0:heat.shape[1]]
    found: list[tuple[int, int]] = []
    while len(found) < len(NAMES):
        row, column = (int(v) for v in np.unravel_index(int(left.argmax()), left.shape))
        if left[row, column] < LEAST:
            break
        found.append((row, column))
        left[(np.abs(y - row) < reach) & (np.abs(x - column) < 4 * reach)] = 0
    return found


def _around(heat: NDArray[np.float32], row: int, column: int) -> NDArray[np.float64]:
    """Of each name the highest probability in the nine cells around a place."""
    part = heat[:, max(row - 1, 0):row + 2, max(column - 1, 0):column + 2]
    return np.asarray(part.max(axis=(1, 2)), np.float64)


def _slots(corners: list[NDArray[np.float64]]) -> list[int]:
    """Place of each vertebra in the column, 0 the highest: where a body fits between two that were found, it was missed."""
    places = [0]
    for above, below in pairwise(corners):
        gap = float(np.linalg.norm(below[:2].mean(axis=0) - above[2:].mean(axis=0)))
        height = np.mean([np.linalg.norm(one[2:].mean(axis=0) - one[:2].mean(axis=0)) for one in (above, below)])
        missed = max(round((gap / max(float(height), 1.0) - DISC) / (1 + DISC)), 0)
        places.append(places[-1] + 1 + missed)
    return places


def _names(scores: NDArray[np.float64], slots: list[int]) -> tuple[list[int], NDArray[np.float64]]:
    """(names that the highest vertebra could have, their probabilities): names by place, each vertebra's share of them averaged."""
    count = slots[-1] + 1
    shares = (scores + 1e-3) / (scores + 1e-3).sum(axis=1, keepdims=True)
    starts = list(range(min(len(NAMES) - count, 0), max(len(NAMES) - count, 0) + 1))
    told = {s: [float(np.log(shares[k, s + slot])) for k, slot in enumerate(slots) if 0 <= s + slot < len(NAMES)] for s in starts}
    starts = [s for s in starts if told[s]]
    mean = np.array([np.mean(told[s]) for s in starts])
    powers = np.exp((mean - mean.max()) * SHARPNESS)
    return starts, powers / powers.sum()


def _corners(maps: NDArray[np.float32], row: int, column: int) -> NDArray[np.float64]:
    """(4, 2) in frame pixels: the mean of what the cell and its four neighbours say."""
    told = []
    for dr, dc in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = row + dr, column + dc
        if 0 <= r < maps.shape[1] and 0 <= c < maps.shape[2]:
            offsets = maps[len(NAMES):, r, c].astype(np.float64).reshape(4, 2) * UNIT
            told.append(offsets + (np.array([c, r]) + 0.5) * STRIDE)
    return np.asarray(np.median(told, axis=0))
