"""Films in front of the networks of a bundle: framed once, asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image
from spondyl.inference import Engine
from spondyl.tasks.films.framing import FilmFrame, FramedFilm, frame_film
from spondyl.tasks.films.votes import voters

Pictures = NDArray[np.float32]


class Frames:
    """The films of a study in the frames that networks ask for; a film is framed once a frame."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, FilmFrame], FramedFilm] = {}

    def of(self, image: Image, frame: FilmFrame) -> FramedFilm:
        """The film in this frame, with the way back."""
        key = (image.id, frame)
        if key not in self._made:
            self._made[key] = frame_film(image.pixels, frame)
        return self._made[key]

    def stack(self, images: Sequence[Image], frame: FilmFrame) -> Pictures:
        """float32 (n, rows, columns)."""
        return np.stack([self.of(image, frame).pixels for image in images])


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the members said of n films: logits (n, K) and class activation maps (n, K, h, w), by member."""

    logits: Mapping[str, NDArray[np.float32]]
    cams: Mapping[str, NDArray[np.float32]]


def ask(engine: Engine, network: str, frames: Pictures) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits (n, K) and maps (n, K, h, w) of one network, from films in its frame (n, rows, columns)."""
    outputs = engine.run(network, {"film": frames[:, None]})
    return outputs["logits"], outputs["cam"]


def ask_all(engine: Engine, frames: Pictures, settings: Mapping[str, Any]) -> Asked:
    """Every network that votes: the members, or the student."""
    said = {name: ask(engine, own["network"], frames) for name, own in voters(settings).items()}
    return Asked({name: pair[0] for name, pair in said.items()}, {name: pair[1] for name, pair in said.items()})
