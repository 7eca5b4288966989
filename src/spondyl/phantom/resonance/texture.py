"""Mottling of the tissues, fixed to the body: any slice of any sequence meets the same grain at the same place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.resonance.sampling import Plane

SIZE = (128, 128, 128)
"""Points of the periodic tile along z, y, x: powers of two."""
STEP_MM = 0.6
LEVELS = 36
SCALES_MM = ((0.5, 0.72), (2.4, 0.69))
"""(standard deviation of the blobs, share): trabecular mottling and patches [O]."""


def grain(seed: int, plane: Plane) -> NDArray[np.float32]:
    """About standard normal values at the points of a plane, the same for the same seed and body point; they repeat after 77 mm."""
    offset = np.random.default_rng((seed, 77)).integers(0, 128, 3)
    index = np.zeros((), np.int32)
    stride = (1, SIZE[2], SIZE[2] * SIZE[1])
    for axis in range(3):
        at = plane.coordinate(axis) * np.float32(1 / STEP_MM) + np.float32(offset[axis] + 4096)
        index = index + (at.astype(np.int32) & (SIZE[2 - axis] - 1)) * np.int32(stride[axis])
    return _tile().take(index) * np.float32(1 / LEVELS)


@lru_cache(maxsize=1)
def _tile() -> NDArray[np.int8]:
    """The same noise in every process, (z, y, x) flat, LEVELS steps a standard deviation; seeds only move it."""
    white = np.random.default_rng(20).standard_normal(SIZE, dtype=np.float32)
    spectrum = np.fft.rfftn(white)
    waves = np.meshgrid(*(np.fft.fftfreq(n, STEP_MM) for n in SIZE[:2]), np.fft.rfftfreq(SIZE[2], STEP_MM), indexing="ij")
    square = sum(w * w for w in waves) * (2 * np.pi**2)
    total = np.zeros(SIZE, np.float32)
    for scale, share in SCALES_MM:
        part = np.fft.irfftn(spectrum * np.exp(-square * scale**2), SIZE, (0, 1, 2))
        total += share * part / part.std()
        spectrum = np.roll(spectrum, 17, axis=0)
    return np.asarray(np.clip(np.rint(total * (LEVELS / total.std())), -127, 127), np.int8).reshape(-1)
