"""From grams per cm2 to the signal at the detector, on the lattice: Beer-Lambert by energy bin, scatter, blur, noise level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.rays.acquisition import XrayAcquisition
from spondyl.phantom.rays.attenuation import attenuation, spectrum
from spondyl.phantom.volume import Array

QUANTA_PER_MM2_UGY = 30000.0
"""Quanta of a 80 kV beam behind a body per mm2 and microgray [O]."""
EFFICIENCY = 0.6
"""Share of them that a detector counts [O]."""
GRID_SCATTER, GRID_PRIMARY = 0.2, 0.7
"""What an anti-scatter grid lets pass [O]."""
SCATTER_MM = 6.0
"""Pitch of the lattice on which scatter is spread."""


def transmitted(areal: Array, kvp: float) -> Array:
    """Share of the open beam's signal that passes areal densities (5, ...) in g/cm2, float32."""
    energies, shares = spectrum(kvp)
    rates = attenuation(energies).astype(np.float32)
    used = [k for k in range(len(areal)) if areal[k].any()]
    signal = np.zeros(areal.shape[1:], np.float32)
    for rate, share in zip(rates, shares, strict=True):
        path = np.zeros_like(signal)
        for k in used:
            path += rate[k] * areal[k]
        np.exp(-path, out=path)
        signal += np.float32(share) * path
    return signal


def scattered(primary: Array, step_mm: float, acquisition: XrayAcquisition) -> Array:
    """Scatter reaching the detector, in units of the open beam: born where the body removes primary, spread widely.

    The source is primary x path (its negative logarithm), scaled so that its mean behind the body has the wanted share of the primary.
    """
    wanted = acquisition.scatter * (GRID_SCATTER / GRID_PRIMARY if acquisition.grid else 1.0)
    if wanted <= 0:
        return np.zeros_like(primary)
    factor = max(round(SCATTER_MM / step_mm), 1)
    small = shrink(primary, factor)
    born = -small * np.log(np.maximum(small, 1e-6))
    spread = smooth(born, acquisition.scatter_mm / (step_mm * factor))
    body = small < 0.5 * small.max()
    scale = wanted * float(np.median(small[body])) / float(np.median(spread[body])) if body.any() else 0.0
    return enlarge(spread * np.float32(scale), factor, primary.shape)


def noise_level(signal: Array, reference: float, acquisition: XrayAcquisition) -> Array:
    """Relative standard deviation of a pixel: quanta at the dose, and a floor of the electronics (0.3 % of the reference) [O]."""
    dose = acquisition.dose_ugy * 2.0**acquisition.exposure_error
    quanta = EFFICIENCY * QUANTA_PER_MM2_UGY * acquisition.pixel_mm**2 * dose
    ratio = np.float32(reference) / np.maximum(signal, np.float32(1e-7))
    return np.asarray(np.sqrt(ratio * np.float32(1 / quanta) + (np.float32(0.003) * ratio) ** 2), np.float32)


def shrink(values: Array, factor: int) -> Array:
    """Means over squares of that many points; the last ones of a partial square are repeated."""
    rows, columns = (-n % factor for n in values.shape)
    padded = np.pad(values, ((0, rows), (0, columns)), mode="edge")
    return np.asarray(padded.reshape(padded.shape[0] // factor, factor, -1, factor).mean(axis=(1, 3)), np.float32)


def enlarge(values: Array, factor: int, shape: tuple[int, ...]) -> Array:
    """The inverse of `shrink`, by linear interpolation between the middles of the squares."""
    return np.asarray(_weights(values.shape[0], factor, shape[0]) @ values @ _weights(values.shape[1], factor, shape[1]).T, np.float32)


def smooth(values: Array, sigma: float, axes: int = 2) -> Array:
    """Gaussian blur with edges repeated, for any width, along both axes or the first one alone; sigma in points."""
    if sigma < 0.05:
        return values
    reach = int(np.ceil(3 * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for _ in range(axes):
        padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
        values = np.zeros_like(values)
        for k, weight in enumerate(kernel):
            values += weight * padded[k:k + values.shape[0]]
        values = np.ascontiguousarray(values.T) if axes == 2 else values
    return values


def _weights(count: int, factor: int, points: int) -> NDArray[np.float32]:
    """The matrix that interpolates `points` fine points from `count` squares."""
    at = np.clip((np.arange(points) + 0.5) / factor - 0.5, 0, count - 1)
    low = np.minimum(at.astype(int), max(count - 2, 0))
    table = np.zeros((points, count), np.float32)
    table[np.arange(points), low] = 1 - (at - low)
    if count > 1:
        table[np.arange(points), low + 1] = at - low
    return table
