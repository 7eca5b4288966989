"""Where the vertebrae of a column are, from the detector's maps: peaks, and the best way down through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox
from spondyl.inference import Engine
from spondyl.tasks.xray_alignment.frames import FILM_NEAR, Pixels, Points, close_frame, even, film_frame, looked_at

HEATS = ("vertebra", "lowest", "highest")
"""Probabilities of the maps: a vertebra's centre, that of the lowest lumbar one, that of the highest thoracic one."""
STRIDE = 4
UNIT = 16.0
"""Frame pixels that 1.0 of a corner's offset stands for."""
LEAST = 0.2
"""Least probability of a candidate."""
APART = 0.55
"""Least distance of two centres in heights of the taller one."""
DISC = 0.3
"""Height of a disc in heights of a body [O]."""
MOST_MISSED, MISSED_COST = 4, 0.15
"""Vertebrae that may be missing between two that were found, and what each takes from the score of a way."""
SHORT, SHORT_COST = 0.8, 1.5
"""Share of the usual distance below which a step is short, and what a step of none would cost more."""
STEEPEST_DEG = 60.0
"""Largest angle between the way from one vertebra to the next and the upright of either."""
CLOSER = 0.8
"""A column is looked at again if a frame around it shrinks pixels by less than so much of what they were shrunk by."""
CLOSER_LOOKS, FEWEST = 2, 3
"""How often at most, and vertebrae that make a column."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One vertebra as the detector sees it.

    Attributes:
        corners: (4, 2) top-left, top-right, bottom-left, bottom-right; pixels (x, y) of the film.
        score: Probability of a vertebra, 0..1.
        lowest, highest: Probabilities that it is the lowest lumbar, the highest thoracic one.
    """

    corners: Points
    score: float
    lowest: float
    highest: float

    @property
    def centre(self) -> Points:
        """(x, y)."""
        return np.asarray(self.corners.mean(axis=0))

    @property
    def height(self) -> float:
        """Mean height in pixels."""
        return float(np.linalg.norm(self.corners[2:].mean(axis=0) - self.corners[:2].mean(axis=0)))


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """What the detector says of a film.

    Attributes:
        column: From the top down.
        beside: Scores of candidates that lie on no way with the column.
    """

    column: tuple[Seen, ...]
    beside: tuple[float, ...] = ()


def detect(pixels: Pixels, engine: Engine, networks: Sequence[str], shape: tuple[int, int]) -> Detected:
    """The column; looked at again, closer, where it fills little of the film.

    Args:
        pixels: float32 (rows, columns), 0..1.
        networks: Names of detectors in the bundle; their maps are averaged, and those of the mirrored film with them.
        shape: Of the detector's frame.
    """
    frame = film_frame((pixels.shape[0], pixels.shape[1]), shape)
    found = _look(pixels, engine, networks, frame)
    for _ in range(CLOSER_LOOKS):
        if len(found.column) < FEWEST:
            return found
        corners = np.stack([one.corners for one in found.column])
        closer = close_frame(corners, shape)
        if np.sqrt(abs(np.linalg.det(closer.to_source[:, :2]))) > CLOSER * np.sqrt(abs(np.linalg.det(frame.to_source[:, :2]))):
            return found
        frame = closer
        again = _look(pixels, engine, networks, frame)
        if len(again.column) >= len(found.column):  # what lies beside the column is out of sight now, and was seen before
            found = Detected(again.column, max(again.beside, found.beside, key=len))
    return found


def _look(pixels: Pixels, engine: Engine, networks: Sequence[str], frame: Letterbox) -> Detected:
    picture = even(looked_at(pixels, frame), FILM_NEAR)
    both = np.stack([picture, picture[:, ::-1]])[:, None]
    said = [engine.run(name, {"film": both})["maps"] for name in networks]
    maps = np.mean([(own + unmirrored(other)) / 2 for own, other in said], axis=0)
    return column_of(maps, frame)


