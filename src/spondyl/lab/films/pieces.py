"""Pieces of films to learn from: what matters is small, and most of a film is not spine.

With boxes a network can be taught on pieces as well as on whole films, at a fraction of the work. It is always judged on whole films.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.lab.films.augment import Draws

WHOLE = 2 / 3
"""Share of the pieces cut around a box that do not cut it; the others may, as the edge of a film does."""
SHIFT = 0.4
"""Most that a piece lies off the middle of its box, as a share of its size."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """What is cut out of each film.

    Attributes:
        rows, columns: Of a piece, in pixels of the frame.
        each: Pieces of a film in an epoch.
        seek: Share of pieces that are cut around one of the film's boxes, a class as often as another; the rest lie about the middle.
            WHOLE of those hold the box whole, if it fits.
    """

    rows: int
    columns: int
    each: int = 3
    seek: float = 0.6

    def __post_init__(self) -> None:
        if min(self.rows, self.columns, self.each) < 1 or not 0 <= self.seek <= 1:
            raise ValueError(f"a piece has rows and columns, comes once or more, and seek is a share: {self}")


def draw_middles(
    rng: np.random.Generator, boxes: NDArray[np.float32], labels: NDArray[np.int64], shape: tuple[int, int], pieces: Pieces
) -> NDArray[np.float32]:
    """Where the pieces of n films lie: their middles, (n, 2), (x, y) in pixels of the frame.

    Args:
        boxes, labels: (n, B, 4) and (n, B), as in a lesson.
        shape: (rows, columns) of the frame.
    """
    n, size = len(boxes), np.array([shape[1], shape[0]], np.float64)
    piece = np.array([pieces.columns, pieces.rows], np.float64)
    middles = size * (0.5 + rng.normal(0, (0.14, 0.25), (n, 2)))
    sought, choice, shift, whole = rng.random(n) < pieces.seek, rng.random((n, 2)), rng.uniform(-1, 1, (n, 2)), rng.random(n) < WHOLE
    for row in np.flatnonzero(sought & (labels >= 0).any(1)):
        kinds = np.unique(labels[row][labels[row] >= 0])
        kind = kinds[int(choice[row, 0] * len(kinds))]
        own = np.flatnonzero(labels[row] == kind)
        box = boxes[row, own[int(choice[row, 1] * len(own))]]
        room = np.clip((piece - (box[2:] - box[:2])) / 2, 0, SHIFT * piece) if whole[row] else SHIFT * piece
        middles[row] = (box[:2] + box[2:]) / 2 + shift[row] * room
    edge = 0.4 * np.minimum(piece, size)
    return np.asarray(np.clip(middles, edge, size - edge), np.float32)


def cut(draws: Draws, middles: NDArray[np.float32], shape: tuple[int, int], pieces: Pieces) -> Draws:
    """The same changes, made about the middles of the pieces."""
    size = np.array([shape[1], shape[0]], np.float32)
    share = np.array([pieces.columns, pieces.rows], np.float32) / size
    theta = draws.theta.copy()
    theta[:, :, :2] *= share
    theta[:, :, 2] = 2 * middles / size - 1
    return replace(draws, theta=theta)


def targets_of(labels: Tensor, codes: Tensor) -> Tensor:
    """What a piece is taught as a whole, (n, K): the most that any place in it says.

    Args:
        labels: (n, B), -1 where there is no box in the piece.
        codes: (labels, K).
    """
    said = torch.where((labels >= 0)[..., None], codes[labels.clamp(min=0)], 0.0)
    return said.amax(1) if said.shape[1] else torch.zeros(len(labels), codes.shape[1])
