"""Bone mineral from two X-ray energies, against the soft tissue beside the spine.

With signals `l` = ln(I0 / I) at a low and a high energy, soft tissue of areal density s and mineral of areal density b (g/cm2):
`l_low = m_low b + w_low s`, `l_high = m_high b + w_high s`. The ratio R = w_low / w_high is measured beside the bone, row by row, so that
`b = (l_low - R l_high) / (m_low - R m_high)` (Blake and Fogelman, J Clin Densitom 2007, as recalled). Fat over the bone that the soft
tissue beside it lacks lowers b: about 0.04 g/cm2 a centimetre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BESIDE_MM = (12.0, 30.0)
"""Where the baseline is measured: from, to beside the edge of the bodies [O]."""
BASELINE_MM = 20.0
"""Width at half height of what smooths the baseline along the spine [O]."""
BONE_RATIO = 0.03
"""Pixels whose ratio lies that far above the median of the band hold bone, and are left out of the baseline [O]."""
LEAST_SIGNAL = 0.05


def soft_ratio(logs: Array, middle: Array, half_mm: Array, pixel_mm: float) -> Array:
    """Ratio of the two signals in soft tissue, (rows, 1): the median beside the spine, smoothed along it.

    Args:
        logs: (2, rows, columns), low energy first.
        middle: (rows,) pixels: the middle of the spine in each row.
        half_mm: (rows,) half the width of the bodies there.
        pixel_mm: Edge of a pixel.
    """
    away = np.abs(np.arange(logs.shape[2]) - middle[:, None]) * pixel_mm - half_mm[:, None]
    ratio = logs[0] / np.maximum(logs[1], LEAST_SIGNAL)
    band = (away >= BESIDE_MM[0]) & (away <= BESIDE_MM[1])
    band &= ratio < np.median(ratio[band]) + BONE_RATIO if band.any() else True
    by_row = np.array([np.median(r[b]) if b.any() else np.nan for r, b in zip(ratio, band, strict=True)])
    known = np.flatnonzero(np.isfinite(by_row))
    if not len(known):
        return np.full((len(by_row), 1), float(np.median(ratio)))
    return _smoothed(np.interp(np.arange(len(by_row)), known, by_row[known]), BASELINE_MM / pixel_mm / 2.355)[:, None]


def _smoothed(values: Array, sigma: float) -> Array:
    """Gaussian blur of a line, its ends repeated; sigma in points."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")


def mineral_map(logs: Array, ratio: Array, mineral: tuple[float, float]) -> Array:
    """Areal mineral in g/cm2, (rows, columns).

    Args:
        logs: (2, rows, columns), low energy first.
        ratio: (rows, 1) as `soft_ratio` gives it.
        mineral: Mass attenuation of hydroxyapatite at the two energies, cm2/g.
    """
    low, high = mineral
    return np.asarray((logs[0] - ratio * logs[1]) / (low - ratio * high))


def soft_map(logs: Array, bone: Array, mineral_high: float, soft_high: float) -> Array:
    """Areal soft tissue in g/cm2 beside that mineral, (rows, columns)."""
    return np.asarray((logs[1] - mineral_high * bone) / soft_high)


def polygon_mask(corners: Array, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels inside a convex polygon whose corners, (n, 2) pixels (x, y), go clockwise in the picture."""
    y, x = np.ogrid[:shape[0], :shape[1]]
    inside = np.ones(shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    return inside
