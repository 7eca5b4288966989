"""The frames in which networks see a density picture: the scan, the spine from L1 to L4, one vertebra. Training and serving share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, letterbox
from spondyl.metrics.bone_density import REGION
from spondyl.tasks.dxa_osteoporosis.panel import Panel

Points = NDArray[np.float64]
NAMES = ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "L6")
"""Vertebrae that the locator names, from the highest down."""
LENGTH_SHARE = 0.88
"""Of the rows of the spine's frame that L1 to L4 fill."""
HALF_GAP = 0.14
"""Half of a disc in heights of a body: the border of a region where the neighbour was not found [O]."""
CROP_HEIGHT, CROP_WIDTH = 1.6, 2.0
"""A vertebra's frame in heights and widths of its region."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Sizes in pixels, (rows, columns).

    Attributes:
        scan: What gate, locator and student see.
        spine: What the members see: L1 to L4 upright.
        vertebra: What judges whether a vertebra is reliable.
    """

    scan: tuple[int, int] = (192, 160)
    spine: tuple[int, int] = (128, 80)
    vertebra: tuple[int, int] = (48, 64)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Frames:
        """From the `frames` of a bundle's settings."""
        (a, b), (c, d), (e, f) = (map(int, settings[name]) for name in ("scan", "spine", "vertebra"))
        return cls((a, b), (c, d), (e, f))

    def as_dict(self) -> dict[str, list[int]]:
        """As a bundle keeps it."""
        return {"scan": list(self.scan), "spine": list(self.spine), "vertebra": list(self.vertebra)}


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra that was found.

    Attributes:
        name: One of NAMES.
        corners: (4, 2) pixels (x, y) of the picture: top-left, top-right, bottom-right, bottom-left of its body.
        score: Of the heat map, 0..1.
    """

    name: str
    corners: Points
    score: float = 1.0

    @property
    def centre(self) -> Points:
        """(x, y)."""
        return np.asarray(self.corners.mean(axis=0))

    @property
    def width(self) -> float:
        """Mean width of the body in pixels."""
        return float(np.linalg.norm(self.corners[[1, 2]].mean(axis=0) - self.corners[[0, 3]].mean(axis=0)))

    @property
    def height(self) -> float:
        """Mean height of the body in pixels."""
        return float(np.linalg.norm(self.corners[[2, 3]].mean(axis=0) - self.corners[[0, 1]].mean(axis=0)))


def scan_frame(panel: Panel, shape: tuple[int, int]) -> Letterbox:
    """The scan fitted into its frame, aspect kept. Greys stay as they are: no stretching."""
    x0, y0, x1, y1 = panel.box
    return letterbox((float(x0), float(y0), float(x1), float(y1)), shape)


def spine_frame(found: Sequence[Vertebra], shape: tuple[int, int]) -> Letterbox:
    """L1 to L4 upright in the middle of a frame. Centres are taken to be evenly spaced, so that one that is missing does no harm.

    Args:
        found: At least two vertebrae with names of NAMES.
    """
    places = np.array([NAMES.index(one.name) for one in found], np.float64)
    centres = np.stack([one.centre for one in found])
    near = np.array([one.name in REGION for one in found])
    if near.sum() >= 2:
        places, centres = places[near], centres[near]
    first = NAMES.index(REGION[0])
    line = np.polynomial.polynomial.polyfit(places, centres, 1)
    top, bottom = line[0] + line[1] * (first - 0.5), line[0] + line[1] * (first + len(REGION) - 0.5)
    down = (bottom - top) / (shape[0] * LENGTH_SHARE)
    across = np.array([down[1], -down[0]])
    linear = np.column_stack([across, down])
    return Letterbox(np.column_stack([linear, (top + bottom) / 2 - linear @ (np.array([shape[1], shape[0]]) / 2)]), shape)


def regions(found: Sequence[Vertebra]) -> dict[str, Points]:
    """Measured regions of L1 to L4, (4, 2) pixels clockwise from the top left: body edges, borders midway to the neighbours."""
    table: dict[str, Points] = {}
    for k, one in enumerate(found):
        if one.name not in REGION:
            continue
        box, up = one.corners.copy(), one.corners[[0, 1]] - one.corners[[3, 2]]
        above, below = (_next(found, k, step) for step in (-1, 1))
        box[:2] = (box[:2] + above.corners[[3, 2]]) / 2 if above else box[:2] + HALF_GAP * up
        box[2:] = (box[2:] + below.corners[[1, 0]]) / 2 if below else box[2:] - HALF_GAP * up[::-1]
        table[one.name] = box
    return table


def _next(found: Sequence[Vertebra], k: int, step: int) -> Vertebra | None:
    """The neighbour above (-1) or below (1), if it was found: one that lies further away is none."""
    at = k + step
    near = 0 <= at < len(found) and NAMES.index(found[at].name) - NAMES.index(found[k].name) == step
    return found[at] if near else None


def vertebra_frame(region: Points, shape: tuple[int, int]) -> Letterbox:
    """A vertebra upright in the middle of a frame, with what lies beside it; sides are scaled by their own."""
    middle = region.mean(axis=0)
    across = (region[[1, 2]].mean(axis=0) - region[[0, 3]].mean(axis=0)) * CROP_WIDTH / shape[1]
    down = (region[[2, 3]].mean(axis=0) - region[[0, 1]].mean(axis=0)) * CROP_HEIGHT / shape[0]
    linear = np.column_stack([across, down])
    return Letterbox(np.column_stack([linear, middle - linear @ (np.array([shape[1], shape[0]]) / 2)]), shape)


def curvature_deg(found: Sequence[Vertebra]) -> float:
    """Largest angle between an upper plate and a lower plate further down, degrees: the coronal curve of what is in view."""
    upper = [_tilt(one.corners[0], one.corners[1]) for one in found]
    lower = [_tilt(one.corners[3], one.corners[2]) for one in found]
    return max((abs(upper[a] - lower[b]) for a in range(len(found)) for b in range(a, len(found))), default=0.0)


def _tilt(left: Points, right: Points) -> float:
    return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
