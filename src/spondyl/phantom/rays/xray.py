"""Radiographs: areal densities, Beer-Lambert, scatter, blur, noise, processing, response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.rays.acquisition import XrayAcquisition
from spondyl.phantom.rays.detector import enlarge, noise_level, scattered, shrink, smooth, transmitted
from spondyl.phantom.rays.integrals import Lattice, areal_densities
from spondyl.phantom.rays.marks import letter
from spondyl.phantom.rays.projection import Projection
from spondyl.phantom.volume import Array, Volume

STEP_MM = 0.45
"""Pitch of the lattice at the detector; voxels of 0.7 mm are wider than that there."""
FLAT_MM = 30.0
"""Width of what counts as slow in the processing."""
DETAIL_MM = 2.0
"""Width below which detail is enhanced."""
LEAD = 0.02
"""What a lead letter lets pass, and the leaves of the collimator."""
ROWS_AT_ONCE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A radiograph.

    Attributes:
        pixels: uint16 (rows, columns) as stored.
        pixel_mm: At the detector.
        photometric: MONOCHROME1 (low is bright) or MONOCHROME2.
        projection: Where points of the patient lie on it.
        acquisition: How it was taken.
    """

    pixels: NDArray[np.uint16]
    pixel_mm: float
    photometric: str
    projection: Projection
    acquisition: XrayAcquisition

    @property
    def shown(self) -> NDArray[np.uint16]:
        """The pixels with bright as high, whatever the photometric interpretation."""
        top = np.uint16(2**self.acquisition.bits - 1)
        return self.pixels if self.photometric == "MONOCHROME2" else top - self.pixels


def projection_of(acquisition: XrayAcquisition) -> Projection:
    """The map from patient points to pixels of that acquisition."""
    a = acquisition
    return Projection(a.view, a.rows, a.columns, a.pixel_mm, a.sid_mm, a.oid_mm, a.centre_mm, a.source_shift_mm, a.roll_deg)


def render_xray(volume: Volume, acquisition: XrayAcquisition) -> Film:
    """The radiograph of a built patient. No chance: the noise comes from the acquisition's seed."""
    projection = projection_of(acquisition)
    lattice, signal = signal_map(volume, acquisition)
    reference = _reference(signal, lattice, acquisition)
    level = _process(np.log(np.maximum(signal, 1e-7)), float(np.log(reference)), lattice.step_mm, acquisition)
    maps = np.stack([level, noise_level(signal, reference, acquisition)])
    pixels = _develop(maps, lattice, projection, acquisition)
    return Film(pixels, acquisition.pixel_mm, acquisition.photometric, projection, acquisition)


def signal_map(volume: Volume, acquisition: XrayAcquisition) -> tuple[Lattice, Array]:
    """Signal on the lattice in units of the open beam: primary and scatter, blurred by the focal spot and the detector; no noise."""
    projection = projection_of(acquisition)
    lattice, areal = areal_densities(volume, projection, min(STEP_MM, 3 * acquisition.pixel_mm))
    signal = transmitted(areal, acquisition.kvp)
    signal = signal + scattered(signal, lattice.step_mm, acquisition)
    penumbra = acquisition.focal_mm * acquisition.oid_mm / (acquisition.sid_mm - acquisition.oid_mm) / 2.355
    sigma = float(np.hypot(penumbra, acquisition.blur_px * acquisition.pixel_mm)) / lattice.step_mm
    return lattice, smooth(signal, sigma)


def transmission(volume: Volume, acquisition: XrayAcquisition) -> Array:
    """`signal_map` at every pixel, float32 (rows, columns): what the detector gets before noise, collimator, processing and response."""
    lattice, signal = signal_map(volume, acquisition)
    return np.concatenate(list(_strips(signal[None], lattice, projection_of(acquisition))), axis=1)[0]


