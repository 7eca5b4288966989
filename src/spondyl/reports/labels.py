"""Where the words beside a box go, so that none stands on another or leaves the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


def place_labels(
    boxes: Sequence[Rectangle], sizes: Sequence[tuple[float, float]], frame: tuple[float, float], *, gap: float, beside: Sequence[bool]
) -> tuple[Rectangle, ...]:
    """A place for the label of each box, the first served first.

    A label takes the first place around its box where it covers no label and no other box, else the first where it covers no
    label, else the free place nearest to the first of these, else (a picture that is full) that one. It lies inside the frame
    unless it is larger than that.

    Args:
        boxes: What is labelled.
        sizes: (width, height) of each label, in the units of the boxes.
        frame: (width, height) of the picture.
        gap: Distance from box to label.
        beside: Whether a label is wanted to the right or left of its box rather than above or below.
    """
    taken: list[Rectangle] = []
    for box, size, aside in zip(boxes, sizes, beside, strict=True):
        tried = [_inside(corner, size, frame) for corner in _around(box, size, gap, aside)]
        others = [other for other in boxes if other != box]
        bare = [place for place in tried if not _covers(place, others)]
        places = chain(bare, tried, _elsewhere(tried[0], size, frame, taken))
        taken.append(next((place for place in places if not _covers(place, taken)), tried[0]))
    return tuple(taken)


def _around(box: Rectangle, size: tuple[float, float], gap: float, beside: bool) -> list[tuple[float, float]]:
    """Top left corners around a box, the best first."""
    x0, y0, x1, y1 = box
    width, height = size
    middle = (y0 + y1 - height) / 2
    sides = [(x1 + gap, middle), (x0 - gap - width, middle)]
    ends = [(x0, y0 - gap - height), (x0, y1 + gap), (x1 - width, y0 - gap - height), (x1 - width, y1 + gap)]
    return [*sides, *ends] if beside else [*ends, *sides]


def _inside(corner: tuple[float, float], size: tuple[float, float], frame: tuple[float, float]) -> Rectangle:
    left = max(min(corner[0], frame[0] - size[0]), 0.0)
    top = max(min(corner[1], frame[1] - size[1]), 0.0)
    return left, top, left + size[0], top + size[1]


def _elsewhere(
    wanted: Rectangle, size: tuple[float, float], frame: tuple[float, float], taken: Sequence[Rectangle]
) -> Iterator[Rectangle]:
    """Places that touch a label that stands already, or the frame, nearest first: if any place is free, one of these is."""
    lefts = {wanted[0], 0.0, *(one[2] for one in taken), *(one[0] - size[0] for one in taken)}
    tops = {wanted[1], 0.0, *(one[3] for one in taken), *(one[1] - size[1] for one in taken)}
    places = {_inside((left, top), size, frame) for left in lefts for top in tops}
    yield from sorted(places, key=lambda place: ((place[0] - wanted[0]) ** 2 + (place[1] - wanted[1]) ** 2, place))


def _covers(one: Rectangle, others: Sequence[Rectangle]) -> bool:
    """Whether a rectangle has a point in common with any of the others."""
    return any(one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3] for other in others)
