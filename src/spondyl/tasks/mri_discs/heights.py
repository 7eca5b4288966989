"""Height of a disc, measured on the pixels along the disc's own axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import affine_sample, apply_affine
from spondyl.imaging.affine import Affine
from spondyl.tasks.mri_discs.crops import Pose, crop_map

ROWS, COLUMNS = 120, 32
HEIGHT_UNITS = 1.2
PLATE_MM = 2.7
"""Both dark end-plate lines together, which lie between the marrow edges and do not belong to the disc; chosen on the digital spine."""

EDGE_MM = 0.28
"""Uncertainty of both edges together, beside a quarter of a pixel: chosen so that nine in ten heights of the digital spine are held."""

AGREE_MM = 1.5
"""Where the first look and the turned one differ by more, an edge was taken for another: no height is given."""
LEAST_SHARE = 0.25
"""A disc lower than this share of the median disc of its slice is an edge inside a disc, not a disc: no height is given."""


@dataclass(frozen=True, slots=True)
class Height:
    """A measured height.

    Attributes:
        value_mm: Mean distance of the end plates over the middle of the disc, normal to its mid-line.
        error_mm: Half-width of its 90 % interval, from the scatter of the edge and the pixel size.
        tilt_deg: Turn of the mid-line against the image rows, positive when the back lies lower.
        points: Middle of the upper and of the lower edge, (x, y) pixels of the image.
    """

    value_mm: float
    error_mm: float
    tilt_deg: float
    points: tuple[tuple[float, float], tuple[float, float]]


def disc_heights(pixels: NDArray[np.float32], places: Sequence[Pose], spacing_mm: tuple[float, float]) -> list[Height | None]:
    """The height of the disc at each pose, or None where its edges are not clear.

    From the disc outwards the first lasting rise in brightness is where the dark end plate ends and marrow begins, on T1 and T2
    alike, whether the disc itself is bright or dark. Both edges are the smooth lines of greatest rise (dynamic programming);
    their mid-line gives the tilt, and the measurement is repeated once in that frame.

    Args:
        pixels: Normalised slice, (rows, columns).
        places: Of the discs.
        spacing_mm: (row, column).
    """
    if not places:
        return []
    first = _edges(pixels, places)
    turned = [
        replace(pose, angle_deg=pose.angle_deg + float(np.clip(edges.tilt_deg, -25, 25)), x=edges.middle[0], y=edges.middle[1])
        for pose, edges in zip(places, first, strict=True)
    ]
    again = [_height(edges, pose.angle_deg, spacing_mm) for pose, edges in zip(turned, _edges(pixels, turned), strict=True)]
    before = [_height(edges, pose.angle_deg, spacing_mm) for pose, edges in zip(places, first, strict=True)]
    pairs = zip(again, before, strict=True)
    agreed = [now if now and then and abs(now.value_mm - then.value_mm) <= AGREE_MM else None for now, then in pairs]
    known = [height.value_mm for height in agreed if height]
    least = LEAST_SHARE * float(np.median(known)) if len(known) >= 3 else 0.0
    return [height if height and height.value_mm >= least else None for height in agreed]


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """Rows of the upper and the lower edge at each column of a crop, its map to the image, tilt, and mean rise at the edges."""

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    to_image: NDArray[np.float64]
    tilt_deg: float
    middle: tuple[float, float]
    contrast: float


def _height(edges: _Edges, angle_deg: float, spacing_mm: tuple[float, float]) -> Height | None:
    """Millimetres from a pair of edges."""
    if edges.contrast < 0.02:
        return None
    row, column = spacing_mm
    scale = np.array([column, row])
    across = np.arange(COLUMNS) + 0.5
    upper = apply_affine(edges.to_image, np.column_stack([across, edges.upper])) * scale
    lower = apply_affine(edges.to_image, np.column_stack([across, edges.lower])) * scale
    middle = (upper + lower) / 2
    direction = np.linalg.svd(middle - middle.mean(0), full_matrices=False)[2][0]
    distances = np.abs((lower - upper) @ np.array([-direction[1], direction[0]]))
    cell_mm = float(np.hypot(*(edges.to_image[:, 1] * scale)))
    rough = float(np.std(np.diff(edges.upper)) + np.std(np.diff(edges.lower))) * cell_mm
    error = 1.64 * float(np.hypot(0.25 * (row + column) / 2 + EDGE_MM, rough / np.sqrt(6)))
    top, bottom = (points.mean(0) / scale for points in (upper, lower))
    return Height(
        value_mm=max(0.0, float(distances.mean()) - PLATE_MM),
        error_mm=error,
        tilt_deg=float(angle_deg + edges.tilt_deg),
        points=((float(top[0]), float(top[1])), (float(bottom[0]), float(bottom[1]))),
    )


def _edges(pixels: NDArray[np.float32], places: Sequence[Pose]) -> list[_Edges]:
    """Both edges of each disc, in crops turned with the poses: HEIGHT_UNITS high, the middle 0.56 units wide."""
    maps = [_narrow_map(pose) for pose in places]
    crops = np.stack([affine_sample(pixels, to_image, (ROWS, COLUMNS)) for to_image in maps]).astype(np.float64)
    padded = np.pad(crops, ((0, 0), (0, 0), (2, 2)), mode="edge")
    smooth = np.mean([padded[:, :, i : i + COLUMNS] for i in range(5)], axis=0)
    rise = np.zeros_like(smooth)
    rise[:, 2:-2] = smooth[:, 4:] - smooth[:, :-4]
    spread = np.percentile(crops, 95, axis=(1, 2)) - np.percentile(crops, 5, axis=(1, 2)) + 1e-6
    rise /= spread[:, None, None]
    half = ROWS // 2
    near, far = int(0.035 * ROWS / HEIGHT_UNITS), int(0.40 * ROWS / HEIGHT_UNITS)
    both = np.concatenate([rise[:, half + near : half + far], -rise[:, half - far : half - near][:, ::-1]])
    depth, strength = _seams(both)
    lower, upper = half + near + depth[: len(places)] + 0.5, half - near - depth[len(places) :] - 0.5
    contrast = np.minimum(strength[: len(places)], strength[len(places) :])
    return [_edge_pair(*row) for row in zip(places, maps, upper, lower, contrast, strict=True)]


def _narrow_map(pose: Pose) -> Affine:
    """`crop_map` of the disc alone, squeezed so that COLUMNS cells span 0.56 units."""
    to_image = crop_map(pose, (ROWS, COLUMNS), HEIGHT_UNITS, 0.0)
    squeeze = 0.56 * pose.unit / COLUMNS / np.hypot(*to_image[:, 0])
    to_image[:, 2] += to_image[:, 0] * (1 - squeeze) * COLUMNS / 2
    to_image[:, 0] *= squeeze
    return to_image


def _edge_pair(pose: Pose, to_image: Affine, upper: NDArray[np.float64], lower: NDArray[np.float64], contrast: float) -> _Edges:
    """The edges of one disc with the turn of their mid-line against the crop."""
    slope = float(np.polyfit(np.arange(COLUMNS) + 0.5, (upper + lower) / 2, 1)[0])
    along = to_image[:, 0] + slope * to_image[:, 1]
    turn = np.degrees(np.arctan2(along[1], along[0])) - pose.angle_deg
    middle = apply_affine(to_image, np.array([COLUMNS / 2, float(((upper + lower) / 2).mean())]))
    return _Edges(upper, lower, to_image, float(turn), (float(middle[0]), float(middle[1])), float(contrast))


def _seams(rise: NDArray[np.float64], distance_cost: float = 0.12) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smooth line of greatest rise through each of (n, depth, columns).

    From column to column a line moves by at most one cell, and pays for moving; depth costs a little, so that of two edges the
    nearer wins.

    Returns:
        Depth at each column, (n, columns), finer than a cell by a parabola, and the mean rise on the line, (n,).
    """
    count, depth, columns = rise.shape
    worth = rise - distance_cost * np.linspace(0, 1, depth)[None, :, None]
    total = worth[:, :, 0].copy()
    steps = np.zeros(rise.shape, np.int64)
    for column in range(1, columns):
        options = np.full((3, count, depth), -np.inf)
        options[0, :, 1:] = total[:, :-1] - 0.03
        options[1] = total
        options[2, :, :-1] = total[:, 1:] - 0.03
        steps[:, :, column] = np.argmax(options, axis=0) - 1
        total = options.max(axis=0) + worth[:, :, column]
    rows = np.arange(count)
    path = np.zeros((count, columns), np.int64)
    path[:, -1] = np.argmax(total, axis=1)
    for column in range(columns - 1, 0, -1):
        path[:, column - 1] = path[:, column] + steps[rows, path[:, column], column]
    at = np.clip(path, 1, depth - 2)
    row, index = rows[:, None], np.arange(columns)[None]
    before, peak, after = rise[row, at - 1, index], rise[row, at, index], rise[row, at + 1, index]
    bend = np.minimum(before - 2 * peak + after, -1e-9)
    finer = np.asarray(at + np.clip(0.5 * (before - after) / bend, -0.5, 0.5), np.float64)
    return finer, np.asarray(peak.mean(axis=1))
