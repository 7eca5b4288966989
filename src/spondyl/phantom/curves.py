"""Lines that run along the whole spine, as x over y in the body frame: body walls, thecal sac, fascia, skin, belly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Spine
from spondyl.phantom.canvas import Array
from spondyl.phantom.spec import SubjectSpec

Line = NDArray[np.float64]
HEIGHTS_MM = np.arange(-660.0, 200.0, 1.0)
"""y at which the lines are known: from above the neck of a tall spine of 17 vertebrae to below the coccyx."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """x in mm at each of HEIGHTS_MM (y), and the canal's cosine that turns horizontal into perpendicular distance.

    Attributes:
        front, back: Anterior and posterior outline of bodies and discs.
        sac_front, sac_back: Thecal sac; equal where it has ended.
        bone_back: Outer edge of the posterior epidural fat: the front of the laminae.
        fascia, skin: Behind the spinous tips, and the back's skin.
        belly: Anterior skin.
        cosine: Of the canal's inclination.
    """

    front: Line
    back: Line
    sac_front: Line
    sac_back: Line
    bone_back: Line
    fascia: Line
    skin: Line
    belly: Line
    cosine: Line

    def at(self, line: Line, y: NDArray[np.floating]) -> Array:
        """x of a line at heights y, float32."""
        at = np.clip(np.asarray(y, np.float32) - np.float32(HEIGHTS_MM[0]), 0, len(HEIGHTS_MM) - 1.001)
        index = at.astype(np.int32)
        table = line.astype(np.float32)
        low = table.take(index)
        low += (table.take(index + 1) - low) * (at - index)
        return np.asarray(low, np.float32)


def curves(spec: SubjectSpec, spine: Spine, lateral_mm: float = 0.0) -> Curves:
    """The lines of that spine in a slice `lateral_mm` beside the midline."""
    bodies = (*reversed(spine.sacrum), *spine.bodies)
    back = _through([p for body in bodies for p in (body.lower.posterior, body.upper.posterior)])
    front = _through([p for body in bodies for p in (body.lower.anterior, body.upper.anterior)])
    tube = _smooth(back, 9) + 1.0
    cosine = 1 / np.hypot(1, np.gradient(tube))
    depth = _sac_depth(spec, spine, lateral_mm)
    low = np.clip((HEIGHTS_MM + 28) / 55, 0, 1)
    tube = tube + (1.2 + spec.soft.epidural_mm[0] * low * low * (3 - 2 * low)) / cosine
    sac_back = tube + depth / cosine
    sac_front = np.minimum(np.maximum(tube, back + (0.8 + _reach(spine)) / cosine), np.maximum(sac_back - 1.2 * np.sign(depth), tube))
    sac_front = np.minimum(_smooth(sac_front, 1.5), sac_back)
    closing = np.clip((_segment_height(spine, 3.6) - HEIGHTS_MM) / 34, 0, 1)
    bone_back = np.maximum(sac_back, back + 6 * closing) + (0.6 + spec.soft.epidural_mm[1] * _between_laminae(spine)) * closing / cosine
    fascia = _fascia(spec, spine, bone_back)
    levels = [spine.bodies[min(5, len(spine.bodies) - 1)].centre[1], spine.bodies[2].centre[1], 10.0]
    skin = _smooth(fascia, 28) + np.interp(HEIGHTS_MM, levels, spec.soft.back_fat_mm)
    skin = np.maximum(_smooth(skin, 12), fascia + 3)
    middle = spine.bodies[2].centre[1]
    belly = float(np.interp(middle, HEIGHTS_MM, front)) - spec.soft.belly_mm + np.minimum(np.abs(HEIGHTS_MM - middle - 20) / 95, 3) ** 2 * 9
    return Curves(front, back, sac_front, sac_back, bone_back, fascia, skin, belly, cosine)


def _through(points: list[NDArray[np.float64]]) -> Line:
    """A line through the points, carried on straight upward, and curling forward below like a coccyx."""
    rows = np.array(sorted(points, key=lambda p: p[1]))
    top, bottom = rows[0], rows[-1]
    slope = (rows[0, 0] - rows[4, 0]) / (rows[0, 1] - rows[4, 1])
    ahead = [(top[0] - 80 * slope - 2.0, top[1] - 80.0)]
    behind = [(bottom[0] - 3, bottom[1] + 14), (bottom[0] - 16, bottom[1] + 32), (bottom[0] - 60, bottom[1] + 70)]
    table = np.vstack([ahead, rows, behind])
    return np.asarray(np.interp(HEIGHTS_MM, table[:, 1], table[:, 0]))


def _smooth(line: Line, sigma_mm: float) -> Line:
    reach = int(4 * sigma_mm)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_mm) ** 2)
    return np.asarray(np.convolve(np.pad(line, reach, mode="reflect", reflect_type="odd"), weights / weights.sum(), mode="valid"))


def _sac_depth(spec: SubjectSpec, spine: Spine, lateral_mm: float) -> Line:
    """Perpendicular depth of the sac; it tapers to its end in the sacrum, and narrows beside the midline."""
    count = spec.lumbar
    levels = [spine.bodies[count - 1].centre[1], spine.bodies[min(2, count - 2)].centre[1], spine.bodies[0].centre[1]]
    depth = np.interp(HEIGHTS_MM, levels, spec.soft.canal_mm)
    end = _segment_height(spine, spec.soft.sac_end)
    taper = np.clip((end - HEIGHTS_MM) / max(end - spine.bodies[0].centre[1], 10.0), 0, 1)
    round_off = np.sqrt(max(1 - (lateral_mm / 11.0) ** 2, 0.0))
    return np.asarray(depth * np.sqrt(taper) * round_off)


def _segment_height(spine: Spine, segments: float) -> float:
    """y of a place `segments` sacral segments below the top of S1."""
    tops = [body.upper.posterior[1] for body in spine.sacrum] + [spine.sacrum[-1].lower.posterior[1]]
    return float(np.interp(segments, range(len(tops)), tops))


def _reach(spine: Spine) -> Line:
    """How far discs stand out behind the walls at each height, mm."""
    reach = np.zeros_like(HEIGHTS_MM)
    for disc in spine.discs:
        y = disc.ends[1][1]
        height = disc.spec.expected_mm * (1 - disc.spec.height_loss)
        wide = disc.spec.bulge_mm[1] * np.exp(-(((HEIGHTS_MM - y) / (0.75 * height + 1.5)) ** 2))
        lift = disc.spec.herniation_up * height
        focal = disc.spec.herniation_mm * np.exp(-(((HEIGHTS_MM - y + lift) / (0.6 * height + 3)) ** 2))
        reach = np.maximum(reach, np.maximum(wide, focal))
    return reach


def _between_laminae(spine: Spine) -> Line:
    """1 midway between two spinous roots, 0 at them: where posterior epidural fat lies."""
    bumps = np.full_like(HEIGHTS_MM, 0.12)
    for disc in spine.discs[:6]:
        bumps = np.maximum(bumps, np.exp(-(((HEIGHTS_MM - disc.ends[1][1] + 3) / 8.5) ** 2)))
    return np.where(spine.sacrum[0].centre[1] < HEIGHTS_MM, np.maximum(bumps, 0.7), bumps)


def spinous_start(bone_back: Line, y: float) -> NDArray[np.float64]:
    """Where a spinous process begins at that height."""
    return np.array([float(np.interp(y, HEIGHTS_MM, bone_back)) + 2.0, y])


def _fascia(spec: SubjectSpec, spine: Spine, bone_back: Line) -> Line:
    """A line just behind the spinous tips, falling toward the sacral crest below."""
    tips = []
    for body, vertebra in zip(spine.bodies, spec.vertebrae, strict=True):
        y = float(body.centre[1]) + 9
        tips.append((y + 6, spinous_start(bone_back, y)[0] + vertebra.spinous_mm[0]))
    for segment, reach in zip(spine.sacrum, (17.0, 13.0, 10.0, 8.0, 6.0), strict=True):
        y = float(segment.centre[1])
        tips.append((y, float(np.interp(y, HEIGHTS_MM, bone_back)) + reach))
    rows = np.array(sorted(tips))
    return _smooth(np.interp(HEIGHTS_MM, rows[:, 0], rows[:, 1]), 7) + 2.5
