"""What a bundle's networks say of cached films, through the engine that serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import Letterbox, invert
from spondyl.inference import Engine
from spondyl.lab.films.cache import FilmCache
from spondyl.tasks.films.boxes import FoundBox, read_boxes
from spondyl.tasks.films.votes import best_score

OnStep = Callable[[str, int, int], None]
BATCH = 16
FULL = 65535.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What classifiers said of films, in the order in which these were given.

    Attributes:
        logits: By network, (n, outputs).
        cams: By network, the map of each output, (n, outputs, h, w).
    """

    logits: Mapping[str, Floats]
    cams: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found on films, in the order in which these were given.

    Attributes:
        best: Highest score of any place and class of each film, (n,).
        boxes: Of each film, in its own pixels.
    """

    best: Floats
    boxes: tuple[tuple[FoundBox, ...], ...]


def ask_classifiers(engine: Engine, networks: Sequence[str], cache: FilmCache, places: NDArray[np.intp], on_step: OnStep) -> Said:
    """Logits and maps of these networks."""
    logits: dict[str, list[NDArray[np.float32]]] = {name: [] for name in networks}
    cams: dict[str, list[NDArray[np.float32]]] = {name: [] for name in networks}
    for done, films in _batches(cache, places):
        for name in networks:
            said = engine.run(name, {"film": films})
            logits[name].append(said["logits"])
            cams[name].append(said["cam"])
        on_step("Asking the networks", done, len(places))
    return Said({name: np.concatenate(rows).astype(np.float64) for name, rows in logits.items()},
                {name: np.concatenate(rows) for name, rows in cams.items()})


def ask_detector(engine: Engine, network: str, cache: FilmCache, places: NDArray[np.intp], settings: Mapping[str, Any],
                 on_step: OnStep) -> Found:
    """Boxes of these films, read as they are served."""
    best: list[float] = []
    boxes: list[tuple[FoundBox, ...]] = []
    frame = (cache.frame.rows, cache.frame.columns)
    for done, films in _batches(cache, places):
        said = engine.run(network, {"film": films})
        for row in range(len(films)):
            place = places[len(best)]
            to_film = Letterbox(invert(cache.to_frame[place]), frame)
            shape = (int(cache.shapes[place, 0]), int(cache.shapes[place, 1]))
            best.append(best_score(said["scores"][row]))
            boxes.append(read_boxes(said["boxes"][row], said["scores"][row], to_film, settings, shape))
        on_step("Asking the detector", done, len(places))
    return Found(np.asarray(best, np.float64), tuple(boxes))


def ask_gate(engine: Engine, settings: Mapping[str, Any], cache: FilmCache, places: NDArray[np.intp]) -> NDArray[np.float32]:
    """The gate's logits of these films, (n, poses + views)."""
    return np.concatenate([engine.run(settings["network"], {"film": films})["logits"] for _, films in _batches(cache, places)])


def save(file: Path, cache: FilmCache, places: NDArray[np.intp], said: Said, found: Found | None) -> None:
    """Keep what was said beside what is true: arrays `names`, `groups`, `targets`, `logits_<network>` and, with a detector, `best`."""
    films = [cache.films[place] for place in places]
    file.parent.mkdir(parents=True, exist_ok=True)
    half_done = file.with_suffix(".part.npz")
    table: dict[str, Any] = {
        "names": [film.name for film in films], "groups": [film.group for film in films], "targets": [film.target for film in films],
        **{f"logits_{name}": values for name, values in said.logits.items()}, **({"best": found.best} if found else {}),
    }  # fmt: skip
    np.savez(half_done, **table)
    half_done.replace(file)


def _batches(cache: FilmCache, places: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """How many films are done with this batch, and its films as networks take them, (n, 1, rows, columns)."""
    for start in range(0, len(places), BATCH):
        films = cache.pixels[places[start : start + BATCH], None].astype(np.float32) / np.float32(FULL)
        yield start + len(films), films
