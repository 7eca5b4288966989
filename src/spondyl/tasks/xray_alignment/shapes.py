"""Tilt, height ratio and shift of each vertebra, and how unsure the spread of corners makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.tasks.xray_alignment.angles import tilt_variances
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.frames import Points

SHAPES = ("vertebra_tilt", "height_ratio", "lateral_shift")
Numbers = dict[str, NDArray[np.float64]]


def shapes(points: Points) -> Numbers:
    """By name of SHAPES, one number a vertebra, (n,).

    `vertebra_tilt` is that of the mid-line in degrees, positive where the right of the picture is lower; `height_ratio` the left edge over
    the right one; `lateral_shift` how many pixels the middle lies beside the line from the first middle to the last, positive to the right.

    Args:
        points: (n, 4, 2) corners from the top down, n at least 1.
    """
    across = points[:, (1, 3)].mean(axis=1) - points[:, (0, 2)].mean(axis=1)
    left, right = edges(points)
    middle = points.mean(axis=1)
    share = (middle[:, 1] - middle[0, 1]) / max(float(middle[-1, 1] - middle[0, 1]), 1e-6)
    beside = middle[:, 0] - middle[0, 0] - share * (middle[-1, 0] - middle[0, 0])
    return dict(zip(SHAPES, (np.degrees(np.arctan2(across[:, 1], across[:, 0])), left / np.maximum(right, 1e-6), beside), strict=True))


def shape_sds(corners: Corners) -> Numbers:
    """Standard deviations of the same, to first order; corners taken to be off independently of each other."""
    left, right = edges(corners.points)
    along = corners.points[:, 2:] - corners.points[:, :2]
    unit = along / np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
    pairs = corners.spread[:, :2] + corners.spread[:, 2:]
    lengths = np.einsum("nki,nkij,nkj->nk", unit, pairs, unit)
    ratio = left / np.maximum(right, 1e-6) * np.sqrt((lengths / np.maximum(np.stack([left, right], axis=1), 1e-6) ** 2).sum(axis=1))
    own = corners.spread[..., 0, 0].sum(axis=1) / 16
    return dict(zip(SHAPES, (np.degrees(np.sqrt(tilt_variances(corners))), ratio, np.sqrt(own + (own[0] + own[-1]) / 4)), strict=True))


def edges(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lengths of the (left, right) edges of (n, 4, 2) corners, (n,)."""
    left, right = (np.linalg.norm(points[:, low] - points[:, high], axis=1) for high, low in ((0, 2), (1, 3)))
    return left, right
