"""Which part of a picture is the scan: reports and captions around it are masked before anything looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAPER_SHARE = 0.55
"""A row or column of which so much has one grey may be caption or border [O]."""
INK_SHARE = 0.4
"""Of the rest so much differs plainly from that grey where it is writing; in a dark scan the rest is nearly as dark [O]."""
INK = 0.35
"""How plainly."""
BLANK = 1.5 / 255
"""A row or column whose greys span no more is blank: a scan is noisy everywhere."""
BIN = 5 / 255
"""Greys that lie so near to each other are one: lossy compression moves them by so much."""
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
    for _ in range(4):
        before = (x0, y0, x1, y1)
        part = pixels[y0:y1, x0:x1]
        rows = _longest(~_empty(part))
        y0, y1 = y0 + rows[0], y0 + rows[1]
        part = pixels[y0:y1, x0:x1]
        columns = _longest(~_empty(part.T)) if part.size else (0, 0)
        x0, x1 = x0 + columns[0], x0 + columns[1]
        if min(x1 - x0, y1 - y0) < LEAST_RUN:
            return None
        if before == (x0, y0, x1, y1):
            break
    return Panel((x0, y0, x1, y1), (x1 - x0) * (y1 - y0) / pixels.size)


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
    return bool(_writing(pixels).any())


def _empty(part: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows hold writing on paper of one grey, or nothing."""
    return np.asarray(_writing(part) | (np.ptp(part, axis=1) <= BLANK))


def _writing(part: NDArray[np.float32]) -> NDArray[np.bool_]:
    codes = np.rint(np.clip(part, 0, 1) / BIN).astype(np.int64)
    levels = int(codes.max(initial=0)) + 1
    places = np.arange(len(codes))[:, None] * levels + codes
    counts = np.bincount(places.ravel(), minlength=len(codes) * levels).reshape(len(codes), levels)
    paper = counts.argmax(axis=1)
    rest = np.maximum(part.shape[1] - counts.max(axis=1), 1)
    ink = (np.abs(codes - paper[:, None]) * BIN > INK).sum(axis=1)
    return np.asarray((counts.max(axis=1) >= PAPER_SHARE * part.shape[1]) & (ink >= INK_SHARE * rest) & (ink > 0))


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