def _reference(signal: Array, lattice: Lattice, acquisition: XrayAcquisition) -> float:
    """The signal that the exposure is set by: the median behind the body, inside the collimated field's middle."""
    rows, columns = (slice(n // 5, n - n // 5) for n in signal.shape)
    field = signal[rows, columns]
    body = field[field < 0.5]
    return float(np.median(body if body.size else field))


def _process(level: Array, middle: float, step_mm: float, acquisition: XrayAcquisition) -> Array:
    """Log signal about the reference, with slow changes reduced and fine detail enhanced as processing does."""
    factor = max(round(6.0 / step_mm), 1)
    slow = enlarge(smooth(shrink(level, factor), FLAT_MM / (step_mm * factor)), factor, level.shape)
    fine = level - smooth(level, DETAIL_MM / step_mm)
    return level - np.float32(middle) - np.float32(acquisition.flatten) * (slow - np.float32(middle)) + np.float32(acquisition.enhance) * fine


def _develop(maps: Array, lattice: Lattice, projection: Projection, acquisition: XrayAcquisition) -> NDArray[np.uint16]:
    """Pixels from (log signal, relative noise) on the lattice."""
    leaves = _leaves(acquisition)
    lead = letter(acquisition)
    rng = np.random.default_rng(acquisition.noise_seed)
    pixels = np.empty((acquisition.rows, acquisition.columns), np.uint16)
    for first, (level, sigma) in zip(range(0, acquisition.rows, ROWS_AT_ONCE), _strips(maps, lattice, projection), strict=True):
        rows = slice(first, first + len(level))
        noise = rng.standard_normal((len(level), acquisition.columns + 1), dtype=np.float32)
        level += sigma * (np.float32(0.8) * noise[:, 1:] + np.float32(0.6) * noise[:, :-1])
        level += leaves[0][rows, None] + leaves[1]
        level[:, lead[0]] += lead[1][rows] * np.float32(np.log(LEAD))
        pixels[rows] = _respond(level, acquisition)
    return pixels


def _respond(level: Array, acquisition: XrayAcquisition) -> NDArray[np.uint16]:
    """Stored values of log signal about the reference."""
    level = level + np.float32(acquisition.exposure_error * np.log(2))
    if acquisition.response == "linear":
        dark = np.float32(1 / 3) * np.exp(np.minimum(level, 5))
    elif acquisition.response == "sigmoid":
        dark = 1 / (1 + np.exp(level * np.float32(-5 / acquisition.latitude)))
    else:
        dark = level * np.float32(1 / acquisition.latitude) + np.float32(0.5)
    top = 2**acquisition.bits - 1
    stored = np.clip(dark * np.float32(top) + np.float32(0.5), 0, top).astype(np.uint16)
    return stored if acquisition.photometric == "MONOCHROME1" else np.uint16(top) - stored


def _leaves(acquisition: XrayAcquisition) -> tuple[Array, Array]:
    """Log transmission of the collimator along the rows and along the columns, with a penumbra of 1.5 mm."""
    top, right, bottom, left = acquisition.collimation
    found = []
    for count, before, after in ((acquisition.rows, top, bottom), (acquisition.columns, left, right)):
        at = np.arange(count)
        inside = np.ones(count)
        for share, gap in ((before, at - before * count), (after, count - 1 - at - after * count)):
            if share > 0:
                inside *= np.clip(0.5 + gap * acquisition.pixel_mm / 1.5, 0, 1)
        found.append(np.log(LEAD + (1 - LEAD) * inside).astype(np.float32))
    return found[0], found[1]


def _strips(maps: Array, lattice: Lattice, projection: Projection) -> Iterator[Array]:
    """Maps (n, down, across) at the pixels, strip by strip of rows: the roll in two passes of linear interpolation."""
    c, s = np.cos(np.radians(projection.roll_deg)), np.sin(np.radians(projection.roll_deg))
    pixel, step = projection.pixel_mm, lattice.step_mm
    row = (np.arange(projection.rows) - (projection.rows - 1) / 2) * pixel
    column = (np.arange(projection.columns) - (projection.columns - 1) / 2) * pixel
    lean = s / c * (lattice.across() / step)
    down = (row / c - lattice.start_mm[1]) / step
    for first in range(0, projection.rows, ROWS_AT_ONCE):
        own = slice(first, first + ROWS_AT_ONCE)
        tall = _columns(maps, down[own, None] - lean)
        yield _rows(tall, (c * column + s * row[own, None] - lattice.start_mm[0]) / step)


def _columns(maps: Array, at: NDArray[np.float64]) -> Array:
    """Maps (n, down, across) at fractional rows `at` (rows, across), each column at its own."""
    low = np.clip(at.astype(np.intp), 0, maps.shape[1] - 2)
    share = (at - low).astype(np.float32)
    index = low * maps.shape[2] + np.arange(maps.shape[2])
    return _mixed(maps.reshape(len(maps), -1), index, share, maps.shape[2])


def _rows(maps: Array, at: NDArray[np.float64]) -> Array:
    """Maps (n, rows, across) at fractional columns `at` (rows, columns), each row at its own."""
    low = np.clip(at.astype(np.intp), 0, maps.shape[2] - 2)
    share = (at - low).astype(np.float32)
    index = low + np.arange(maps.shape[1])[:, None] * maps.shape[2]
    return _mixed(maps.reshape(len(maps), -1), index, share, 1)


def _mixed(flat: Array, index: NDArray[np.intp], share: Array, apart: int) -> Array:
    """Between the values at an index and those `apart` behind it."""
    first = flat[:, index]
    first += share * (flat[:, index + apart] - first)
    return first
