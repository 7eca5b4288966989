"""Curves seen from the front: the true angle between end plates, and beside it the three angles of the AASCE convention.

The two differ (2.3 degrees on average on the AASCE films, as counted for the project's physics sheet); neither stands in for the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.measured.records import CurveTruth, Point, VertebraTruth

LEAST_CURVE_DEG = 10.0
"""Beside the largest curve, others are named from this angle on (the definition of scoliosis)."""


def find_curves(vertebrae: Sequence[VertebraTruth]) -> tuple[CurveTruth, ...]:
    """The curves of a spine, the largest first.

    The largest angle from the upper plate of one vertebra to the lower plate of one further down gives the main curve; above its upper
    and below its lower end vertebra the next ones are looked for in the same way, turning the other way.
    """
    if len(vertebrae) < 3:
        return ()
    upper, lower = plate_tilts(vertebrae)
    count = len(vertebrae)
    high, low = _widest(upper, lower, 0, count - 1, 0.0)
    turn = upper[high] - lower[low]
    if abs(turn) < 1.0:
        return ()
    found = [(high, low)]
    for first, last in ((high, count - 1), (0, low)):
        if last - first >= 2:
            top, bottom = _widest(upper, lower, first, last, -np.sign(turn))
            if (upper[top] - lower[bottom]) * -np.sign(turn) >= LEAST_CURVE_DEG:
                found.append((top, bottom))
    return tuple(sorted((_curve(vertebrae, upper, lower, *ends) for ends in found), key=lambda c: -c.cobb_deg))


def plate_tilts(vertebrae: Sequence[VertebraTruth]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coronal tilt of the (upper, lower) plates in degrees, positive with the patient's left end higher."""
    corners = np.array([one.coronal_mm for one in vertebrae])
    up, down = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 2]
    return np.degrees(np.arctan2(up[:, 2], up[:, 0])), np.degrees(np.arctan2(down[:, 2], down[:, 0]))


def _widest(upper: NDArray[np.float64], lower: NDArray[np.float64], first: int, last: int, sign: float) -> tuple[int, int]:
    """(upper, lower) end vertebra of the widest angle between two indices; with a sign, of the widest that turns that way."""
    angle = upper[:, None] - lower[None, :]
    score = np.abs(angle) if sign == 0 else angle * sign
    index = np.arange(len(upper))
    allowed = (index[:, None] > index[None, :]) & (index[:, None] <= last) & (index[None, :] >= first)
    at = int(np.where(allowed, score, -np.inf).argmax())
    return at // len(upper), at % len(upper)


def _curve(vertebrae: Sequence[VertebraTruth], upper: NDArray[np.float64], lower: NDArray[np.float64], high: int, low: int) -> CurveTruth:
    """One curve between two end vertebrae; its apex lies farthest from the line between their middles."""
    centres = np.array([np.mean(one.coronal_mm, axis=0) for one in vertebrae[low:high + 1]])
    share = (centres[:, 2] - centres[0, 2]) / (centres[-1, 2] - centres[0, 2])
    beside = centres[:, 0] - (centres[0, 0] + share * (centres[-1, 0] - centres[0, 0]))
    apex = int(np.abs(beside).argmax())
    return CurveTruth(float(abs(upper[high] - lower[low])), vertebrae[high].name, vertebrae[low].name, vertebrae[low + apex].name,
                      "left" if beside[apex] > 0 else "right")


def aasce_of(vertebrae: Sequence[VertebraTruth]) -> Point:
    """The three AASCE angles of the whole spine, as if its vertebrae just filled an AP film."""
    if len(vertebrae) < 2:
        return 0.0, 0.0, 0.0
    corners = np.array([one.coronal_mm for one in reversed(vertebrae)])[:, :, (0, 2)] * np.array([1.0, -1.0])
    corners -= corners.min(axis=(0, 1))
    return aasce_angles(corners, float(corners[:, :, 1].max()))


def aasce_angles(corners: NDArray[np.floating], rows: float) -> Point:
    """The three angles of the AASCE 2019 convention, degrees.

    The first is the widest angle between mid-lines of vertebrae (midpoint of the left edge to midpoint of the right edge). In a C-shaped
    spine the others run from its ends to the first and the last vertebra; in an S-shaped one they are the widest ones beyond those ends,
    both above where the two ends lie in the lower half of the image.

    Args:
        corners: (n, 4, 2), from the top down; top-left, top-right, bottom-left, bottom-right, (x, y).
        rows: Height of the image.
    """
    points = np.asarray(corners, np.float64)
    left, right = points[:, (0, 2)].mean(axis=1), points[:, (1, 3)].mean(axis=1)
    across, down = (right - left).T
    cross, dot = np.outer(across, down) - np.outer(down, across), np.outer(across, across) + np.outer(down, down)
    angles = np.degrees(np.abs(np.arctan2(cross, dot)))
    high, low = sorted(divmod(int(angles.argmax()), len(angles)))
    middles = np.stack([points[:, :2].mean(axis=1), points[:, 2:].mean(axis=1)], axis=1).reshape(-1, 2)
    if not _is_s_shaped(middles):
        others = angles[0, high], angles[-1, low]
    elif middles[2 * high, 1] + middles[2 * low, 1] < rows:
        others = angles[high, :high + 1].max(), angles[low, low:].max()
    else:
        turn = int(angles[high, :high + 1].argmax())
        others = angles[high, turn], angles[turn, :turn + 1].max()
    return float(angles[high, low]), float(others[0]), float(others[1])


def _is_s_shaped(middles: NDArray[np.float64]) -> bool:
    """Whether the line through the plates' middles lies on both sides of the line from the first to the last."""
    span = middles[0] - middles[-1]
    if not span.all():
        return bool(np.ptp(middles[:, 0]) > 0)
    parts = (middles[:-2] - middles[-1]) / span
    beside = parts[:, 1] - parts[:, 0]
    product = np.outer(beside, beside)
    return bool(abs(product.sum() - np.abs(product).sum()) >= 1e-4)
