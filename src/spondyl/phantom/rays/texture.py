"""Texture that voxels are too coarse for: trabeculae and the mottle of soft tissue, fixed to the patient, seeded by the subject."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.rays.detector import smooth
from spondyl.phantom.rays.integrals import Lattice, stretch
from spondyl.phantom.rays.projection import DEPTH_AXIS, Projection
from spondyl.phantom.volume import Array

PITCH_MM = 0.5
SIZE = (1200, 640)
"""Points of a field, head to foot and across: 600 x 320 mm, repeated beyond."""
BONE = ((0.5, 0.9, 0.08), (1.7, 2.0, 0.035))
"""(across, along) width in mm and relative standard deviation of the mineral's texture [O]: trabeculae run mostly up and down."""
MOTTLE = ((4.0, 4.0, 0.10), (13.0, 13.0, 0.25))
"""The same of soft tissue, in g/cm2 [O]."""


def add_texture(areal: Array, lattice: Lattice, projection: Projection, seed: int, strength: float) -> None:
    """Change areal densities (5, down, across) in place; the pattern moves with the patient, not with the film."""
    if strength <= 0:
        return
    stream = DEPTH_AXIS[projection.view]
    bone = _field(seed, 2 * stream, BONE, lattice, projection)
    areal[2] *= 1 + np.float32(strength) * np.clip(bone, -0.5, 0.5)
    mottle = _field(seed, 2 * stream + 1, MOTTLE, lattice, projection)
    areal[0] += np.float32(strength) * mottle * np.clip(areal[0] / 10, 0, 1)


def _field(seed: int, stream: int, octaves: tuple[tuple[float, float, float], ...], lattice: Lattice, projection: Projection) -> Array:
    """A seeded field at the lattice, as it lies in the plane of the spine."""
    rng = np.random.default_rng([seed, stream])
    scale, _, _ = projection.plane(projection.centre_mm[DEPTH_AXIS[projection.view]])
    side = 1 - DEPTH_AXIS[projection.view]
    total = np.zeros(lattice.shape, np.float32)
    for across_mm, along_mm, sd in octaves:
        step = max(min(across_mm, along_mm) * 0.9, PITCH_MM)
        rows, columns = (max(int(n * PITCH_MM / step), 8) for n in SIZE)
        noise = _blurred(rng.standard_normal((rows, columns), dtype=np.float32), along_mm / step, across_mm / step)
        noise *= np.float32(sd) / noise.std()
        down = (-lattice.down() / scale + projection.centre_mm[2]) / step
        across = (lattice.across() / scale + projection.centre_mm[side]) / step
        total += _tiled(_tiled(noise, down).T, across).T
    return total


def _blurred(noise: Array, down: float, across: float) -> Array:
    """A field blurred by different widths along its two axes, in points, its ends joined."""
    return _one_way(_one_way(noise, down).T, across).T


def _one_way(values: Array, sigma: float) -> Array:
    reach = int(np.ceil(3 * sigma)) + 1
    return smooth(np.pad(values, ((reach, reach), (0, 0)), mode="wrap"), sigma, axes=1)[reach:-reach]


def _tiled(values: Array, at: NDArray[np.float64]) -> Array:
    """Rows at fractional numbers, repeated beyond the ends."""
    return stretch(np.concatenate([values, values[:1]]), at % len(values))
