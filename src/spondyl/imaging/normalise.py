"""Intensities on a common scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def percentile_scale(
    pixels: NDArray[np.float32], low: float = 1.0, high: float = 99.0, sample: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Pixels with the low percentile at 0 and the high one at 1, clipped to [0, 1].

    Args:
        pixels: float32, any shape.
        low, high: Percentiles, 0-100.
        sample: What the percentiles are taken over, where that is not `pixels` itself.

    Returns:
        float32; all zeros where the two percentiles coincide.
    """
    bottom, top = np.percentile(pixels if sample is None else sample, [low, high])
    if not top > bottom:
        return np.zeros_like(pixels, dtype=np.float32)
    return np.asarray(np.clip((pixels - np.float32(bottom)) / np.float32(top - bottom), 0, 1), dtype=np.float32)
