"""A film read by detector and second look: the column from the top down, with what is missing in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.inference import Engine
from spondyl.tasks.xray_alignment.corners import Corners, look_closer
from spondyl.tasks.xray_alignment.detect import FEWEST, Seen, detect, pitches
from spondyl.tasks.xray_alignment.frames import Frames, Pixels, widths
from spondyl.tasks.xray_alignment.naming import NAMES, Naming, name_column

DETECTOR, CORNERS = "detector-", "corners-"
"""What the networks of a bundle are called, before the number of their fold."""
STRAYED = 0.5
"""A second look that ends farther from the first, in widths of the vertebra, has gone to a neighbour: the first stands."""
WIDE_SD = 0.25
"""Spread of the corners of a first look that stands, in widths [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The vertebrae that were found, from the top down.

    Attributes:
        seen: As the detector saw them.
        corners: As the second look saw them.
        slots: Place of each in the column, 0 the highest; a place that is left out was missed.
        beside: Scores of what looks like a vertebra and lies on no way with the column.
    """

    seen: tuple[Seen, ...]
    corners: Corners
    slots: tuple[int, ...]
    beside: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.seen)


def networks_of(engine: Engine, folds: Sequence[int] | None = None) -> tuple[list[str], list[str]]:
    """(detectors, corner networks) of a bundle: all, or those that have not seen these folds."""
    names: tuple[list[str], list[str]] = ([], [])
    for name, file in engine.bundle.networks.items():
        if folds is None or set(folds) <= set(file.unseen_folds):
            for kind, found in zip((DETECTOR, CORNERS), names, strict=True):
                if name.startswith(kind):
                    found.append(name)
    return names


def read_column(pixels: Pixels, engine: Engine, networks: tuple[Sequence[str], Sequence[str]], frames: Frames) -> Column:
    """Everything on a film that lies in a column like vertebrae, also what lies beyond T1 and L5.

    Args:
        pixels: float32 (rows, columns), as `frames.scaled` makes it.
        networks: As `networks_of` gives them.
    """
    detected = detect(pixels, engine, networks[0], frames.film)
    rough = np.stack([one.corners for one in detected.column]) if detected.column else np.zeros((0, 4, 2))
    fine = look_closer(pixels, rough, engine, networks[1], frames.vertebra)
    return Column(detected.column, _kept(rough, fine), slots_of(detected.column), detected.beside)


def named(column: Column, settings: Mapping[str, Any]) -> tuple[Column, Naming]:
    """The column from T1 to L5 at most, and the names of its places.

    Args:
        settings: Of the bundle: `naming` and `score`.
    """
    naming = name_column(column.seen, column.slots, settings)
    start = naming.start
    kept = [k for k, slot in enumerate(column.slots) if 0 <= start + slot < len(NAMES)]
    if not kept:
        return column, naming
    first = column.slots[kept[0]]
    corners = Corners(column.corners.points[kept], column.corners.spread[kept])
    part = Column(tuple(column.seen[k] for k in kept), corners, tuple(column.slots[k] - first for k in kept), column.beside)
    return part, naming.moved(first)


def slots_of(seen: Sequence[Seen]) -> tuple[int, ...]:
    """Place of each in the column, 0 the highest: where a vertebra fits between two that were seen, it was missed."""
    if len(seen) < FEWEST + 1:
        return tuple(range(len(seen)))
    centres = [one.centre for one in seen]
    pitch = pitches(centres, [float(one[1]) for one in centres])
    slots = [0]
    for k in range(len(seen) - 1):
        step = float(np.linalg.norm(centres[k + 1] - centres[k]))
        slots.append(slots[-1] + max(round(2 * step / (pitch[k] + pitch[k + 1])), 1))
    return tuple(slots)


def _kept(rough: np.ndarray, fine: Corners) -> Corners:
    """The second look, where it did not stray."""
    if not len(rough):
        return fine
    width = widths(rough)
    strayed = np.linalg.norm(fine.points.mean(axis=1) - rough.mean(axis=1), axis=1) > STRAYED * width
    wide = np.eye(2) * (WIDE_SD * width[:, None, None, None]) ** 2
    return Corners(np.where(strayed[:, None, None], rough, fine.points), np.where(strayed[:, None, None, None], wide, fine.spread))
