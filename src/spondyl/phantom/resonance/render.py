"""A magnetic-resonance series of a volume: exactly what volume and acquisition say, no chance left.

In order: the two pools' mean over a slice's thickness, mottling, coil and bands, the fat's shift along read, the k-space window
with its ringing, folding and ghosts, Rician noise, 12 bits.

Not modelled: susceptibility (metal and gas are black, their surroundings undisturbed), flow and pulsation (vessels are black by their
material, fluid is still), magnetisation transfer, blur along the echo train, uneven transmit fields, cross-talk between slices,
gradient distortion, parallel imaging.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.resonance.acquisition import MrAcquisition
from spondyl.phantom.resonance.coil import moving, shade
from spondyl.phantom.resonance.contrast import brightest, pool_table, texture_table
from spondyl.phantom.resonance.kspace import noise, operator
from spondyl.phantom.resonance.sampling import Complex, Plane, on_plane, slab
from spondyl.phantom.resonance.series import MrSeries, place
from spondyl.phantom.resonance.texture import grain
from spondyl.phantom.tissue import inversion_ms
from spondyl.phantom.volume import Volume

FINEST_MM, COARSEST_MM = 0.4, 0.75
"""Distance of the points at which a slice is sampled; the finest voxels of a volume are 0.7 mm."""
FINE = 1.01
"""Resolution over spacing from which on a picture counts as interpolated."""
MARGIN_MM = 9.0
"""How far beyond the picture the object is sampled, so that its edge does not ring."""
FULL_SCALE, UNIT = 4095, 1000.0
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """From the points of a slice to its pixels, along one axis; `ghosts` is `matrix` along read."""

    step_mm: float
    first_mm: float
    count: int
    matrix: Float
    ghosts: Float
    fill: Float


def render_mr(volume: Volume, acquisition: MrAcquisition) -> MrSeries:
    """The series of that patient in that acquisition. Same volume and acquisition, same bytes."""
    scan = acquisition
    positions, orientations, stack_of = place(scan)
    tables = pool_table(volume.materials, scan), texture_table(volume.materials)
    ways = _way(scan, 0), _way(scan, 1)
    unit = brightest(scan)
    fill = (ways[0].fill, ways[1].fill) if max(scan.resolution_mm) > max(scan.spacing_mm) * FINE else None
    pixels = np.empty((len(positions), scan.rows, scan.columns), np.uint16)
    for k, (position, axes) in enumerate(zip(positions, orientations, strict=True)):
        plane = _plane(position, axes, ways)
        real, imaginary = _expose(volume, scan, plane, tables, ways)
        if scan.noise:
            channels = noise((scan.noise_seed, scan.first + k), real.shape, fill, scan.noise * unit)
            real, imaginary = real + channels[0], imaginary + channels[1]
        magnitude = np.hypot(real, imaginary) * np.float32(UNIT * scan.gain / unit)
        np.copyto(pixels[k], np.clip(np.rint(magnitude), 0, FULL_SCALE), casting="unsafe")
    return MrSeries(scan, pixels, positions, orientations, stack_of, inversion_ms(scan) if scan.sequence == "stir" else None)


def _plane(position: NDArray[np.float64], axes: NDArray[np.float64], ways: tuple[_Way, _Way]) -> Plane:
    """The points at which a slice is sampled; they reach beyond its picture."""
    rows, columns = ways
    across, down = axes[:3], axes[3:]
    return Plane(position + rows.first_mm * down + columns.first_mm * across, across * columns.step_mm, down * rows.step_mm,
                 (rows.count, columns.count))


def _way(scan: MrAcquisition, axis: int) -> _Way:
    """Sampling points and matrices along rows (axis 0) or columns (1)."""
    count, spacing = (scan.rows, scan.columns)[axis], scan.spacing_mm[axis]
    field = count * spacing
    resolution = scan.resolution_mm[axis]
    phase = (scan.phase == "down") == (axis == 0)
    step = float(np.clip(resolution, FINEST_MM, COARSEST_MM))
    folded = scan.wrap > 0 and phase
    margin = scan.wrap * field if folded else MARGIN_MM
    first = -margin
    points = int((field - spacing + 2 * margin) / step) + 1
    period = field if folded else 2 * field
    shifts = (0.0, -scan.ghost_mm, scan.ghost_mm) if scan.ghost and phase else (0.0,)
    matrix, *ghosts = (operator(shift, spacing, count, first, step, points, max(resolution, step), period, scan.window) for shift in shifts)
    if folded:
        at = first + step * np.arange(points)
        matrix = matrix * np.clip(1 - np.maximum(-at, at - field) / margin, 0, 1).astype(np.float32)
    acquired = int(np.ceil(field / resolution))
    fill = operator(0.0, spacing, count, 0.0, field / acquired, acquired, resolution, field, scan.window)
    return _Way(step, first, points, matrix, ghosts[0] + ghosts[1] if ghosts else matrix, fill)


def _expose(volume: Volume, scan: MrAcquisition, plane: Plane, tables: tuple[Complex, Complex],
            ways: tuple[_Way, _Way]) -> tuple[Float, Float]:
    """The real and the imaginary channel of the noise-free picture; ghosts come back with a phase of their own."""
    signal, mottle = _compose(volume, scan, plane, tables)
    signal *= 1 + mottle.real * grain(volume.spec.texture_seed, plane)
    signal *= shade(volume, scan, plane)
    read = 0 if scan.phase == "across" else 1
    points = signal.real + _shifted(signal.imag, scan.fat_shift_mm / ways[read].step_mm, read)
    rows, columns = ways
    picture = rows.matrix @ points @ columns.matrix.T
    if not scan.ghost:
        return picture, np.zeros((1, 1), np.float32)
    restless = points * moving(volume, scan, plane) * np.float32(scan.ghost)
    replicas = rows.ghosts @ restless @ columns.ghosts.T
    return picture + np.float32(0.6) * replicas, np.asarray(np.float32(0.8) * replicas)


def _compose(volume: Volume, scan: MrAcquisition, plane: Plane, tables: tuple[Complex, Complex]) -> tuple[Complex, Complex]:
    """Signal (water + i fat) and texture at the points of a plane: the fine block where it says something, the trunk elsewhere."""
    signal, texture = np.zeros(plane.shape, np.complex64), np.zeros(plane.shape, np.complex64)
    for block in (volume.trunk, volume.fine):
        sheet = slab(block, tables, plane, scan.thickness_mm)
        if sheet is None:
            continue
        window, values, grains = on_plane(sheet, block, plane)
        below = 1 - grains.imag
        signal[window] = values + below * signal[window]
        texture[window] = grains + below * texture[window]
    return signal, texture


def _shifted(values: Float, steps: float, axis: int) -> Float:
    """Values moved toward growing index by a fraction of steps, linear between points; the edge repeats."""
    if not steps:
        return values
    n = values.shape[axis]
    at = np.clip(np.arange(n) - steps, 0, n - 1)
    low = np.minimum(at.astype(int), n - 2)
    share = np.asarray(at - low, np.float32)
    share = share[:, None] if axis == 0 else share[None, :]
    return np.asarray(values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share, np.float32)
