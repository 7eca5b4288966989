"""From what a dense detector says of every place of a frame to a few boxes on the film. numpy alone, so that every runtime agrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox

Floats = NDArray[np.float64]
CANDIDATES = 2000
"""Most places that are looked at for overlap."""
LEAST_SIDE = 1.0
"""Boxes narrower than this many pixels of the film are dropped (what is left of a box outside the film)."""


@dataclass(frozen=True, slots=True)
class FoundBox:
    """One box on a film: its class, its score 0..1, and (x0, y0, x1, y1) in pixels of the original film."""

    label: int
    score: float
    box: tuple[float, float, float, float]


def read_boxes(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], to_film: Letterbox, settings: Mapping[str, Any],
    film: tuple[int, int] | None = None,
) -> tuple[FoundBox, ...]:  # fmt: skip
    """The boxes on one film that are left, surest first.

    Args:
        boxes: (places, 4) in pixels of the frame.
        scores: (places, classes), 0..1.
        to_film: The map of `frame_film`: a whole film in the middle of a frame.
        settings: `least` score, `overlap` above which the less sure of two boxes of one class goes, `most` boxes in all.
        film: (rows, columns) of the film; without it, twice where the frame's middle lies on the film.
    """
    place, label = np.nonzero(scores >= float(settings["least"]))
    score = np.asarray(scores[place, label], np.float64)
    if len(score) > CANDIDATES:
        kept = np.argsort(-score, kind="stable")[:CANDIDATES]
        place, label, score = place[kept], label[kept], score[kept]
    corners = on_film(np.asarray(boxes, np.float64)[place], to_film, film)
    large = ((corners[:, 2:] - corners[:, :2]) >= LEAST_SIDE).all(axis=1)
    corners, label, score = corners[large], label[large], score[large]
    kept = without_overlap(corners, score, label, float(settings["overlap"]), int(settings["most"]))
    return tuple(
        FoundBox(int(label[i]), float(score[i]), (float(corners[i, 0]), float(corners[i, 1]), float(corners[i, 2]), float(corners[i, 3])))
        for i in kept
    )


def on_film(boxes: Floats, to_film: Letterbox, film: tuple[int, int] | None = None) -> Floats:
    """Boxes (n, 4) of a frame in pixels of the film, cut at the film's border. `film` as in `read_boxes`."""
    middle = np.array([to_film.shape[1] / 2, to_film.shape[0] / 2])
    limits = np.round(2 * to_film.back(middle)) if film is None else np.array(film[::-1], np.float64)
    return np.asarray(np.clip(to_film.back(boxes.reshape(-1, 2, 2)), 0.0, np.tile(limits, (2, 1))).reshape(-1, 4))


def without_overlap(boxes: Floats, scores: Floats, labels: NDArray[np.integer], overlap: float, most: int) -> NDArray[np.int64]:
    """Places of the boxes that are kept, surest first, at most `most`.

    A box goes when a surer one of its class overlaps it by more than `overlap` (intersection over union). Equal scores are ordered
    by class and corners, so that the order of the input does not matter.
    """
    order = np.lexsort((*boxes.T[::-1], labels, -scores))
    corners, classes = boxes[order], labels[order]
    area = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        if len(kept) == most:
            break
        rest = i + 1 + np.flatnonzero(alive[i + 1 :] & (classes[i + 1 :] == classes[i]))
        shared = np.minimum(corners[rest, 2:], corners[i, 2:]) - np.maximum(corners[rest, :2], corners[i, :2])
        common = np.clip(shared, 0.0, None).prod(axis=1)
        alive[rest[common > overlap * (area[rest] + area[i] - common)]] = False
    return np.asarray(order[kept], np.int64)
