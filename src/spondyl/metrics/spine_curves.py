"""Curves of a spine seen from the front, from the corners of its vertebrae: Cobb's angle, and the three angles of the AASCE data set.

The two differ (2.3 degrees on average on the AASCE films, as counted for the project's physics sheet); neither stands in for the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_CURVE_DEG = 10.0
"""Beside the largest curve, others are named from this angle on (the definition of scoliosis)."""
STRAIGHT_DEG = 1.0
"""A spine whose widest angle is smaller has no curve."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve.

    Attributes:
        angle_deg: From the upper plate of the upper end vertebra to the lower plate of the lower one, 0 to 180 degrees.
        signed_deg: The same, positive where the curve turns clockwise on the way down: it bulges to larger x.
        upper, lower: Places of the end vertebrae, 0 the highest.
        apex: Place of the vertebra farthest from the line between the end vertebrae's middles.
        bulge: +1 where the apex lies on the side of larger x of that line, else -1.
    """

    angle_deg: float
    signed_deg: float
    upper: int
    lower: int
    apex: int
    bulge: int


def cobb_angles(corners: NDArray[np.floating]) -> list[Curve]:
    """The curves of a spine by Cobb's method, the largest first.

    The largest angle from the upper plate of one vertebra to the lower plate of one further down is the main curve; above its upper and
    below its lower end vertebra the next ones are looked for in the same way, turning the other way, from LEAST_CURVE_DEG on
    (Cobb 1948). A maximum over noisy tilts is biased upwards: smooth the tilts first, and say so.

    Args:
        corners: (n, 4, 2), from the top down; top-left, top-right, bottom-left, bottom-right of the picture, (x, y) with y down. Vertebrae
            that are not seen are left out, not guessed.

    Example:
        >>> box = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 2.0]])
        >>> turn = np.array([[0.0, 0.0], [4.0, 1.0], [0.0, 2.0], [4.0, 3.0]])
        >>> (curve,) = cobb_angles(np.stack([box, box + [1.0, 3.0], turn + [0.0, 6.0]]))
        >>> round(curve.angle_deg, 2), curve.upper, curve.lower
        (14.04, 0, 2)
    """
    points = np.asarray(corners, np.float64)
    if len(points) < 3:
        return []
    upper, lower = plate_tilts(points)
    last = len(points) - 1
    high, low = _widest(upper, lower, 0, last, 0.0)
    turn = lower[low] - upper[high]
    if abs(turn) < STRAIGHT_DEG:
        return []
    ends = [(high, low)]
    for first, final in ((0, high), (low, last)):
        if final - first >= 2:
            top, bottom = _widest(upper, lower, first, final, -np.sign(turn))
            if (lower[bottom] - upper[top]) * -np.sign(turn) >= LEAST_CURVE_DEG:
                ends.append((top, bottom))
    return sorted((_curve(points, upper, lower, *pair) for pair in ends), key=lambda curve: -curve.angle_deg)


def aasce_angles(corners: NDArray[np.floating], rows: float) -> tuple[float, float, float]:
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


def plate_tilts(corners: Floats) -> tuple[Floats, Floats]:
    """Tilts of the (upper, lower) plates in degrees, positive where the end of larger x is lower."""
    up, down = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 2]
    return np.degrees(np.arctan2(up[:, 1], up[:, 0])), np.degrees(np.arctan2(down[:, 1], down[:, 0]))


def smoothed(corners: NDArray[np.floating], strength: float) -> Floats:
    """The corners with each vertebra turned about its middle so that the tilts of the mid-lines run smoothly along the spine.

    A widest angle of noisy tilts is too wide and one of tilts that are smoothed too much too narrow;
    `docs/explanation/xray-alignment.md` has what each strength does on real spines.

    Args:
        corners: (n, 4, 2) as for `cobb_angles`, neighbours in order.
        strength: Of `smoother`; 0 leaves them as they are.
    """
    points = np.asarray(corners, np.float64)
    across = points[:, (1, 3)].mean(axis=1) - points[:, (0, 2)].mean(axis=1)
    tilts = np.arctan2(across[:, 1], across[:, 0])
    return _turned(points, points.mean(axis=1), smoother(len(points), strength) @ tilts - tilts)


def smoothed_plates(corners: NDArray[np.floating], strength: float) -> Floats:
    """The corners with each end plate turned about its middle so that the tilts of the plates run smoothly along the spine.

    Args:
        corners, strength: As for `smoothed`; plates are one series from the top down, upper and lower in turn.
    """
    points = np.asarray(corners, np.float64)
    plates = points.reshape(-1, 2, 2)
    along = plates[:, 1] - plates[:, 0]
    tilts = np.arctan2(along[:, 1], along[:, 0])
    return _turned(plates, plates.mean(axis=1), smoother(len(plates), strength) @ tilts - tilts).reshape(points.shape)


def smoother(count: int, strength: float) -> Floats:
    """(count, count) matrix of Whittaker's smoother of second order: smoothed t of y minimise |t - y|^2 + strength |D2 t|^2."""
    if count < 3 or strength == 0:
        return np.eye(count)
    bends = np.diff(np.eye(count), 2, axis=0)
    return np.asarray(np.linalg.inv(np.eye(count) + strength * bends.T @ bends))


def _turned(points: Floats, middle: Floats, turn: Floats) -> Floats:
    """Sets of points (n, k, 2), each turned about its middle (n, 2) by an angle (n,), radians."""
    matrix = np.stack([np.stack([np.cos(turn), -np.sin(turn)], axis=-1), np.stack([np.sin(turn), np.cos(turn)], axis=-1)], axis=-2)
    return np.asarray(np.einsum("nij,nkj->nki", matrix, points - middle[:, None]) + middle[:, None])


def _widest(upper: Floats, lower: Floats, first: int, last: int, sign: float) -> tuple[int, int]:
    """(upper, lower) end vertebra of the widest angle between two places; with a sign, of the widest that turns that way."""
    angle = lower[None, :] - upper[:, None]
    score = np.abs(angle) if sign == 0 else angle * sign
    place = np.arange(len(upper))
    allowed = (place[:, None] < place[None, :]) & (place[:, None] >= first) & (place[None, :] <= last)
    high, low = np.unravel_index(int(np.where(allowed, score, -np.inf).argmax()), score.shape)
    return int(high), int(low)


def _curve(corners: Floats, upper: Floats, lower: Floats, high: int, low: int) -> Curve:
    middles = corners[high:low + 1].mean(axis=1)
    along = middles[-1] - middles[0]
    beside = (along[1] * (middles[:, 0] - middles[0, 0]) - along[0] * (middles[:, 1] - middles[0, 1])) / max(float(np.hypot(*along)), 1e-9)
    apex = int(np.abs(beside).argmax())
    turn = float(lower[low] - upper[high])
    side = beside[apex] if low - high > 1 else turn  # between two neighbours no vertebra lies beside the line
    return Curve(abs(turn), turn, high, low, high + apex, 1 if side > 0 else -1)


def _is_s_shaped(middles: Floats) -> bool:
    """Whether the line through the plates' middles lies on both sides of the line from the first to the last."""
    span = middles[0] - middles[-1]
    if not span.all():
        return bool(np.ptp(middles[:, 0]) > 0)
    parts = (middles[:-2] - middles[-1]) / span
    beside = parts[:, 1] - parts[:, 0]
    product = np.outer(beside, beside)
    return bool(abs(product.sum() - np.abs(product).sum()) >= 1e-4)
