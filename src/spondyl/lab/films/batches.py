"""Batches of films from the cache: which films, how they are changed, and what they are taught, all drawn from seed, epoch and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from spondyl.lab.films.augment import NONE, Augment, Draws, changed_boxes, changed_films, draw, noise_grain
from spondyl.lab.films.heads import Head, Taught
from spondyl.lab.films.pieces import Pieces, cut, draw_middles, targets_of
from spondyl.lab.films.places import cell_targets

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache
    from spondyl.lab.films.records import FilmRecord

WHITE = 65535.0


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Everything there is to learn from the films of a cache, as arrays aligned with it.

    Attributes:
        pixels: uint16 (films, rows, columns).
        boxes: (films, B, 4) in pixels of the frame, padded with zeros.
        labels: (films, B), -1 where there is no box.
        targets, known: (films, K).
        weights: (films,).
        teacher: (films, K) probabilities, or None.
    """

    pixels: NDArray[np.uint16]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    targets: NDArray[np.float32]
    known: NDArray[np.float32]
    weights: NDArray[np.float32]
    teacher: NDArray[np.float32] | None


def is_sure(film: FilmRecord) -> bool:
    """Whether the source says what each place of a film shows: by boxes, or because there is nothing on it."""
    return bool(film.boxes) or not film.target


def lesson_of(cache: FilmCache, head: Head, teacher: NDArray[np.float32] | None = None) -> Lesson:
    """The films of a cache as a head is taught them.

    Args:
        cache: Of n films.
        head: What is taught.
        teacher: (n, K) logits.
    """
    taught = [head.taught(film) for film in cache.films]
    boxes, labels = _framed_boxes(cache)
    return Lesson(
        cache.pixels, boxes, labels, np.stack([t for t, _ in taught]), np.stack([k for _, k in taught]),
        head.film[[film.target for film in cache.films]], None if teacher is None else _sigmoid(teacher),
    )  # fmt: skip


def _framed_boxes(cache: FilmCache) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    most = max((len(film.boxes) for film in cache.films), default=0)
    boxes = np.zeros((len(cache.films), most, 4), np.float32)
    labels = np.full((len(cache.films), most), -1, np.int64)
    for row, film in enumerate(cache.films):
        to_frame = cache.to_frame[row]
        for place, box in enumerate(film.boxes):
            corners = np.array(box.box, dtype=np.float64).reshape(2, 2) @ to_frame[:, :2].T + to_frame[:, 2]
            boxes[row, place], labels[row, place] = corners.ravel(), box.label
    return boxes, labels


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(0.5 * (1 + np.tanh(logits.astype(np.float64) / 2)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Films (n, 1, rows, columns), 0..1; their places in the cache; what they are taught."""

    films: Tensor
    places: NDArray[np.int64]
    taught: Taught


class FilmBatches(Dataset[Batch]):
    """The batches of one epoch, by number. Nothing but seed, epoch and number decides a batch, however many processes load them."""

    def __init__(
        self, lesson: Lesson, head: Head, order: Sequence[int] | NDArray[np.int64], batch: int, cells: tuple[int, int] | None,
        augment: Augment = NONE, seed: Sequence[int] = (0,), pieces: Pieces | None = None,
    ) -> None:  # fmt: skip
        self.lesson, self.head, self.order, self.batch, self.cells = lesson, head, np.asarray(order, dtype=np.int64), batch, cells
        self.augment, self.seed, self.pieces = augment, tuple(seed), pieces
        self.seen = (pieces.rows, pieces.columns) if pieces else None
        self.codes = torch.from_numpy(head.codes)
        self.grain = noise_grain(lesson.pixels.shape[1:]) if augment.noise else torch.zeros(0)

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch)

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        places = self.order[number * self.batch : (number + 1) * self.batch]
        shape = self.lesson.pixels.shape[1], self.lesson.pixels.shape[2]
        rng = np.random.default_rng([*self.seed, number])
        draws = draw(rng, len(places), shape, self.augment)
        if self.pieces:
            middles = draw_middles(rng, self.lesson.boxes[places], self.lesson.labels[places], shape, self.pieces)
            draws = cut(draws, middles, shape, self.pieces)
        films = torch.from_numpy(self.lesson.pixels[places].astype(np.float32))[:, None].mul_(1 / WHITE)
        films = changed_films(films, draws, self.grain, self.seen)
        taught = self._taught(places, draws, shape)
        if self.augment.mixup:
            films, taught = mixed(films, taught, draws)
        return Batch(films, places, taught)

    def _taught(self, places: NDArray[np.int64], draws: Draws, shape: tuple[int, int]) -> Taught:
        lesson = self.lesson
        targets, known, weights = (torch.from_numpy(part[places]) for part in (lesson.targets, lesson.known, lesson.weights))
        teacher = None if lesson.teacher is None else torch.from_numpy(lesson.teacher[places])
        labels = torch.from_numpy(lesson.labels[places])
        cut_off = torch.full_like(labels, -1)
        sure = ((labels >= 0).any(1) | ~(targets.bool().any(1)))[:, None]
        cells, places_known = None, sure.float().expand_as(known)
        if self.cells is not None and (self.head.place_weight or self.pieces):
            boxes, kept = changed_boxes(torch.from_numpy(lesson.boxes[places]), draws, shape, seen=self.seen)
            labels, cut_off = there(labels, boxes, kept)
            cells, unsaid = (cell_targets(boxes, own, self.codes, self.seen or shape, self.cells) for own in (labels, cut_off))
            places_known = places_known[:, :, None, None] * (unsaid <= cells)
        if self.pieces:
            targets = targets_of(labels, self.codes)
            known = known * sure * (targets_of(cut_off, self.codes) <= targets)
        taught = Taught(targets, known, cells, places_known, weights, teacher)
        return _swapped(taught, torch.from_numpy(draws.mirrored), self.head.swap)


def there(labels: Tensor, boxes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (n, B) of the boxes that are on the changed films, and of those of which too little is left to say what it is; else -1.

    Args:
        labels: (n, B).
        boxes, kept: As `changed_boxes` gives them.
    """
    visible = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    return torch.where(kept, labels, -1), torch.where(visible & ~kept, labels, -1)


def _swapped(taught: Taught, mirrored: Tensor, swap: tuple[int, ...]) -> Taught:
    """Left and right answers change places on films that were mirrored."""
    if swap == tuple(range(len(swap))):
        return taught
    index = torch.tensor(swap)

    def turn(part: Tensor) -> Tensor:
        return torch.where(mirrored.view(-1, *[1] * (part.ndim - 1)), part[:, index], part)

    places = None if taught.places is None else turn(taught.places)
    teacher = None if taught.teacher is None else turn(taught.teacher)
    return replace(taught, targets=turn(taught.targets), known=turn(taught.known), places=places,
                   places_known=turn(taught.places_known), teacher=teacher)  # fmt: skip


def mixed(films: Tensor, taught: Taught, draws: Draws) -> tuple[Tensor, Taught]:
    """Each film with a share of its partner's pixels and of what its partner is taught. What one of the two does not know is not known."""
    partner, share = torch.from_numpy(draws.partner), torch.from_numpy(draws.share)

    def blend(part: Tensor) -> Tensor:
        own = share.view(-1, *[1] * (part.ndim - 1))
        return own * part + (1 - own) * part[partner]

    return blend(films), Taught(
        blend(taught.targets), taught.known * taught.known[partner], None if taught.places is None else blend(taught.places),
        taught.places_known * taught.places_known[partner], blend(taught.weights),
        None if taught.teacher is None else blend(taught.teacher),
    )  # fmt: skip
