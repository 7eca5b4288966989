"""The canal and the two lateral recesses of one disc level, measured in planes through the built volume.

Deformation is not modelled: what encroaches covers the sac, and roots do not give way. So the room that the roots need is the larger of
their area in the disc's plane and behind the body above, where nothing presses on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.anatomy import Disc
from spondyl.phantom.measured.records import Point, StenosisTruth
from spondyl.phantom.measured.rules import RULE, canal_grade, recess_grade
from spondyl.phantom.measured.sampling import ROOT, SAC, SOFT_CANAL, STEP_MM, plane, sample, touching
from spondyl.phantom.posture import Pose
from spondyl.phantom.volume import Array, Volume

HALF_MM, AHEAD_MM, BEHIND_MM = 17.0, 6.0, 32.0
"""How far a plane reaches to either side, in front of and behind the disc's back."""
RECESS_BAND_MM = (2.5, 4.5)
"""Where a recess is measured: that far inside the medial wall of the pedicle, where the traversing root runs."""
RECESS_DEEP_MM = 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A disc level on its way to be measured.

    Attributes:
        back_mm: Where the disc's back lies in its frame, at the mid-line.
        height_mm: Mean distance of the plates' chords.
        half_canal_mm: Half width of the bony canal at the vertebra below.
    """

    volume: Volume
    disc: Disc
    pose: Pose
    name: str
    back_mm: float
    height_mm: float
    half_canal_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Shares of sac, root and soft canal in one plane: (rows, columns), with the columns' u and the rows' v."""

    sac: Array
    root: Array
    soft: Array
    u: Array
    v: Array


def level_of(volume: Volume, index: int, name: str) -> Level:
    """The level of a disc, 0 the lowest."""
    disc, pose = volume.spine.discs[index], volume.posture.discs[index]
    below = volume.spec.vertebrae[max(index - 1, 0)]
    chords = disc.above.anterior + disc.above.posterior - disc.below.anterior - disc.below.posterior
    back = float(np.hypot(*(disc.ends[1] - disc.ends[0]))) / 2
    return Level(volume, disc, pose, name, back, float(np.hypot(*chords)) / 2, below.arch.canal_mm[0] / 2)


def cut(level: Level, w: float, step_mm: float = STEP_MM, behind_mm: float = BEHIND_MM) -> Cut:
    """A plane across the canal, parallel to the disc, w above its middle."""
    points, u, v = plane(level.pose, (-HALF_MM, HALF_MM), (level.back_mm - AHEAD_MM, level.back_mm + behind_mm), w, step_mm=step_mm)
    sac, root, soft = sample(level.volume.fine, points, np.stack([SAC, ROOT, SOFT_CANAL]))
    return Cut(sac, root, soft, u, v)


def measure_canal(level: Level, here: Cut) -> StenosisTruth:
    """Area, depth and crowding of the dural sac in the disc's plane."""
    own = sac_of(here)
    sac, cell = here.sac * own, STEP_MM**2
    area = float(sac.sum()) * cell
    free = cut(level, level.height_mm / 2 + 9.0, 2 * STEP_MM)
    root = max(float((here.root * own).sum()) * cell, float((free.root * sac_of(free)).sum()) * 4 * cell)
    share = min(root / area, 1.0) if area > 0 else 1.0
    numbers = {"sac_area_mm2": area, "root_area_mm2": root, "root_share": share,
               "sac_depth_mm": float(sac.sum(axis=0).max()) * STEP_MM, "sac_width_mm": float(sac.sum(axis=1).max()) * STEP_MM}
    return StenosisTruth("spinal_canal_stenosis", None, level.name, level.disc.index + 1, canal_grade(area, share),
                         RULE["spinal_canal_stenosis"], numbers, _middle(level, here, sac))


def sac_of(here: Cut) -> NDArray[np.bool_]:
    """The sac in a plane: what hangs together with its fluid near the mid-line, opened so that a root's sleeve does not count."""
    mask = here.sac > 0.5
    core = _eroded(mask, 1)
    seed = (here.sac - here.root > 0.5) & (np.abs(here.u) < 9)[None] & mask
    grown = touching(core, seed) if (core & seed).any() else touching(mask, seed if seed.any() else mask & (np.abs(here.u) < 6)[None])
    return _dilated(grown, 3)


