"""Pictures that the gate for films must refuse, and a few spine films of known view, all of the digital spine: drawn, framed, kept small.

No film or photograph of a person is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.views import built, density_scan_of, film_of
from spondyl.phantom import draw_acquisition, draw_subject, render_dxa, render_sagittal, render_xray
from spondyl.phantom.others import KINDS, draw_other
from spondyl.phantom.rays import Film
from spondyl.tasks.films.framing import FilmFrame, frame_film

OnStep = Callable[[str, int, int], None]
SKETCHES = ("xray_ap", "xray_lateral")
"""Kinds that are neither films nor strangers: flat sketches of the lumbar spine."""
DRAWN = tuple(sorted(set(KINDS) - set(SKETCHES)))
BUILT = ("dxa", "mr_sagittal", "noise", "whole_spine")
STRANGERS = (*DRAWN, *BUILT)
"""Every kind that must be refused."""
ORDER = Order("vindr", 0, scale=Scale(fine_mm=1.4, trunk_mm=4.0, film_mm=0.6))
"""Built coarsely: the gate sees 160 pixels of a film."""
VIEWS_DRAWN = {"ap": "frontal", "lateral": "lateral"}


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A framed picture: uint16 (rows, columns) of the frame, its kind (one of STRANGERS, or "film"), and a film's view."""

    pixels: NDArray[np.uint16]
    kind: str
    view: str | None = None


def draw_strangers(frame: FilmFrame, each: int, seed: int, on_step: OnStep = lambda *_: None) -> list[Drawing]:
    """`each` pictures of every kind in STRANGERS, and twice as many spine films, both views.

    The same arguments give the same pictures; another seed gives other ones.
    """
    found: list[Drawing] = []
    for number, kind in enumerate(DRAWN):
        for index in range(each):
            rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(0, number, index)))
            found.append(Drawing(framed(np.asarray(draw_other(rng, kind), np.float32), frame), kind))
        on_step("Drawing pictures to refuse", number + 1, len(DRAWN) + each)
    for index in range(each):
        found += _of_subject(np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(1, index))), frame)
        on_step("Drawing pictures to refuse", len(DRAWN) + index + 1, len(DRAWN) + each)
    return found


def framed(pixels: NDArray[np.float32], frame: FilmFrame) -> NDArray[np.uint16]:
    """The picture in the frame, 0..1 as 0..65535, as caches keep it."""
    seen = frame_film(np.ascontiguousarray(pixels, np.float32), frame).pixels
    return np.asarray(np.rint(seen * np.float32(65535)), np.uint16)


def _of_subject(rng: np.random.Generator, frame: FilmFrame) -> Iterator[Drawing]:
    """What is seen of one built subject, and of another one that is built up to the neck."""
    spec = draw_subject(rng, "vindr")
    volume = built(spec, ORDER.scale)
    for name, view in VIEWS_DRAWN.items():
        yield Drawing(framed(shown(render_xray(volume, film_of(rng, spec, name, ORDER))), frame), "film", view)
    scan = replace(density_scan_of(rng, spec, ORDER), text=bool(rng.random() < 0.5))
    yield Drawing(framed(np.asarray(render_dxa(volume, scan).picture / 255, np.float32), frame), "dxa")
    slice_ = render_sagittal(spec, draw_acquisition(rng, str(rng.choice(["t1", "t2", "stir"])), "none"))
    yield Drawing(framed(np.asarray(slice_.pixels, np.float32), frame), "mr_sagittal")
    yield Drawing(framed(_noise(rng), frame), "noise")
    tall = draw_subject(rng, "scoliosis")
    whole = film_of(rng, tall, ("ap", "lateral")[int(rng.integers(2))], ORDER, "whole_spine")
    yield Drawing(framed(shown(render_xray(built(tall, ORDER.scale, whole_spine=True), whole)), frame), "whole_spine")


def shown(film: Film) -> NDArray[np.float32]:
    """The film as a reader sees it: float32, 0..1, bright is bone."""
    return film.shown.astype(np.float32) / np.float32(2**film.acquisition.bits - 1)


def _noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """Grains of one size."""
    size, coarse = rng.integers(200, 500, 2), int(rng.integers(1, 25))
    grains = rng.random((size[0] // coarse + 1, size[1] // coarse + 1), np.float32)
    return np.asarray(np.kron(grains, np.ones((coarse, coarse))), np.float32)
