"""Curves of a built spine seen from the front, in the patient's frame (`metrics.spine_curves` has the definitions)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.metrics.spine_curves import aasce_angles, cobb_angles
from spondyl.phantom.measured.records import CurveTruth, Point, VertebraTruth


def find_curves(vertebrae: Sequence[VertebraTruth]) -> tuple[CurveTruth, ...]:
    """The curves of a spine by Cobb's method, the largest first; vertebrae from the lowest up."""
    if len(vertebrae) < 3:
        return ()
    down = tuple(reversed(vertebrae))
    return tuple(CurveTruth(one.angle_deg, down[one.upper].name, down[one.lower].name, down[one.apex].name,
                            "left" if one.bulge > 0 else "right") for one in cobb_angles(on_film(vertebrae)))


def aasce_of(vertebrae: Sequence[VertebraTruth]) -> Point:
    """The three AASCE angles of the whole spine, as if its vertebrae just filled an AP film."""
    if len(vertebrae) < 2:
        return 0.0, 0.0, 0.0
    corners = on_film(vertebrae)
    corners -= corners.min(axis=(0, 1))
    return aasce_angles(corners, float(corners[:, :, 1].max()))


def on_film(vertebrae: Sequence[VertebraTruth]) -> NDArray[np.float64]:
    """Corners (n, 4, 2) in mm as an AP film shows them, from the top down: the patient's left is at larger x, y runs down."""
    return np.asarray(np.array([one.coronal_mm for one in reversed(vertebrae)])[:, :, (0, 2)] * np.array([1.0, -1.0]), np.float64)
