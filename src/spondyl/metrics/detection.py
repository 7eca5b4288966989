"""Boxes found against boxes that are there. Boxes are half-open [x0, y0, x1, y1] in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def box_iou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every pair, shape (n, m); 0 where both boxes are empty.

    Args:
        first: Shape (n, 4).
        second: Shape (m, 4).

    Example:
        >>> box_iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]).round(4).tolist()
        [[0.3333, 0.0]]
    """
    one, other = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (first, second))
    corners = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    shared = np.clip(corners, 0, None).prod(axis=2)
    union = _area(one)[:, None] + _area(other)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def match_boxes(found: ArrayLike, scores: ArrayLike, truth: ArrayLike, threshold: float = 0.5) -> NDArray[np.int64]:
    """For each found box the true box it is given, or -1, shape (n,).

    From the highest score down (ties: the earlier box), each takes the free true box it overlaps most, if by `threshold` or more.

    Example:
        >>> match_boxes([[0, 0, 9, 10], [0, 0, 10, 10]], [0.6, 0.9], [[0, 0, 10, 10]]).tolist()
        [-1, 0]
    """
    overlap = box_iou(found, truth)
    given = np.full(overlap.shape[0], -1, np.int64)
    for i in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        best = int(np.argmax(overlap[i])) if overlap.shape[1] else 0
        if overlap.shape[1] and overlap[i, best] >= threshold and overlap[i, best] > 0:
            given[i] = best
            overlap[:, best] = -1.0
    return given


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
