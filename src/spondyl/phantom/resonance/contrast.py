"""What every material gives in a sequence: the two-pool equation of `tissue`, as a table over materials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import Material
from spondyl.phantom.tissue import TISSUES, Timing, pools, signal


def pool_table(materials: tuple[Material, ...], scan: Timing) -> NDArray[np.complex64]:
    """Signal of each material's (water + i fat), complex64 (n,): two values that one gather fetches. No tissue, no signal."""
    rows = [complex(*pools(row.tissue, scan)) if row.tissue else 0j for row in materials]
    return np.array(rows, np.complex64)


def texture_table(materials: tuple[Material, ...]) -> NDArray[np.complex64]:
    """Each material's (grain + i presence), complex64 (n,); presence is 0 for material 0, where a coarser block says what holds."""
    return np.array([complex(row.grain, float(k > 0)) for k, row in enumerate(materials)], np.complex64)


def brightest(scan: Timing) -> float:
    """Signal of fat or of cerebrospinal fluid, whichever is brighter: the unit of `noise` and `gain`."""
    return max(signal(TISSUES["fat"], scan), signal(TISSUES["csf"], scan))
