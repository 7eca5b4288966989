"""Angles of a column, and how far they may be from the truth: each corner's spread carried through the formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.spine_curves import Curve, aasce_angles, cobb_angles, smoothed, smoothed_plates, smoother
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.frames import Points

LEAST_SD_DEG = 1.0
"""Added in squares to what the spread of corners makes of an angle: what no spread tells, such as another end vertebra [O]."""
FEWEST = 3
"""Vertebrae from which on there is an angle."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Angled:
    """What was measured.

    Attributes:
        curves: By Cobb's method, the largest first.
        errors_deg: Half-widths of their 90 % intervals.
        mid_lines: The three angles of the AASCE convention, degrees; None where the column is too short.
        mid_error_deg: Half-width of the 90 % interval of the first of them.
        plates: (n, 4, 2) corners with smoothed end plates, on which the curves were measured.
    """

    curves: tuple[Curve, ...]
    errors_deg: tuple[float, ...]
    mid_lines: tuple[float, float, float] | None
    mid_error_deg: float
    plates: Points

    @property
    def widest(self) -> tuple[float, float]:
        """(degrees, half-width of the 90 % interval) of the largest curve; of a straight spine what its error may be."""
        return (self.curves[0].angle_deg, self.errors_deg[0]) if self.curves else (0.0, self.mid_error_deg)


def measure_angles(corners: Corners, rows: float, settings: Mapping[str, Any]) -> Angled:
    """Curves of a column.

    Args:
        corners: Of the vertebrae that were seen, from the top down.
        rows: Height of the film in pixels, which the AASCE convention asks for.
        settings: `angles` of a bundle: `plate_strength`, `mid_strength` of the smoothing; `plate_factor`, `mid_factor`, half-widths of
            90 % intervals in standard deviations.
    """
    plates = smoothed_plates(corners.points, settings["plate_strength"])
    curves = tuple(cobb_angles(plates))
    errors = tuple(settings["plate_factor"] * sd for sd in curve_sds(corners, curves, settings["plate_strength"]))
    if len(corners.points) < FEWEST:
        return Angled(curves, errors, None, 0.0, plates)
    lined = smoothed(corners.points, settings["mid_strength"])
    error = settings["mid_factor"] * mid_sd(corners, lined, settings["mid_strength"])
    return Angled(curves, errors, aasce_angles(lined, rows), error, plates)


def curve_sds(corners: Corners, curves: tuple[Curve, ...], strength: float) -> list[float]:
    """Standard deviations in degrees of angles between plates that were smoothed with that strength."""
    variance = plate_variances(corners)
    matrix = smoother(len(variance), strength)
    return [_sd(matrix[2 * curve.lower + 1] - matrix[2 * curve.upper], variance) for curve in curves]


def mid_sd(corners: Corners, lined: Points, strength: float) -> float:
    """Standard deviation in degrees of the widest angle between smoothed mid-lines."""
    across = lined[:, (1, 3)].mean(axis=1) - lined[:, (0, 2)].mean(axis=1)
    tilts = np.arctan2(across[:, 1], across[:, 0])
    matrix = smoother(len(tilts), strength)
    return _sd(matrix[int(tilts.argmax())] - matrix[int(tilts.argmin())], tilt_variances(corners))


def tilt_variances(corners: Corners) -> Floats:
    """(n,) of mid-lines, radians squared."""
    across = corners.points[:, (1, 3)].mean(axis=1) - corners.points[:, (0, 2)].mean(axis=1)
    return _variances(across, corners.spread.sum(axis=1) / 4)


def plate_variances(corners: Corners) -> Floats:
    """(2 n,) of end plates, upper and lower in turn, radians squared."""
    ends, spread = corners.points.reshape(-1, 2, 2), corners.spread.reshape(-1, 2, 2, 2)
    return _variances(ends[:, 1] - ends[:, 0], spread.sum(axis=1))


def _variances(along: Floats, spread: NDArray[np.float64]) -> Floats:
    """Of the directions of lines (n, 2) whose ends differ by errors of that covariance (n, 2, 2)."""
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum((along**2).sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.einsum("ni,nij,nj->n", normal, spread, normal))


def _sd(weights: Floats, variance: Floats) -> float:
    return float(np.sqrt(np.degrees(np.sqrt((weights**2 * variance).sum())) ** 2 + LEAST_SD_DEG**2))
