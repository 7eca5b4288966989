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
from spondyl.phantom.rays.texture import add_texture
from spondyl.phantom.volume import Array, Volume

STEP_MM = 0.45
"""Pitch of the lattice at the detector; voxels of 0.7 mm are wider than that there."""
FLAT_MM = 30.0
"""Width of what counts as slow in the processing."""
DETAIL_MM = 2.0
"""Width below which detail is enhanced."""
LEAD = 0.004
"""What a lead letter lets pass."""
DEEP = 6.0
"""How much more than the median signal behind the body still counts as deep."""
CORRECTED = 0.4
"""Share of an exposure error that digital processing leaves in the picture."""
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
    return develop(*signal_map(volume, acquisition), acquisition)


def develop(lattice: Lattice, signal: Array, acquisition: XrayAcquisition) -> Film:
    """The film of a signal map; what acquisitions that differ in noise, marks or response only have in common is the map."""
    projection = projection_of(acquisition)
    reference = float(np.median(signal[_body(signal)]))
    level, width = _process(signal, lattice.step_mm, acquisition)
    pixels = _develop(level, width, noise_level(signal, reference, acquisition), lattice, projection, acquisition)
    return Film(pixels, acquisition.pixel_mm, acquisition.photometric, projection, acquisition)


def signal_map(volume: Volume, acquisition: XrayAcquisition) -> tuple[Lattice, Array]:
    """Signal on the lattice in units of the open beam: primary and scatter, blurred by the focal spot and the detector; no noise."""
    projection = projection_of(acquisition)
    lattice, areal = areal_densities(volume, projection, min(STEP_MM, 3 * acquisition.pixel_mm))
    add_texture(areal, lattice, projection, volume.spec.texture_seed, acquisition.texture)
    signal = transmitted(areal, acquisition.kvp)
    signal = signal + scattered(signal, lattice.step_mm, acquisition)
    penumbra = acquisition.focal_mm * acquisition.oid_mm / (acquisition.sid_mm - acquisition.oid_mm) / 2.355
    sigma = float(np.hypot(penumbra, acquisition.blur_px * acquisition.pixel_mm)) / lattice.step_mm
    return lattice, smooth(signal, sigma)


def transmission(volume: Volume, acquisition: XrayAcquisition) -> Array:
    """`signal_map` at every pixel, float32 (rows, columns): what the detector gets before noise, collimator, processing and response."""
    lattice, signal = signal_map(volume, acquisition)
    return np.concatenate([strip for strip, _ in _strips(signal, signal, lattice, projection_of(acquisition))])


def _body(signal: Array) -> NDArray[np.bool_]:
    """Where the beam passes the deep part of the body, not its thin edges and the air beside it."""
    body = signal < 0.15
    if not body.any():
        return np.ones(signal.shape, bool)
    return np.asarray(signal < min(0.15, DEEP * float(np.median(signal[body]))))


