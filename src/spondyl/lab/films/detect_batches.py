"""Films and their boxes for a detector: which films an epoch sees, how they are changed, all drawn from seed, epoch and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from spondyl.lab.films.augment import NONE, Augment, changed_boxes, changed_films, draw, noise_grain
from spondyl.lab.films.batches import there
from spondyl.lab.films.pieces import Pieces, cut, draw_middles
from spondyl.lab.films.sampling import repeat_factors
from spondyl.models.detectors import BoxTargets

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

WHITE = 65535.0
UNSAID = -2
"""Label of what is left of a lesion that is all but cut off: it is taught neither as one nor as none."""
BoxBatch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Films (n, 1, rows, columns), boxes (n, B, 4) in pixels of the frame, labels (n, B) with -1 where there is none or UNSAID, places (n,)."""


def framed_boxes(cache: FilmCache) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes (films, B, 4) in pixels of the frame, padded with zeros, and labels (films, B), -1 where there is no box."""
    most = max((len(film.boxes) for film in cache.films), default=0)
    boxes = np.zeros((len(cache.films), most, 4), np.float32)
    labels = np.full((len(cache.films), most), -1, np.int64)
    for row, film in enumerate(cache.films):
        for place, box in enumerate(film.boxes):
            corners = np.asarray(box.box, np.float64).reshape(2, 2) @ cache.to_frame[row, :, :2].T + cache.to_frame[row, :, 2]
            boxes[row, place], labels[row, place] = corners.ravel(), box.label
    return boxes, labels


def times_a_film(present: Sequence[frozenset[int]], threshold: float, normals: float) -> NDArray[np.float64]:
    """How often an epoch sees each film on average.

    Films with boxes at least once, and more often where a class on them is rare (repeat factors); those without as often as it
    takes to have `normals` of them for each film with boxes, at most once.
    """
    abnormal = np.array([bool(classes) for classes in present])
    times = np.ones(len(present))
    if abnormal.any():
        times[abnormal] = repeat_factors([classes for classes in present if classes], threshold)
        times[~abnormal] = min(1.0, normals * abnormal.sum() / max(1, (~abnormal).sum()))
    return times


def order_of(times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Places in the order of one epoch: each as often as it must, the rest by chance; every epoch has the same length."""
    whole = np.floor(times + 1e-9).astype(np.int64)
    rest = np.clip(times - whole, 0.0, None)
    extra = min(round(float(rest.sum())), int(np.count_nonzero(rest)))
    if extra:
        whole[rng.choice(len(times), size=extra, replace=False, p=rest / rest.sum())] += 1
    return rng.permutation(np.repeat(np.arange(len(times)), whole))


class DetectBatches(Dataset[BoxBatch]):
    """The batches of one epoch, by number. Nothing but seed and number decides a batch."""

    def __init__(
        self, pixels: NDArray[np.uint16], boxes: NDArray[np.float32], labels: NDArray[np.int64], order: NDArray[np.int64], batch: int,
        augment: Augment = NONE, seed: Sequence[int] = (0,), pieces: Pieces | None = None,
    ) -> None:  # fmt: skip
        self.pixels, self.boxes, self.labels, self.order, self.batch = pixels, boxes, labels, order, batch
        self.augment, self.seed, self.pieces = augment, tuple(seed), pieces
        self.seen = (pieces.rows, pieces.columns) if pieces else None
        self.shape = pixels.shape[1], pixels.shape[2]
        self.grain = noise_grain(self.shape) if augment.noise else torch.zeros(0)

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch)

    def __getitem__(self, number: int) -> BoxBatch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        places = self.order[number * self.batch : (number + 1) * self.batch]
        films = torch.from_numpy(self.pixels[places].astype(np.float32))[:, None].mul_(1 / WHITE)
        boxes, labels = torch.from_numpy(self.boxes[places]), torch.from_numpy(self.labels[places])
        if self.augment != NONE or self.pieces:
            rng = np.random.default_rng([*self.seed, number])
            draws = draw(rng, len(places), self.shape, self.augment)
            if self.pieces:
                middles = draw_middles(rng, self.boxes[places], self.labels[places], self.shape, self.pieces)
                draws = cut(draws, middles, self.shape, self.pieces)
            films = changed_films(films, draws, self.grain, self.seen)
            boxes, kept = changed_boxes(boxes, draws, self.shape, seen=self.seen)
            labels, cut_off = there(labels, boxes, kept)
            labels = torch.where(cut_off >= 0, UNSAID, labels)
        return films, boxes, labels, torch.from_numpy(places)


def targets_of(boxes: Tensor, labels: Tensor) -> list[BoxTargets]:
    """One target a film, padding left out."""
    return [BoxTargets(own[told >= 0], told[told >= 0], own[told == UNSAID]) for own, told in zip(boxes, labels, strict=True)]
