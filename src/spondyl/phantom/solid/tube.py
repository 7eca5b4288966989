"""The canal as a tube along the straight spine: its lines without disease, its widths, and the windows that hold it slab by slab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Spine
from spondyl.phantom.curves import HEIGHTS_MM, Curves, Line, curves
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.volume import Array, Volume, Window

SLAB = 20
"""Slices of a slab."""
SAC_SHARE = (0.57, 0.70)
"""Width of the sac over that of the bony canal, at the lowest disc and at the one below the highest lumbar vertebra [O]: with the default
canal it gives areas of about 120, 150 and 200 mm2 at L5/S1, L4/5 and L1/2."""
SPARED_MM, PINCH = 2.0, 0.6
"""Slip that costs the sac nothing, and depth that it loses for each further mm [O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """The canal of a healthy copy of the subject, over height.

    Attributes:
        lines: Mid-line curves with no disc standing out.
        half_width: Of the bony canal, at HEIGHTS_MM.
        sac_half: Half width of the sac, at HEIGHTS_MM.
    """

    lines: Curves
    half_width: Line
    sac_half: Line

    def at(self, name: str, z: NDArray[np.floating]) -> Array:
        """A line of `Curves`, "half_width" or "sac_half" at heights z of the straight spine."""
        line = getattr(self, name) if name in ("half_width", "sac_half") else getattr(self.lines, name)
        return self.lines.at(line, -z)

    def lines_at(self, name: str) -> tuple[Line, Line]:
        """(heights y, "half_width" or "sac_half" there), for `numpy.interp`."""
        return HEIGHTS_MM, getattr(self, name)


def tube_of(spec: SubjectSpec, spine: Spine) -> Tube:
    """The canal before anything narrows it."""
    calm = tuple(replace(disc, spec=replace(disc.spec, bulge_mm=(0.0, 0.0), herniation_mm=0.0)) for disc in spine.discs)
    lines = _pinched(curves(spec, replace(spine, discs=calm)), spine)
    levels = [spine.sacrum[2].centre[1], spine.sacrum[0].centre[1], *(body.centre[1] for body in spine.bodies)]
    widths = [v.arch.canal_mm[0] / 2 for v in spec.vertebrae]
    halves = [widths[0] * 0.7, widths[0] * 1.0, *widths]
    order = np.argsort(levels)
    half = np.interp(HEIGHTS_MM, np.array(levels)[order], np.array(halves)[order])
    low, high = spine.discs[0].centre[1], spine.discs[spec.lumbar - 1].centre[1]
    share = SAC_SHARE[0] + (SAC_SHARE[1] - SAC_SHARE[0]) * np.clip((low - HEIGHTS_MM) / (low - high), -0.6, 1.0)
    taper = np.clip((lines.sac_back - lines.sac_front) * lines.cosine / 7.0, 0.0, 1.0) ** 0.5
    return Tube(lines, half, half * share * taper)


def _pinched(lines: Curves, spine: Spine) -> Curves:
    """The same lines with the sac narrowed where a vertebra has slipped and its arch came forward, or its body back."""
    lost = np.zeros_like(HEIGHTS_MM)
    for disc in spine.discs:
        beyond = max(abs(disc.spec.slip_mm) - SPARED_MM, 0.0) * (PINCH if disc.spec.slip_mm > 0 else PINCH * 0.7)
        lost += beyond * np.exp(-np.square((HEIGHTS_MM - disc.ends[1][1]) / 9.0))
    floor = np.minimum(lines.sac_front + 2.0, lines.sac_back)
    return replace(lines, sac_back=np.maximum(lines.sac_back - lost / lines.cosine, floor))


def slabs(volume: Volume, tube: Tube, half_width_mm: float, ahead_mm: float, behind_mm: float, line: str = "bone_back",
          first_line: str = "back") -> Iterator[Window]:
    """Windows of the fine block, slab by slab, from `ahead_mm` before the first line (the bodies' backs) to `behind_mm` after the other.

    They lie by the bend at their own heights, with a margin where the spine leans; painters straighten the coordinates themselves.
    """
    grid, posture = volume.fine.grid, volume.posture
    heights = grid.axis("z").astype(np.float64)
    turn, lean = (np.interp(heights, posture.heights, a) for a in (posture.axial_rad, posture.coronal_rad))
    bent, home = ([np.interp(heights, posture.heights, table[:, k]) for k in range(3)] for table in (posture.bent, posture.straight))
    level = heights - bent[2] + home[2]
    margin = half_width_mm * np.abs(np.tan(lean)) + (0.0 if posture.upright else 1.0)
    front, rear = tube.at(first_line, level) - ahead_mm - home[1] - margin, tube.at(line, level) + behind_mm - home[1] + margin
    c, s = np.cos(turn), np.sin(turn)
    xs = [bent[0] + c * x - s * y for x in (-half_width_mm, half_width_mm) for y in (front, rear)]
    ys = [bent[1] + s * x + c * y for x in (-half_width_mm, half_width_mm) for y in (front, rear)]
    for first in range(0, len(heights), SLAB):
        part = slice(first, min(first + SLAB, len(heights)))
        low, high = (np.array([f([f(v[part]) for v in xs]), f([f(v[part]) for v in ys]), 0.0]) for f in (min, max))
        low[2], high[2] = heights[part][0], heights[part][-1]
        window = grid.window(low, high)
        if window is not None:
            yield part, window[1], window[2]
