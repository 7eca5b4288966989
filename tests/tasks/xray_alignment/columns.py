"""Columns of vertebrae made up for tests: corners, what a detector would say of them, and the maps it would draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.core.identity import pixel_hash
from spondyl.tasks.xray_alignment.corners import Corners
from spondyl.tasks.xray_alignment.detect import HEATS, STRIDE, UNIT, Seen
from spondyl.tasks.xray_alignment.reading import Column

Points = NDArray[np.float64]
FILM = (512, 256)


def spine(count: int = 17, tilt_deg: float = 12.0, top: float = 20.0, pitch: float = 26.0, width: float = 40.0) -> Points:
    """(count, 4, 2) corners of an S-shaped column in a frame of FILM: tilts run from +tilt over -tilt back."""
    tilts = np.radians(tilt_deg * np.cos(np.linspace(0, 2 * np.pi, count)))
    x, y, rows = 128.0, top, []
    for tilt in tilts:
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        box = np.array([[-width / 2, -9.0], [width / 2, -9.0], [-width / 2, 9.0], [width / 2, 9.0]])
        rows.append(box @ turn.T + [x, y])
        x, y = x - pitch * np.sin(tilt), y + pitch * np.cos(tilt)
    return np.stack(rows)


def seen_as(corners: Points, first: int = 0, score: float = 0.9) -> tuple[Seen, ...]:
    """What a good detector says of them, the highest being so many places below T1."""
    return tuple(Seen(box, score, 0.9 if first + k == 16 else 0.02, 0.9 if first + k == 0 else 0.02) for k, box in enumerate(corners))


def column(corners: Points, sd: float = 1.0, first: int = 0) -> Column:
    """As the task holds it; every corner is unsure by `sd` pixels each way."""
    spread = np.tile(np.eye(2) * sd**2, (len(corners), 4, 1, 1))
    return Column(seen_as(corners, first), Corners(corners, spread), tuple(range(len(corners))))


def maps_of(corners: Points) -> NDArray[np.float32]:
    """Maps that a perfect detector would draw of them in a frame of FILM."""
    rows, columns = FILM[0] // STRIDE, FILM[1] // STRIDE
    maps = np.zeros((len(HEATS) + 8, rows, columns), np.float32)
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    for k, box in enumerate(corners):
        centre = box.mean(axis=0) / STRIDE
        bell = np.exp(-((x - centre[0]) ** 2) / 2 - ((y - centre[1]) ** 2) / 2)
        for channel, wanted in enumerate((True, k == len(corners) - 1, k == 0)):
            maps[channel] = np.maximum(maps[channel], 0.95 * bell * wanted)
        near = bell > 0.1
        for corner in range(4):
            maps[len(HEATS) + 2 * corner][near] = ((box[corner, 0] - x * STRIDE) / UNIT)[near]
            maps[len(HEATS) + 2 * corner + 1][near] = ((box[corner, 1] - y * STRIDE) / UNIT)[near]
    return maps


def film(left_at: str | None = None, **more: object) -> Image:
    """A film with nothing on it."""
    pixels = np.zeros(FILM, np.float32)
    return Image(pixel_hash(pixels), pixels, view="ap", left_at=left_at, **more)  # type: ignore[arg-type]
