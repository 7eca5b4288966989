"""Which part of a picture is the scan: reports and captions around it are masked before anything looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAPER_SHARE = 0.5
"""A row or column of which so much has one grey may be caption or border [O]."""
NEAR = 12 / 255
"""Greys that lie so near to the paper are paper: lossy compression moves them by so much around writing."""
INK = 0.25
"""How plainly ink differs from the paper."""
BETWEEN_SHARE = 0.2
"""Of a row of writing no more lies between paper and ink: a scan is full of greys, also where metal makes it dark."""
FEWEST_STROKES = 3
"""Strokes in a row of writing; screws and rods are fewer. Rows of letters with fewer lie between others."""
LONGEST_STROKE = 0.12
"""Of the row's length, or 10 pixels: bone is wider than a stroke."""
BLANK, BLANK_SHARE = 0.6 / 255, 0.985
"""A row or column of which so much has its middle grey exactly is blank, if nothing in it leaves the paper: a scan is noisy everywhere."""
DARK = 0.45
"""95th percentile of a picture in which metal takes the whole range of greys, at the most."""
BIN = 5 / 255
"""Width of the greys that the paper is looked for among."""
LEAST_RUN = 32
"""Rows or columns that a scan has at least."""
GAP = 2
"""Flat rows inside a scan that are forgiven: a burnt-in line, a cross-hair."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Where the scan lies.

    Attributes:
        box: (x0, y0, x1, y1) pixels of the picture, half-open.
        share: Of the picture's area.
    """

    box: tuple[int, int, int, int]
    share: float

    @property
    def masked(self) -> bool:
        """Whether anything was left out."""
        return self.share < 1.0


def find_panel(pixels: NDArray[np.float32]) -> Panel | None:
    """The largest part of a picture that is a continuous-tone image; None where there is none of LEAST_RUN pixels a side.

    Rows and columns of one grey with writing on it are no image. They are cut in turn, rows first, until nothing changes.
    """
    x0, y0, x1, y1 = 0, 0, pixels.shape[1], pixels.shape[0]
    dark = is_dark(pixels)
    for _ in range(4):
        before = (x0, y0, x1, y1)
        part = pixels[y0:y1, x0:x1]
        rows = _longest(~_empty(part, strict=dark, blank_inside=not dark))
        y0, y1 = y0 + rows[0], y0 + rows[1]
        part = pixels[y0:y1, x0:x1]
        columns = _columns(part, dark)
        x0, x1 = x0 + columns[0], x0 + columns[1]
        if min(x1 - x0, y1 - y0) < LEAST_RUN:
            return None
        if before == (x0, y0, x1, y1):
            break
    return Panel((x0, y0, x1, y1), (x1 - x0) * (y1 - y0) / pixels.size)


def _columns(part: NDArray[np.float32], dark: bool) -> tuple[int, int]:
    """Columns of the image in some rows: all of them in a dark picture, where black sides are scan."""
    if dark or not part.size:
        return 0, part.shape[1] if part.size else 0
    return _longest(~_empty(part.T, strict=True))


def is_dark(pixels: NDArray[np.float32]) -> bool:
    """Whether nearly all of a picture lies near black, as where metal takes the whole range of greys."""
    return float(np.percentile(pixels, 95)) < DARK


def inside(pixels: NDArray[np.float32], panel: Panel) -> NDArray[np.float32]:
    """The picture with all around its scan black."""
    if not panel.masked:
        return pixels
    x0, y0, x1, y1 = panel.box
    plain = np.zeros_like(pixels)
    plain[y0:y1, x0:x1] = pixels[y0:y1, x0:x1]
    return plain


def holds_writing(pixels: NDArray[np.float32]) -> bool:
    """Whether any row looks like writing on paper."""
    return bool(_strokes(pixels, is_dark(pixels)).any())


def _empty(part: NDArray[np.float32], strict: bool, blank_inside: bool = True) -> NDArray[np.bool_]:
    """Which rows hold writing on paper of one grey, or nothing; `blank_inside` counts nothing between others too."""
    same = np.abs(part - np.median(part, axis=1, keepdims=True)) <= BLANK
    blank = (same.mean(axis=1) >= BLANK_SHARE) & (np.ptp(part, axis=1) <= NEAR)
    if not blank_inside:
        kept = np.flatnonzero(~blank)
        blank[kept[0] if len(kept) else len(blank):kept[-1] if len(kept) else 0] = False
    return np.asarray(_strokes(part, strict) | blank)


def _from_paper(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel's grey is from its row's most frequent one."""
    codes = np.rint(np.clip(part, 0, 1) / BIN).astype(np.int64)
    levels = int(codes.max(initial=0)) + 1
    places = np.arange(len(codes))[:, None] * levels + codes
    counts = np.bincount(places.ravel(), minlength=len(codes) * levels).reshape(len(codes), levels)
    return np.asarray(np.abs(part - (counts.argmax(axis=1) * BIN)[:, None]), np.float32)


def _strokes(part: NDArray[np.float32], strict: bool) -> NDArray[np.bool_]:
    """Rows of several short strokes on paper, and little between the two greys.

    Args:
        strict: Whether the paper has to be without a grain: ribs that a column crosses, and screws in a dark picture, look like strokes.
    """
    away = _from_paper(part)
    other, ink = away > NEAR, away > INK
    count = (ink[:, 1:] & ~ink[:, :-1]).sum(axis=1) + ink[:, 0]
    run, longest = np.zeros(len(away), np.int64), np.zeros(len(away), np.int64)
    for column in other.T:
        run = (run + 1) * column
        longest = np.maximum(longest, run)
    short = longest <= max(10, LONGEST_STROKE * away.shape[1])
    paper, between = (~other).mean(axis=1), (other & ~ink).mean(axis=1)
    found = (paper >= PAPER_SHARE) & (between <= BETWEEN_SHARE) & (count >= FEWEST_STROKES) & short
    if strict:
        grain = (np.abs(part - np.median(part, axis=1, keepdims=True)) > BLANK) & ~ink
        found &= grain.mean(axis=1) <= 1 - BLANK_SHARE
    return np.asarray(found)


def _longest(good: NDArray[np.bool_]) -> tuple[int, int]:
    """(first, last + 1) of the longest run of True, gaps of up to GAP forgiven."""
    best, start, last = (0, 0), -1, -1
    for k in np.flatnonzero(good):
        if start < 0 or k - last > GAP + 1:
            start = int(k)
        last = int(k)
        if last + 1 - start > best[1] - best[0]:
            best = (start, last + 1)
    return best