def measure_recess(level: Level, side: str, planes: tuple[Cut, Cut], free: Cut) -> StenosisTruth:
    """Height of a lateral recess: the least of the disc's plane and of the upper plate of the vertebra below, and what is left of its root.

    Args:
        side: "right" or "left".
        planes: The cut through the disc and the one at the plate below it.
        free: A cut below, between the pedicles, where the same root is free.
    """
    sign = -1.0 if side == "right" else 1.0
    heights = [_recess_height(level, here, sign) for here in planes]
    kept = _root_kept(level, planes[1], free, sign)
    which = int(np.argmin(heights))
    height = float(heights[which])
    at = sign * (level.half_canal_mm - sum(RECESS_BAND_MM) / 2)
    w = 0.0 if which == 0 else -level.height_mm / 2 - 1.0
    point = level.pose.to_patient(np.array([[at, level.back_mm + 1.0 + height / 2, w]]))[0]
    numbers = {"recess_height_mm": height, "root_kept": kept, "recess_at_disc_mm": heights[0], "recess_at_plate_mm": heights[1]}
    return StenosisTruth("subarticular_stenosis", side, level.name, level.disc.index + 1, recess_grade(height, kept),
                         RULE["subarticular_stenosis"], numbers, (float(point[0]), float(point[1]), float(point[2])))


def _recess_height(level: Level, here: Cut, sign: float) -> float:
    """Mean over the band of the longest stretch of soft canal from the back of body or disc to the joint."""
    inside = level.half_canal_mm - sign * here.u
    columns = (inside >= RECESS_BAND_MM[0]) & (inside <= RECESS_BAND_MM[1])
    rows = here.v < level.back_mm + RECESS_DEEP_MM
    band = np.ascontiguousarray(here.soft[rows][:, columns].T)
    return float(np.mean([_longest(line) for line in band])) if band.size else 0.0


def _longest(line: Array) -> float:
    """Length of the longest stretch of cover above a half, mm, its edges by their share."""
    solid = np.concatenate([[False], line > 0.5, [False]])
    edges = np.flatnonzero(solid[1:] != solid[:-1])
    if not len(edges):
        return 0.0
    first, last = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    low, high = max(first - 1, 0), min(last + 1, len(line))
    return float(line[low:high].sum()) * STEP_MM


def _root_kept(level: Level, here: Cut, free: Cut, sign: float) -> float:
    """Share of the traversing root that is not covered at the plate, of its area where it is free."""
    area, whole = (_root_area(level, one, sign) for one in (here, free))
    other = _root_area(level, free, -sign)
    whole = max(whole, other)
    return min(area / whole, 1.0) if whole > 1.0 else 1.0


def _root_area(level: Level, here: Cut, sign: float) -> float:
    inside = level.half_canal_mm - sign * here.u
    columns = (inside > -1.0) & (inside < RECESS_BAND_MM[1] + 2.0)
    rows = here.v < level.back_mm + 10.0
    return float(here.root[rows][:, columns].sum()) * STEP_MM**2


def _middle(level: Level, here: Cut, sac: Array) -> Point:
    """Middle of the sac in its plane; where it is gone, the place behind the disc's back."""
    total = float(sac.sum())
    at = (float((sac * here.u).sum()) / total, float((sac * here.v[:, None]).sum()) / total) if total > 0 else (0.0, level.back_mm + 6.0)
    x, y, z = level.pose.to_patient(np.array([[*at, 0.0]]))[0]
    return float(x), float(y), float(z)


def _eroded(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    return ~_dilated(~mask, steps)


def _dilated(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Grown by that many points along both axes."""
    wide = mask.copy()
    for _ in range(steps):
        grown = wide.copy()
        grown[1:] |= wide[:-1]
        grown[:-1] |= wide[1:]
        grown[:, 1:] |= wide[:, :-1]
        grown[:, :-1] |= wide[:, 1:]
        wide = grown
    return wide