def unmirrored(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps of a mirrored frame as those of the frame itself: cells and offsets change sides, and corners their names."""
    out = maps[:, :, ::-1].copy()
    offsets = out[len(HEATS):].reshape(4, 2, *out.shape[1:])[[1, 0, 3, 2]]
    offsets[:, 0] *= -1
    out[len(HEATS):] = offsets.reshape(8, *out.shape[1:])
    return out


def column_of(maps: NDArray[np.float32], frame: Letterbox) -> Detected:
    """Peaks of the maps that lie on one way down.

    Args:
        maps: (len(HEATS) + 8, h, w).
        frame: What they were seen in.
    """
    found = [_seen(maps, row, column) for row, column in _peaks(maps[0])]
    kept: list[Seen] = []
    for one in found:
        if all(np.linalg.norm(one.centre - other.centre) > APART * max(one.height, other.height) for other in kept):
            kept.append(one)
    way = _way_down(kept)
    column = tuple(Seen(frame.back(one.corners), one.score, one.lowest, one.highest) for one in way)
    return Detected(column, tuple(one.score for one in kept if one not in way))


def _peaks(heat: NDArray[np.float32]) -> list[tuple[int, int]]:
    """(row, column) of cells above LEAST that none of their eight neighbours surpasses, the highest first."""
    padded = np.pad(heat, 1, constant_values=-1)
    rows, columns = heat.shape
    around = np.max([padded[i:i + rows, j:j + columns] for i in range(3) for j in range(3)], axis=0)
    cells = np.argwhere((heat >= around) & (heat >= LEAST))
    return [(int(r), int(c)) for r, c in sorted(cells.tolist(), key=lambda cell: -heat[cell[0], cell[1]])]


def _seen(maps: NDArray[np.float32], row: int, column: int) -> Seen:
    """In pixels of the frame. Corners are the middle of what the cell and its four neighbours say."""
    told = []
    for dr, dc in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = row + dr, column + dc
        if 0 <= r < maps.shape[1] and 0 <= c < maps.shape[2]:
            told.append(maps[len(HEATS):, r, c].astype(np.float64).reshape(4, 2) * UNIT + (np.array([c, r]) + 0.5) * STRIDE)
    part = maps[: len(HEATS), max(row - 1, 0):row + 2, max(column - 1, 0):column + 2].max(axis=(1, 2))
    return Seen(np.asarray(np.median(told, axis=0)), float(part[0]), float(part[1]), float(part[2]))


def _way_down(found: Sequence[Seen]) -> list[Seen]:
    """The chain of candidates, each below the last, with the highest sum of scores; looked for again once the distances are known."""
    order = sorted(found, key=lambda one: float(one.centre[1]))
    way = _best_way(order, [one.height * (1 + DISC) for one in order])
    for _ in range(2):
        if len(way) < 2 * FEWEST:
            return way
        way = _best_way(order, pitches([one.centre for one in way], [float(one.centre[1]) for one in order]))
    return way


def pitches(centres: Sequence[Points], at: Sequence[float]) -> list[float]:
    """Distance from one vertebra to the next at heights of the picture: a line through the middle of what pairs of neighbours say.

    Args:
        centres: Of a column from the top down, (x, y); three or more.
        at: Heights (y) to say it for.
    """
    places = np.stack(centres)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    middle = (places[1:, 1] + places[:-1, 1]) / 2
    first, second = np.triu_indices(len(steps), 1)
    far = middle[second] - middle[first] > 1e-6
    slope = float(np.clip(np.median((steps[second] - steps[first])[far] / (middle[second] - middle[first])[far]), 0, 0.2))
    base = float(np.median(steps - slope * middle))
    least = 0.5 * float(np.median(steps))
    return [max(base + slope * y, least) for y in at]


def _best_way(order: Sequence[Seen], pitch: Sequence[float]) -> list[Seen]:
    if not order:
        return []
    best = [one.score for one in order]
    before = [-1] * len(order)
    for j, below in enumerate(order):
        for i in range(j):
            cost = _cost(order[i], below, (pitch[i] + pitch[j]) / 2)
            if cost is not None and best[i] + below.score - cost > best[j]:
                best[j], before[j] = best[i] + below.score - cost, i
    at = int(np.argmax(best))
    way = []
    while at >= 0:
        way.append(order[at])
        at = before[at]
    return way[::-1]


def _cost(above: Seen, below: Seen, pitch: float) -> float | None:
    """What the step from one to the next takes away; None where no column goes that way."""
    step = below.centre - above.centre
    ratio = float(np.linalg.norm(step)) / max(pitch, 1e-6)
    missed = max(round(ratio) - 1, 0)
    if missed > MOST_MISSED or not step.any():
        return None
    for one in (above, below):
        across = one.corners[[1, 3]].mean(axis=0) - one.corners[[0, 2]].mean(axis=0)
        down = np.array([-across[1], across[0]])
        length = float(np.linalg.norm(down) * np.linalg.norm(step))
        if length == 0 or step @ down / length < np.cos(np.radians(STEEPEST_DEG)):
            return None
    return MISSED_COST * missed + SHORT_COST * max(SHORT - ratio, 0.0)
