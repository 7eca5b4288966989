"""CT: Hounsfield units from the densities at one effective energy; axial slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.materials import column
from spondyl.phantom.rays.acquisition import CtAcquisition
from spondyl.phantom.rays.attenuation import BASIS, attenuation, water
from spondyl.phantom.rays.detector import smooth
from spondyl.phantom.rays.integrals import stretch
from spondyl.phantom.volume import Array, Block, Volume


@dataclass(frozen=True, slots=True, eq=False)
class CtSeries:
    """Axial slices.

    Attributes:
        hounsfield: int16 (slices, rows, columns), lowest slice first.
        spacing_mm: (between slices, row, column).
        positions_mm: (slices, 3): centre of each slice's first pixel, (x, y, z), DICOM's ImagePositionPatient.
        orientation: Directions of the rows and of the columns, DICOM's ImageOrientationPatient.
    """

    hounsfield: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]
    positions_mm: NDArray[np.float64]
    orientation: tuple[float, float, float, float, float, float]
    acquisition: CtAcquisition


def render_ct(volume: Volume, acquisition: CtAcquisition) -> CtSeries:
    """The slices of a built patient. No chance: the noise comes from the acquisition's seed."""
    a = acquisition
    rates = attenuation(np.array([a.energy_kev]))[0]
    linear = np.stack([column(volume.materials, name) for name in BASIS], axis=-1) @ rates.astype(np.float32)
    painted = np.arange(len(linear)) > 0
    rng = np.random.default_rng(a.noise_seed)
    corner = np.array(a.first_mm) - [(a.columns - 1) / 2 * a.pixel_mm, (a.rows - 1) / 2 * a.pixel_mm, 0]
    positions = corner + np.arange(a.slices)[:, None] * [0, 0, a.spacing_mm]
    slices = np.empty((a.slices, a.rows, a.columns), np.int16)
    for k, position in enumerate(positions):
        mu = _slice(volume.trunk, linear, position, a) * (1 - _slice(volume.fine, painted, position, a))
        mu += _slice(volume.fine, linear, position, a)
        value = smooth(1000 * (mu / np.float32(water(a.energy_kev)) - 1), a.blur_mm / a.pixel_mm)
        value += rng.standard_normal(value.shape, dtype=np.float32) * np.float32(a.noise_hu)
        slices[k] = np.clip(np.rint(value), -1024, 3071).astype(np.int16)
    return CtSeries(slices, (a.spacing_mm, a.pixel_mm, a.pixel_mm), positions, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), a)


def _slice(block: Block, values: NDArray[np.generic], position: NDArray[np.float64], a: CtAcquisition) -> Array:
    """Mean of a per-material value over a slice's thickness, (rows, columns); 0 beyond the block."""
    grid = block.grid
    reach = max(a.thickness_mm, grid.spacing_mm) / 2
    centres = grid.axis("z")
    near = np.flatnonzero(np.abs(centres - position[2]) < reach + grid.spacing_mm / 2)
    empty = np.zeros((a.rows, a.columns), np.float32)
    if not len(near):
        return empty
    overlap = np.clip(reach + grid.spacing_mm / 2 - np.abs(centres[near] - position[2]), 0, grid.spacing_mm)
    window = (slice(int(near[0]), int(near[-1]) + 1), slice(None), slice(None))
    plane = np.tensordot((overlap / (2 * reach)).astype(np.float32), block.lookup(values.astype(np.float32), window), axes=1)
    padded = np.pad(plane, 1)
    down, across = ((position[k] + np.arange(n) * a.pixel_mm - grid.origin_mm[k]) / grid.spacing_mm + 1
                    for k, n in ((1, a.rows), (0, a.columns)))
    return stretch(stretch(padded, down).T, across).T
