"""The official scores of detection: average precision as COCO defines it, and sensitivity at so many false boxes a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spondyl.metrics.detection import box_iou
from spondyl.metrics.intervals import Interval

RECALLS = np.linspace(0.0, 1.0, 101)
"""Precision is read at these recalls."""
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""mAP@[.5:.95] is the mean over these."""
FALSE_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MOST_PER_FILM = 100
"""Boxes of one class on one film that count, the surest first, as in COCO."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FilmBoxes:
    """The boxes of one film, found or true.

    Attributes:
        labels: Class of each, shape (n,).
        boxes: (n, 4), (x0, y0, x1, y1) half-open, any one frame of pixels.
        scores: (n,); left empty for true boxes.
    """

    labels: NDArray[np.int64]
    boxes: Floats
    scores: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.labels), 4) or len(self.scores) not in (0, len(self.labels)):
            raise ValueError(f"one label, one box and one score each, got {len(self.labels)}, {self.boxes.shape} and {len(self.scores)}")


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of the found boxes of one class, surest first over all films.

    Attributes:
        scores: (n,).
        films: Place of the film of each, (n,).
        hits: (overlaps, n): whether it was given a true box at that overlap.
        true: How many true boxes each film has, (films,).
    """

    scores: Floats
    films: NDArray[np.int64]
    hits: Flags
    true: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DetectionTable:
    """Average precision of each class, by its number, and the means over classes that occur. NaN for a class that does not.

    Attributes:
        classes: AP at overlap 0.5 of each class.
        map50: Their mean.
        map5095: Mean over the overlaps 0.5 to 0.95, no interval.
        true, found: How many boxes of each class there are, and were found.
    """

    classes: tuple[Interval, ...]
    map50: Interval
    map5095: float
    true: tuple[int, ...]
    found: tuple[int, ...]


def match_class(found: Sequence[FilmBoxes], truth: Sequence[FilmBoxes], label: int, overlaps: Sequence[float] = OVERLAPS) -> Matches:
    """The found boxes of one class, each with whether it was right at each overlap.

    On each film the surest box takes, of the true boxes that are free, the one it overlaps most, if by enough; then the next.
    """
    scores, films, hits, true = [], [], [np.zeros((len(overlaps), 0), bool)], np.zeros(len(truth), np.int64)
    for film, (said, is_there) in enumerate(zip(found, truth, strict=True)):
        own = said.labels == label
        order = np.argsort(-said.scores[own], kind="stable")[:MOST_PER_FILM]
        boxes = is_there.boxes[is_there.labels == label]
        true[film] = len(boxes)
        scores.append(said.scores[own][order])
        films.append(np.full(len(order), film))
        hits.append(_hits(box_iou(said.boxes[own][order], boxes), np.asarray(overlaps)))
    together = np.concatenate([*scores, np.zeros(0)])
    order = np.argsort(-together, kind="stable")
    place = np.concatenate([*films, np.zeros(0, np.int64)]).astype(np.int64)
    return Matches(together[order], place[order], np.concatenate(hits, axis=1)[:, order], true)


def _hits(overlap: Floats, least: Floats) -> Flags:
    """(overlaps, found): greedy, from the first row down; at every overlap on its own."""
    hits = np.zeros((len(least), len(overlap)), bool)
    free = np.ones((len(least), overlap.shape[1]), bool)
    rows = np.flatnonzero((overlap >= least.min()).any(axis=1)) if overlap.size else ()
    for row in rows:
        open_ = np.where(free & (overlap[row] >= least[:, None]), overlap[row], -1.0)
        best = open_.argmax(axis=1)
        taken = open_[np.arange(len(least)), best] > 0
        hits[taken, row] = True
        free[taken, best[taken]] = False
    return hits


