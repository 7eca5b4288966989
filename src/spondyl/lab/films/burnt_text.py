"""Does somebody's writing stand in the picture? Words that a machine burnt in can name a patient, and can teach a network the wrong thing.

Writing is thin strokes of one grey with edges of one pixel, side by side in a line. Rays are blurred by focus and detector and carry noise,
so neither ribs nor implants nor lead letters look like that; a lead letter alone is also no line. Only the upper and the lower border
are searched. This is a suspicion, for a person to look at.

Measured on films of the digital spine (0.3 mm pixels; 70 % carry a lead letter, 3 % implants): of 1,949 without writing 6 were suspected.
Of 120 with 21 letters of 14, 20 and 32 pixels written near an edge, white or black, 82 to 100 % were found; white letters with
a black outline 19, 71 and 100 %; letters of 10 pixels about 40 %.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

STEP = 50
"""Grey levels of 255 between a stroke and what is beside it."""
REACHES = (2, 4, 8)
"""Pixels from a stroke's middle to what is beside it."""
BORDER = 0.25
"""Share of the film's height that is searched at the top, and at the bottom."""
SUSPICIOUS = 4
"""Cells in a line from which on writing is suspected."""
SAME = 5
"""Grey levels within which a stroke is of one grey."""
FEWEST, MOST, OF_ONE_GREY, EDGES = 0.05, 0.7, 0.35, 0.5
"""Of a cell with writing: share that is stroke, least and most; share of strokes in its brightest grey; edges a pixel of its side."""


def text_line(pixels: NDArray[np.float32]) -> int:
    """Length of the longest line of what may be writing, in cells of 1/64 of the film's height; suspicious from SUSPICIOUS on.

    Args:
        pixels: float32 (rows, columns), 0..1, at the size of the file: smaller ones have lost the edges.
    """
    rows, columns = pixels.shape
    cell, border = max(12, rows // 64), int(rows * BORDER)
    if border < cell or columns < cell:
        return 0
    levels = (np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    bands = levels[:border], levels[-border:]
    return max(_longest(_written(shade, cell)) for band in bands for shade in (band, 255 - band))


def _written(levels: NDArray[np.uint8], cell: int) -> NDArray[np.bool_]:
    """Which cells hold bright strokes."""
    down, across = levels.shape[0] // cell, levels.shape[1] // cell
    levels = levels[: down * cell, : across * cell]
    stroke = np.zeros(levels.shape, bool)
    for reach in REACHES:
        wide = np.pad(levels, ((0, 0), (reach, reach)), mode="edge")
        beside = np.maximum(wide[:, : -2 * reach], wide[:, 2 * reach :])
        stroke |= (levels > beside) & (levels - beside > STEP)
    edge = np.zeros(levels.shape, bool)
    edge[:, 1:] = np.maximum(levels[:, 1:], levels[:, :-1]) - np.minimum(levels[:, 1:], levels[:, :-1]) > STEP
    shape = (down, cell, across, cell)
    grey = np.where(stroke, levels, 0).reshape(shape)
    brightest = np.maximum(grey.max(axis=(1, 3), keepdims=True), SAME)
    strokes, edges = (mask.reshape(shape).sum(axis=(1, 3)) for mask in (stroke, edge))
    same = (stroke.reshape(shape) & (grey >= brightest - SAME)).sum(axis=(1, 3))
    share = strokes / cell**2
    return np.asarray((share >= FEWEST) & (share <= MOST) & (same >= OF_ONE_GREY * strokes) & (edges >= EDGES * cell))


def _longest(written: NDArray[np.bool_]) -> int:
    """Most cells in one row of them, where a single empty one does not end a line: words have spaces."""
    return max((_line(row) for row in written if row.any()), default=0)


def _line(row: Iterable[bool]) -> int:
    longest = length = gap = 0
    for cell in row:
        gap = 0 if cell else gap + 1
        length = length + 1 if cell else (length if gap < 2 else 0)
        longest = max(longest, length)
    return longest
