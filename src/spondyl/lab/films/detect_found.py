"""What a detector finds on the films of a cache, and what is there, both in pixels of the films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, invert
from spondyl.lab.films.detect_batches import WHITE
from spondyl.lab.films.records import FilmRecord
from spondyl.metrics import FilmBoxes
from spondyl.models.detectors import Detector
from spondyl.tasks.films.boxes import FoundBox, read_boxes

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

JUDGED: Mapping[str, Any] = {"least": 0.01, "overlap": 0.6, "most": 100}
"""How boxes are read where average precision is measured."""


def boxes_of_film(film: FilmRecord) -> FilmBoxes:
    """The true boxes of a film."""
    return FilmBoxes(np.array([b.label for b in film.boxes], np.int64), np.array([b.box for b in film.boxes], np.float64).reshape(-1, 4))


def boxes_found(found: Sequence[FoundBox]) -> FilmBoxes:
    """Found boxes as figures take them."""
    return FilmBoxes(
        np.array([b.label for b in found], np.int64), np.array([b.box for b in found], np.float64).reshape(-1, 4),
        np.array([b.score for b in found], np.float64),
    )  # fmt: skip


def read_on_films(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], cache: FilmCache, places: Sequence[int], settings: Mapping[str, Any] = JUDGED
) -> list[FilmBoxes]:
    """From what a detector says of framed films, (n, places, 4) and (n, places, classes), to boxes on the films."""
    frame, found = (cache.frame.rows, cache.frame.columns), []
    for row, place in enumerate(places):
        film = int(cache.shapes[place, 0]), int(cache.shapes[place, 1])
        found.append(boxes_found(read_boxes(boxes[row], scores[row], Letterbox(invert(cache.to_frame[place]), frame), settings, film)))
    return found


@torch.no_grad()
def find(net: Detector, cache: FilmCache, places: Sequence[int], batch: int = 8, settings: Mapping[str, Any] = JUDGED) -> list[FilmBoxes]:
    """What the network finds on these films, in torch; what is served is asked through the engine."""
    net.eval()
    device = next(net.parameters()).device
    found: list[FilmBoxes] = []
    for start in range(0, len(places), batch):
        own = list(places[start : start + batch])
        films = torch.from_numpy(cache.pixels[own].astype(np.float32) / np.float32(WHITE))[:, None].to(device)
        boxes, scores = net(films)
        found += read_on_films(boxes.float().cpu().numpy(), scores.float().cpu().numpy(), cache, own, settings)
    return found
