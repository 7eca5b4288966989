"""Areal bone density of the spine, summed from the volume's own mineral as a beam from the front meets it. Rule `dxa-region/1` [O]:

    rows      from the middle of the disc below to the middle of the disc above
    columns   the wider plate's width and 3 mm on either side: no transverse processes
    bone      every cell of that box with 0.25 g/cm2 of mineral or more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spondyl.phantom.materials import column
from spondyl.phantom.measured.records import DensityTruth, VertebraTruth
from spondyl.phantom.measured.rules import SPINE_REFERENCE, t_score, who_class
from spondyl.phantom.posture import Pose
from spondyl.phantom.volume import Volume, Window

LEAST_G_CM2 = 0.25
BESIDE_MM = 3.0
RULE_ID = "who-spine/1"
REGION = ("L1", "L2", "L3", "L4")


def with_density(volume: Volume, vertebra: VertebraTruth) -> VertebraTruth:
    """The vertebra with its areal density, where the fine block holds its box."""
    index = vertebra.index
    if not vertebra.in_volume or index + 1 >= len(volume.posture.discs):
        return vertebra
    grid, discs = volume.fine.grid, volume.posture.discs
    middle, half = volume.posture.bodies[index].centre, max(volume.spec.vertebrae[index].width_mm) / 2 + BESIDE_MM
    low, high = discs[index], discs[index + 1]
    lowest = np.array([middle[0] - half, grid.axis("y")[0], min(low.centre[2], high.centre[2]) - half * _slope(low, high)])
    highest = np.array([middle[0] + half, grid.axis("y")[-1], max(low.centre[2], high.centre[2]) + half * _slope(low, high)])
    window = grid.window(lowest, highest)
    if window is None or lowest[2] < grid.axis("z")[0] or highest[2] > grid.axis("z")[-1]:
        return vertebra
    sheet = _areal(volume, window)
    x, z = grid.axis("x", window)[None], grid.axis("z", window)[:, None]
    inside = (z > _line(low, x)) & (z < _line(high, x)) & (sheet >= LEAST_G_CM2)
    cell = (grid.spacing_mm / 10) ** 2
    area, mineral = float(inside.sum()) * cell, float(sheet[inside].sum()) * cell
    if area == 0:
        return vertebra
    return replace(vertebra, bmd_g_cm2=mineral / area, bmc_g=mineral, area_cm2=area, rule_ids=vertebra.rule_ids | {"bmd": "dxa-region/1"})


def _areal(volume: Volume, window: Window) -> np.ndarray:
    """Mineral in g/cm2 seen from the front, (z, x); slab by slab, to stay small."""
    mineral = column(volume.materials, "mineral")
    rows = []
    for first in range(window[0].start, window[0].stop, 8):
        slab = slice(first, min(first + 8, window[0].stop)), window[1], window[2]
        rows.append(volume.fine.lookup(mineral, slab).sum(axis=1))
    return np.concatenate(rows) * np.float32(volume.fine.grid.spacing_mm / 10)


def _line(disc: Pose, x: np.ndarray) -> np.ndarray:
    """z of a disc's middle over x, by its coronal tilt."""
    left = disc.axes[0]
    return np.asarray(disc.centre[2] + (x - disc.centre[0]) * left[2] / left[0])


def _slope(low: Pose, high: Pose) -> float:
    return float(max(abs(pose.axes[0][2] / pose.axes[0][0]) for pose in (low, high)))


def spine_density(vertebrae: Sequence[VertebraTruth], age_years: float) -> DensityTruth | None:
    """Density of L1 to L4, without vertebrae that are broken or hold metal; None where fewer than two remain (ISCD 2019)."""
    counted = [one for one in vertebrae if one.name in REGION and one.bmd_g_cm2 is not None and not _changed(one)]
    if len(counted) < 2:
        return None
    area = sum(one.area_cm2 or 0.0 for one in counted)
    bmd = sum(one.bmc_g or 0.0 for one in counted) / area
    t = t_score(bmd)
    names = tuple(one.name for one in reversed(counted))
    return DensityTruth(names, bmd, area, SPINE_REFERENCE, t, who_class(t, age_years), RULE_ID)


def _changed(vertebra: VertebraTruth) -> bool:
    return vertebra.genant > 0 or vertebra.numbers["metal_share"] > 0.02
