"""Intensities on a common scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRIP = 2**18
"""Pixels that are worked on at once: what fits into the processor's cache."""


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


def scaled_block_mean(pixels: NDArray[np.float32], bottom: float, top: float, factor: int) -> NDArray[np.float32]:
    """Mean over factor x factor blocks of the pixels with `bottom` at 0 and `top` at 1, clipped to [0, 1]; in one pass.

    The same as scaling all pixels and then `block_mean`, edges repeated likewise, but a large film is read from memory once.

    Raises:
        ValueError: If `top` is not above `bottom`.
    """
    if not top > bottom:
        raise ValueError(f"a range needs a width, got {bottom} to {top}")
    rows, columns = pixels.shape
    blocks = np.empty((-(-rows // factor), -(-columns // factor)), np.float32)
    step = max(1, STRIP // (factor * columns))
    for start in range(0, len(blocks), step):
        strip = pixels[start * factor : (start + step) * factor] - np.float32(bottom)
        strip *= np.float32(1 / (top - bottom))
        np.clip(strip, 0, 1, out=strip)
        missing = (-len(strip) % factor, -columns % factor)
        if any(missing):
            strip = np.pad(strip, ((0, missing[0]), (0, missing[1])), mode="edge")
        down = strip.reshape(len(strip) // factor, factor, -1).sum(axis=1)
        blocks[start : start + step] = down.reshape(len(down), -1, factor).sum(axis=2)
    blocks *= np.float32(1 / factor**2)
    return blocks
