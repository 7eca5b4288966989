"""A finished series, and the map between patient points and its pixels by its DICOM geometry alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.resonance.acquisition import MrAcquisition

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MrSeries:
    """Pictures and where they lie (DICOM PS3.3 C.7.6.2.1.1; the patient frame of `Volume` is LPS).

    Attributes:
        acquisition: What was asked for.
        pixels: uint16 (n, rows, columns), 0..4095. Slices of a stack follow each other along its normal.
        positions_mm: (n, 3) ImagePositionPatient: the centre of the first pixel.
        orientations: (n, 6) ImageOrientationPatient: unit vector of growing column, then of growing row.
        stack_of: (n,) the stack a slice belongs to.
        inversion_ms: TI of a STIR series, computed from the simulated fat; None for the others.
    """

    acquisition: MrAcquisition
    pixels: NDArray[np.uint16]
    positions_mm: Points
    orientations: Points
    stack_of: NDArray[np.int64]
    inversion_ms: float | None = None

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """(row, column) PixelSpacing."""
        return self.acquisition.spacing_mm

    @property
    def thickness_mm(self) -> float:
        """SliceThickness."""
        return self.acquisition.thickness_mm

    @property
    def step_mm(self) -> float:
        """SpacingBetweenSlices, centre to centre."""
        return self.acquisition.step_mm

    @property
    def normals(self) -> Points:
        """(n, 3)."""
        return np.cross(self.orientations[:, :3], self.orientations[:, 3:])

    def in_slices(self, points: NDArray[np.floating]) -> Points:
        """Patient points (m, 3) seen from every slice: (m, n, 3) of x, y in pixels and the signed distance from its middle plane in mm."""
        offset = np.asarray(points, np.float64)[:, None] - self.positions_mm
        x = (offset * self.orientations[:, :3]).sum(-1) / self.spacing_mm[1]
        y = (offset * self.orientations[:, 3:]).sum(-1) / self.spacing_mm[0]
        return np.stack([x, y, (offset * self.normals).sum(-1)], axis=-1)

    def to_image(self, points: NDArray[np.floating]) -> Points:
        """Patient points (m, 3) in mm as (x, y, slice), (m, 3): pixel centres and slices' middle planes are whole numbers.

        The nearest slice counts (where stacks cross, the lower number). Points beyond the first or last slice of the series get numbers
        below 0 or above n - 1; a point between two stacks, farther than half a step from any slice, lies in none and gets NaN.
        """
        seen = self.in_slices(points)
        nearest = np.argmin(np.round(np.abs(seen[..., 2]), 9), axis=1)
        x, y, distance = np.take_along_axis(seen, nearest[:, None, None], axis=1)[:, 0].T
        share = distance / self.step_mm
        beyond = ((nearest == 0) & (share < 0)) | ((nearest == len(self.positions_mm) - 1) & (share > 0))
        return np.stack([x, y, np.where(beyond | (np.abs(share) <= 0.5 + 1e-9), nearest + share, np.nan)], axis=-1)

    def to_patient(self, image: NDArray[np.floating]) -> Points:
        """(x, y, slice) of pictures (m, 3) as patient points (m, 3) in mm: the inverse of `to_image`."""
        x, y, at = np.asarray(image, np.float64).T
        n = len(self.positions_mm)
        k = np.clip(np.rint(np.nan_to_num(at)), 0, n - 1).astype(int)
        across, down = self.orientations[k, :3], self.orientations[k, 3:]
        return np.asarray(self.positions_mm[k] + (x * self.spacing_mm[1])[:, None] * across + (y * self.spacing_mm[0])[:, None] * down
                          + ((at - k) * self.step_mm)[:, None] * self.normals[k])


def place(scan: MrAcquisition) -> tuple[Points, Points, NDArray[np.int64]]:
    """Positions (n, 3), orientations (n, 6) and stack numbers (n,) of the slices of an acquisition."""
    positions, orientations, stack_of = [], [], []
    for number, stack in enumerate(scan.stacks):
        across, down = np.array(stack.across), np.array(stack.down)
        half = scan.spacing_mm[1] * (scan.columns - 1) / 2, scan.spacing_mm[0] * (scan.rows - 1) / 2
        corner = np.array(stack.centre_mm) - across * half[0] - down * half[1]
        for k in range(stack.slices):
            positions.append(corner + (k - (stack.slices - 1) / 2) * scan.step_mm * stack.normal)
            orientations.append(np.concatenate([across, down]))
            stack_of.append(number)
    return np.array(positions), np.array(orientations), np.array(stack_of)