def interpolated_precision(hits: Flags, true: float, weights: ArrayLike = 1.0) -> float:
    """Mean over 101 recalls of the best precision at that recall or a higher one; NaN without true boxes.

    Args:
        hits: Whether each found box was right, surest first, (n,).
        true: How many true boxes there are.
        weights: How often each found box counts.

    Example:
        >>> interpolated_precision(np.array([True, False, True]), 2)
        0.834983498349835
    """
    if not true > 0:
        return float("nan")
    right = np.cumsum(hits * np.broadcast_to(weights, hits.shape))
    every = np.cumsum(np.broadcast_to(np.asarray(weights, np.float64), hits.shape))
    precision = np.divide(right, every, out=np.zeros(len(hits)), where=every > 0)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(right / true, RECALLS - 1e-12)
    return float(np.append(best, 0.0)[place].mean())


def detection_average_precision(
    found: Sequence[FilmBoxes], truth: Sequence[FilmBoxes], classes: int, overlaps: Sequence[float] = (0.5,)
) -> Floats:
    """Average precision, (overlaps, classes); NaN for a class without true boxes. mAP@0.5 is the mean over the others.

    As COCO's evaluation without crowds and areas: 101-point interpolation, at most MOST_PER_FILM boxes of a class on a film.
    """
    table = np.full((len(overlaps), classes), np.nan)
    for label in range(classes):
        matches = match_class(found, truth, label, overlaps)
        table[:, label] = [interpolated_precision(hits, float(matches.true.sum())) for hits in matches.hits]
    return table


def mean_precision(table: Floats) -> float:
    """Mean over classes that occur, and over overlaps; NaN where none occurs."""
    occurs = np.isfinite(table)
    return float(table[occurs].mean()) if occurs.any() else float("nan")


def detection_table(
    found: Sequence[FilmBoxes], truth: Sequence[FilmBoxes], units: ArrayLike, classes: int, rng: np.random.Generator, draws: int = 1000
) -> DetectionTable:
    """The official scores, with intervals from drawing whole units (studies) again.

    Boxes are matched once; a draw only changes how often each film counts, which gives the very number that films copied as
    often would give. A class that a draw leaves out does not count in that draw's mean.
    """
    matches = [match_class(found, truth, label) for label in range(classes)]
    every = np.array([[interpolated_precision(m.hits[row], float(m.true.sum())) for m in matches] for row in range(len(OVERLAPS))])
    _, unit = np.unique(np.asarray(units), return_inverse=True)
    count = int(unit.max()) + 1 if len(unit) else 0
    drawn = np.full((draws, classes), np.nan)
    for draw in range(draws if count else 0):
        weights = np.bincount(rng.integers(0, count, count), minlength=count)[unit].astype(np.float64)
        drawn[draw] = [interpolated_precision(m.hits[0], float(m.true @ weights), weights[m.films]) for m in matches]
    per_class = tuple(_interval(float(every[0, label]), drawn[:, label]) for label in range(classes))
    means = np.array([mean_precision(row) for row in drawn])
    return DetectionTable(
        per_class, _interval(mean_precision(every[0]), means), mean_precision(every),
        tuple(int(m.true.sum()) for m in matches), tuple(len(m.scores) for m in matches),
    )


def froc(found: Sequence[FilmBoxes], truth: Sequence[FilmBoxes], label: int, rates: Sequence[float] = FALSE_RATES) -> Floats:
    """Share of the true boxes of a class that are found, at so many false boxes a film on average, (rates,); overlap 0.5.

    The threshold is the lowest at which there are not more false boxes; boxes of one score come in together. NaN without true boxes.
    """
    matches = match_class(found, truth, label, (0.5,))
    total = int(matches.true.sum())
    if not total:
        return np.full(len(rates), np.nan)
    ends = np.append(np.flatnonzero(np.diff(matches.scores)), len(matches.scores) - 1) if len(matches.scores) else np.zeros(0, np.int64)
    hits = np.cumsum(matches.hits[0])[ends]
    false = (ends + 1) - hits
    allowed = [np.flatnonzero(false <= rate * len(truth)) for rate in rates]
    return np.array([hits[places[-1]] / total if len(places) else 0.0 for places in allowed])


def _interval(estimate: float, drawn: Floats) -> Interval:
    finite = drawn[np.isfinite(drawn)]
    if not np.isfinite(estimate) or len(finite) <= len(drawn) / 2:
        return Interval(estimate, float("nan"), float("nan"))
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))
