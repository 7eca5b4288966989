"""Lead letters on films and a small bitmap font for burnt-in text: drawn from simple shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.phantom.rays.acquisition import XrayAcquisition
from spondyl.phantom.volume import Array

GLYPHS = {
    "0": "69996", "1": "26227", "2": "e168f", "3": "e161e", "4": "99f11", "5": "f8e1e", "6": "68e96", "7": "f1244", "8": "69696",
    "9": "69716", "A": "69f99", "B": "e9e9e", "C": "78887", "D": "e999e", "E": "f8e8f", "G": "78b97", "L": "8888f", "M": "9ff99",
    "N": "9dbb9", "R": "e9e99", "S": "7861e", "T": "f4444", "X": "99699", "Z": "f124f", ".": "00004", "-": "00e00", ":": "04040",
    "/": "11248", " ": "00000", "(": "24442", ")": "42224", "=": "0f0f0", "I": "72227", "O": "69996", "P": "e9e88", "H": "99f99",
    "K": "9acaa", "U": "99996", "V": "99966", "W": "99ff9", "Y": "99744", "F": "f8e88", "J": "11196", "Q": "6999b",
}
"""Five rows of four pixels each, a hexadecimal digit a row."""


def text_mask(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """A line of capitals and digits as a mask (5 * scale, 5 * scale * characters); unknown characters are blank."""
    cells = [[[int(row, 16) >> bit & 1 for bit in (3, 2, 1, 0)] + [0] for row in GLYPHS.get(c, "00000")] for c in text.upper()]
    mask = np.concatenate([np.array(cell, bool) for cell in cells], axis=1) if cells else np.zeros((5, 0), bool)
    return np.asarray(mask.repeat(scale, axis=0).repeat(scale, axis=1))


def letter(acquisition: XrayAcquisition) -> tuple[slice, Array]:
    """The lead letter: columns it may touch and its cover (rows, those columns), 0..1; empty without a marker."""
    a = acquisition
    if not a.marker:
        return slice(0, 0), np.zeros((a.rows, 0), np.float32)
    unit = a.marker_mm / a.pixel_mm
    middle = a.marker_at[0] * (a.columns - 1), a.marker_at[1] * (a.rows - 1)
    columns = slice(max(int(middle[0] - 0.6 * unit), 0), min(int(middle[0] + 0.6 * unit) + 1, a.columns))
    x = ((np.arange(columns.start, columns.stop) - middle[0]) / unit).astype(np.float32)[None, :]
    y = ((np.arange(a.rows) - middle[1]) / unit).astype(np.float32)[:, None]
    strokes = [_bar(x, y, start, stop) for start, stop in _BARS[a.marker]]
    if a.marker == "R":
        strokes.append(np.maximum(np.abs(np.hypot(x - 0.05, y + 0.24) - 0.19) - 0.07, 0.05 - x))
    distance = np.minimum.reduce(np.broadcast_arrays(*strokes))
    return columns, np.asarray(np.clip(0.5 - distance * np.float32(unit), 0, 1), np.float32)


_BARS = {
    "L": (((-0.25, -0.43), (-0.25, 0.43)), ((-0.25, 0.43), (0.28, 0.43))),
    "R": (((-0.25, -0.43), (-0.25, 0.43)), ((-0.25, -0.43), (0.05, -0.43)), ((-0.25, -0.05), (0.05, -0.05)), ((0.02, -0.05), (0.27, 0.43))),
}


def _bar(x: Array, y: Array, start: tuple[float, float], stop: tuple[float, float]) -> Array:
    """Signed distance from a stroke of width 0.14 between two points, in letter heights."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.asarray(np.hypot(x - start[0] - along * dx, y - start[1] - along * dy) - 0.07, np.float32)
