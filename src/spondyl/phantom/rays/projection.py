"""Where a point of the patient lands on the film: a point source, a flat detector parallel to the voxel planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
DEPTH_AXIS = {"ap": 1, "lateral": 0}
"""Axis (x, y, z) along the central ray: AP rays run from front to back, lateral ones from the patient's right to the left."""
ACROSS_AXIS = {"ap": 0, "lateral": 1}
"""Axis along the picture's columns: the patient's left, or the back, is on the right side of the picture."""
PARALLEL_MM = 1e9
"""A source so far away that rays are parallel."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The map from the patient frame to a picture.

    Attributes:
        view: "ap" or "lateral".
        rows, columns, pixel_mm: The picture, at the detector.
        sid_mm: From the source to the detector.
        oid_mm: From `centre_mm` to the detector.
        centre_mm: (x, y, z) of the patient point that lands in the middle of the picture.
        shift_mm: (across, head) offset of the source from the line through `centre_mm` that is normal to the detector.
        roll_deg: Turn of the patient in the picture, positive clockwise.
    """

    view: str
    rows: int
    columns: int
    pixel_mm: float
    sid_mm: float
    oid_mm: float
    centre_mm: tuple[float, float, float]
    shift_mm: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0

    def magnification(self, depth_mm: float | Vector) -> Vector:
        """Size at the detector over true size, of things at that coordinate along the depth axis (y for AP, x for lateral)."""
        ahead = np.asarray(depth_mm, np.float64) - self.centre_mm[DEPTH_AXIS[self.view]]
        return np.asarray(self.sid_mm / (self.sid_mm - self.oid_mm + ahead))

    def to_detector(self, points: NDArray[np.floating]) -> Vector:
        """Points (n, 3), (x, y, z) mm, as (n, 2) mm (across, down) on the detector from the picture's middle, before the roll."""
        offset = np.asarray(points, np.float64) - np.asarray(self.centre_mm)
        scale = self.magnification(np.asarray(points, np.float64)[:, DEPTH_AXIS[self.view]])
        rest = self.magnification(self.centre_mm[DEPTH_AXIS[self.view]]) - scale
        across = scale * offset[:, ACROSS_AXIS[self.view]] + self.shift_mm[0] * rest
        head = scale * offset[:, 2] + self.shift_mm[1] * rest
        return np.stack([across, -head], axis=-1)

    def to_pixels(self, points: NDArray[np.floating]) -> Vector:
        """Points (n, 3), (x, y, z) mm of the patient, as (n, 2) pixels (x, y); pixel centres are whole numbers."""
        across, down = self.to_detector(points).T / self.pixel_mm
        c, s = np.cos(np.radians(self.roll_deg)), np.sin(np.radians(self.roll_deg))
        return np.stack([c * across - s * down + (self.columns - 1) / 2, s * across + c * down + (self.rows - 1) / 2], axis=-1)

    def to_plane(self, detector_mm: NDArray[np.floating], depth_mm: float) -> Vector:
        """The inverse of `to_detector` in a plane of that depth: patient points (n, 3) of detector points (n, 2)."""
        scale, shift, rise = self.plane(depth_mm)
        at = np.asarray(detector_mm, np.float64)
        points = np.empty((len(at), 3))
        points[:, ACROSS_AXIS[self.view]] = (at[:, 0] - shift) / scale + self.centre_mm[ACROSS_AXIS[self.view]]
        points[:, DEPTH_AXIS[self.view]] = depth_mm
        points[:, 2] = (-at[:, 1] - rise) / scale + self.centre_mm[2]
        return points

    def plane(self, depth_mm: float) -> tuple[float, float, float]:
        """(scale, across offset, head offset): a point of that plane lies at scale * (coordinate - centre) + offset on the detector."""
        scale = float(self.magnification(depth_mm))
        rest = float(self.magnification(self.centre_mm[DEPTH_AXIS[self.view]])) - scale
        return scale, self.shift_mm[0] * rest, self.shift_mm[1] * rest

    def slant(self, across: Vector, down: Vector) -> NDArray[np.float32]:
        """Path length through a plane over its thickness, (down, across), at detector positions in mm from the picture's middle."""
        own = float(self.magnification(self.centre_mm[DEPTH_AXIS[self.view]]))
        a, d = across - self.shift_mm[0] * own, down + self.shift_mm[1] * own
        return np.asarray(np.sqrt(1 + (a[None, :] ** 2 + d[:, None] ** 2) / self.sid_mm**2), np.float32)
