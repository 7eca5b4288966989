"""Where things are: pixels of a slice, millimetres of the patient, and the frame of a disc level.

Patient coordinates are DICOM's (+x left, +y back, +z head, mm). Pixels are (x, y) with the first pixel from 0 to 1: its middle is 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.imaging.affine import Affine

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LevelFrame:
    """The frame of one disc level: its origin is the back edge of the disc on the slice it was found on.

    Attributes:
        number: 1 is the lowest disc.
        origin: (3,) mm of the patient.
        left, back, up: Unit vectors of the patient: to the left, along the disc to the back, and across it to the head.
    """

    number: int
    origin: Vector
    left: Vector
    back: Vector
    up: Vector

    def local(self, points: Vector) -> Vector:
        """(u left, v back, w up) in mm of patient points (..., 3)."""
        return np.asarray((points - self.origin) @ np.stack([self.left, self.back, self.up], axis=1))

    def patient(self, places: Vector) -> Vector:
        """Patient points of (u, v, w), (..., 3)."""
        return np.asarray(self.origin + places @ np.stack([self.left, self.back, self.up]))


def axes_of(image: Image) -> tuple[Vector, Vector, Vector]:
    """Position of the middle of the first pixel, and the steps of one column and of one row, mm."""
    assert image.geometry is not None
    assert image.spacing_mm is not None
    row, column = image.spacing_mm
    return (np.asarray(image.geometry.position), np.asarray(image.geometry.row_direction) * column,
            np.asarray(image.geometry.column_direction) * row)


def to_patient(image: Image, points: Vector) -> Vector:
    """Patient points (..., 3) of pixels (..., 2)."""
    start, across, down = axes_of(image)
    return np.asarray(start + (points[..., :1] - 0.5) * across + (points[..., 1:] - 0.5) * down)


def to_pixels(image: Image, points: Vector) -> Vector:
    """Pixels (..., 2) of the feet of patient points (..., 3) on the plane of the slice."""
    start, across, down = axes_of(image)
    away = points - start
    return np.stack([away @ across / (across @ across) + 0.5, away @ down / (down @ down) + 0.5], axis=-1)


def height_over(image: Image, points: Vector) -> Vector:
    """Signed distance (...) of patient points from the plane of the slice, along its normal, mm."""
    assert image.geometry is not None
    return np.asarray((points - np.asarray(image.geometry.position)) @ image.geometry.normal)


def crop_map(image: Image, middle: Vector, right: Vector, down: Vector, shape: tuple[int, int], pixel_mm: float) -> Affine:
    """The (2, 3) map from crop (x, y) to pixels of the slice.

    Args:
        middle: Patient point that the crop's middle shows (its foot on the slice).
        right, down: Directions of the patient along the crop's x and y; their parts in the plane are taken and made perpendicular.
        shape: (rows, columns) of the crop.
        pixel_mm: Of the crop.
    """
    assert image.geometry is not None
    normal = image.geometry.normal
    x = right - (right @ normal) * normal
    x = x / np.linalg.norm(x)
    y = down - (down @ normal) * normal - (down @ x) * x
    y = y / np.linalg.norm(y)
    _, across, along = axes_of(image)
    steps = np.stack([across / (across @ across), along / (along @ along)])
    linear = steps @ np.stack([x, y], axis=1) * pixel_mm
    centre = to_pixels(image, middle)
    return np.column_stack([linear, centre - linear @ (np.array([shape[1], shape[0]]) / 2)])
