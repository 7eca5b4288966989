"""Areal bone density of the spine, summed from the volume's own mineral as parallel rays from the front meet it. Rule `dxa-region/1`:

the region of a vertebra is the quadrilateral between the side edges of its plates, seen from the front, its upper and lower borders
midway to the neighbours' plates, as the DXA renderer takes it. All in front of and behind it counts, the arch too; transverse
processes do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.bone_density import REGION, t_score, who_class
from spondyl.phantom.materials import column
from spondyl.phantom.measured.records import DensityTruth, SubjectTruth, VertebraTruth
from spondyl.phantom.measured.rules import REFERENCE
from spondyl.phantom.volume import Volume, Window

RULE_ID = "who-spine/1"


def with_density(volume: Volume, vertebrae: Sequence[VertebraTruth], index: int) -> VertebraTruth:
    """The vertebra of that index with its areal density, where the fine block holds its region."""
    vertebra = vertebrae[index]
    if not vertebra.in_volume or index + 1 >= len(vertebrae):
        return vertebra
    box = _region(vertebrae, index)
    grid = volume.fine.grid
    low, high = box.min(axis=0), box.max(axis=0)
    ends = grid.axis("y")[[0, -1]]
    window = grid.window(np.array([low[0], ends[0], low[1]]), np.array([high[0], ends[1], high[1]]))
    if window is None or low[1] < grid.axis("z")[0] or high[1] > grid.axis("z")[-1]:
        return vertebra
    inside = _polygon(box, grid.axis("x", window)[None], grid.axis("z", window)[:, None])
    cell = (grid.spacing_mm / 10) ** 2
    area, mineral = float(inside.sum()) * cell, float(_areal(volume, window)[inside].sum()) * cell
    return replace(vertebra, bmd_g_cm2=mineral / area, bmc_g=mineral, area_cm2=area, rule_ids=vertebra.rule_ids | {"bmd": "dxa-region/1"})


def _region(vertebrae: Sequence[VertebraTruth], index: int) -> NDArray[np.float64]:
    """Upper right, upper left, lower left, lower right of the patient, (x, z) mm."""
    edges = np.array([one.coronal_mm for one in vertebrae[max(index - 1, 0):index + 2]])[:, (0, 1, 3, 2)][:, :, (0, 2)]
    own = edges[min(index, 1)].copy()
    own[:2] = (own[:2] + edges[-1][[3, 2]]) / 2
    if index > 0:
        own[2:] = (own[2:] + edges[0][[1, 0]]) / 2
    return np.asarray(own)


def _polygon(corners: NDArray[np.float64], x: NDArray[np.floating], z: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Cells inside a convex quadrilateral whose corners go clockwise as seen from the front."""
    inside = np.ones(np.broadcast_shapes(x.shape, z.shape), bool)
    for (x0, z0), (x1, z1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (z - z0) - (z1 - z0) * (x - x0) <= 0
    return inside


def _areal(volume: Volume, window: Window) -> np.ndarray:
    """Mineral in g/cm2 seen from the front, (z, x); slab by slab, to stay small."""
    mineral = column(volume.materials, "mineral")
    rows = []
    for first in range(window[0].start, window[0].stop, 8):
        slab = slice(first, min(first + 8, window[0].stop)), window[1], window[2]
        rows.append(volume.fine.lookup(mineral, slab).sum(axis=1))
    return np.concatenate(rows) * np.float32(volume.fine.grid.spacing_mm / 10)


def spine_density(vertebrae: Sequence[VertebraTruth], age_years: float) -> DensityTruth | None:
    """Density of L1 to L4, without vertebrae that are broken or hold metal; None where fewer than two remain (ISCD 2019).

    The T-score has two decimals, and the class is that of the number as it stands there.
    """
    counted = [one for one in vertebrae if one.name in REGION and one.bmd_g_cm2 is not None and not _changed(one)]
    if len(counted) < 2:
        return None
    area = sum(one.area_cm2 or 0.0 for one in counted)
    bmd = sum(one.bmc_g or 0.0 for one in counted) / area
    t = round(t_score(bmd), 2) + 0.0
    names = tuple(one.name for one in reversed(counted))
    return DensityTruth(names, bmd, area, REFERENCE.name, t, who_class(t, age_years), RULE_ID)


def density_words(truth: SubjectTruth) -> tuple[str, ...]:
    """The density as a machine prints it, line by line: each vertebra that counts, the mean and the T-score. Empty where none is told."""
    density = truth.density
    if density is None:
        return ()
    own = {one.name: one.bmd_g_cm2 for one in truth.vertebrae}
    return (*(f"{name} {own[name]:.3f}" for name in density.vertebrae), f"BMD {density.bmd_g_cm2:.3f}", f"T {density.t_score:.2f}")


def _changed(vertebra: VertebraTruth) -> bool:
    return vertebra.genant > 0 or vertebra.numbers["metal_share"] > 0.02