def _process(signal: Array, step_mm: float, acquisition: XrayAcquisition) -> tuple[Array, float]:
    """Log signal as processing shows it, about the middle of the greys, and how much of it the greys span.

    The greys follow percentiles behind the body. Digital processing ("log") also reduces slow changes and enhances fine detail.
    """
    level = np.log(np.maximum(signal, np.float32(1e-7)))
    if acquisition.response == "log":
        factor = max(round(6.0 / step_mm), 1)
        slow = enlarge(smooth(shrink(level, factor), FLAT_MM / (step_mm * factor)), factor, level.shape)
        fine = level - smooth(level, DETAIL_MM / step_mm)
        level = level - np.float32(acquisition.flatten) * slow + np.float32(acquisition.enhance) * fine
    rows, columns = (slice(n // 20, n - n // 20) for n in signal.shape)
    seen = level[rows, columns][_body(signal[rows, columns])][::7]
    low, middle, high = (float(v) for v in np.percentile(seen, [2, 50, 98]))
    return np.asarray(level - np.float32(middle), np.float32), acquisition.latitude * max(high - low, 0.1)


def _develop(
    level: Array, width: float, sigma: Array, lattice: Lattice, projection: Projection, acquisition: XrayAcquisition,
) -> NDArray[np.uint16]:
    """Pixels from log signal about the middle grey and relative noise on the lattice."""
    open_rows, open_columns = _leaves(acquisition)
    lead = letter(acquisition)
    rng = np.random.default_rng(acquisition.noise_seed)
    pixels = np.empty((acquisition.rows, acquisition.columns), np.uint16)
    for first, (strip, spread) in zip(range(0, acquisition.rows, ROWS_AT_ONCE), _strips(level, sigma, lattice, projection), strict=True):
        rows = slice(first, first + len(strip))
        noise = rng.standard_normal((len(strip), acquisition.columns + 1), dtype=np.float32)
        grain = noise[:, 1:] * np.float32(0.8)
        grain += noise[:, :-1] * np.float32(0.6)
        grain *= spread
        strip += grain
        strip[:, lead[0]] += lead[1][rows] * np.float32(np.log(LEAD))
        pixels[rows] = _respond(strip, width, open_rows[rows, None] * open_columns if any(acquisition.collimation) else None, acquisition)
    return pixels


def _respond(level: Array, width: float, inside: Array | None, acquisition: XrayAcquisition) -> NDArray[np.uint16]:
    """Stored values of log signal about the middle grey; `inside` is the share of a pixel that the collimator leaves open."""
    left = CORRECTED if acquisition.response == "log" else 1.0
    level = level + np.float32(left * acquisition.exposure_error * np.log(2))
    if acquisition.response == "linear":
        dark = np.float32(1 / 3) * np.exp(np.minimum(level, 5))
    elif acquisition.response == "sigmoid":
        dark = 1 / (1 + np.exp(level * np.float32(-5 / width)))
    else:
        dark = level * np.float32(1 / width) + np.float32(0.5)
    np.clip(dark, 0, 1, out=dark)
    if inside is not None:
        dark *= inside
        dark += (1 - inside) * np.float32(acquisition.shutter)
    top = 2**acquisition.bits - 1
    stored = (dark * np.float32(top) + np.float32(0.5)).astype(np.uint16)
    return stored if acquisition.photometric == "MONOCHROME1" else np.uint16(top) - stored


def _leaves(acquisition: XrayAcquisition) -> tuple[Array, Array]:
    """How far the collimator is open along the rows and along the columns, 0..1, with a penumbra of 1.5 mm."""
    top, right, bottom, left = acquisition.collimation
    found = []
    for count, before, after in ((acquisition.rows, top, bottom), (acquisition.columns, left, right)):
        at = np.arange(count)
        inside = np.ones(count)
        for share, gap in ((before, at - before * count), (after, count - 1 - at - after * count)):
            if share > 0:
                inside *= np.clip(0.5 + gap * acquisition.pixel_mm / 1.5, 0, 1)
        found.append(inside.astype(np.float32))
    return found[0], found[1]


def _strips(fine: Array, rough: Array, lattice: Lattice, projection: Projection) -> Iterator[tuple[Array, Array]]:
    """Two maps on the lattice at the pixels, strip by strip of rows; the roll in two passes, columns first.

    The first map is interpolated linearly, of the second the next value before is taken.
    """
    c, s = np.cos(np.radians(projection.roll_deg)), np.sin(np.radians(projection.roll_deg))
    step, wide = lattice.step_mm, lattice.shape[1]
    row = (np.arange(projection.rows) - (projection.rows - 1) / 2) * projection.pixel_mm
    column = (np.arange(projection.columns) - (projection.columns - 1) / 2) * projection.pixel_mm
    lean = s / c * (lattice.across() / step)
    down = (row / c - lattice.start_mm[1]) / step
    for first in range(0, projection.rows, ROWS_AT_ONCE):
        own = slice(first, first + ROWS_AT_ONCE)
        index, share = _split(down[own, None] - lean, lattice.shape[0])
        index = index * wide + np.arange(wide)
        tall, rough_tall = _between(fine, index, share, wide), np.take(rough, index)
        index, share = _split((c * column + s * row[own, None] - lattice.start_mm[0]) / step, wide)
        index += np.arange(len(tall))[:, None] * wide
        yield _between(tall, index, share, 1), np.take(rough_tall, index, mode="clip")


def _split(at: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], Array]:
    """Fractional positions as the number of the point before, and how far beyond it they lie."""
    low = np.clip(at.astype(np.intp), 0, count - 2)
    return low, (at - low).astype(np.float32)


def _between(values: Array, index: NDArray[np.intp], share: Array, apart: int) -> Array:
    """Between the values at a flat index and those `apart` behind it."""
    first = np.take(values, index, mode="clip")
    change = np.take(values, index + apart, mode="clip")
    change -= first
    change *= share
    first += change
    return first
