"""Whether decisions about films change with the arithmetic: the fast engine against plain float32 in another runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.table import Row

FILMS, EDGE = 1000, 0.01
SEED = 20261120
Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Flips:
    """Films on which two engines decide differently.

    Attributes:
        films: How many both answered.
        inside, outside: Flips within EDGE of the threshold, and beyond it.
        largest: Largest difference of the two probabilities.
        refused: Films that both or either refused.
        asked: Share of the answered films of which the detector was asked.
    """

    films: int
    inside: int
    outside: int
    largest: float
    refused: int
    asked: float


def flips(bundle: Path, films: Iterable[tuple[str, Pixels]], fast: tuple[str, str] = ("auto", "auto"),
          plain: tuple[str, str] = ("onnxruntime", "f32")) -> Flips:
    """Decisions of the served task on films ((view, float32 pixels as a reader gives them)) with both (runtime, precision).

    The plain side is the exported graph in ONNX Runtime; that it says what PyTorch says is proved when it is exported.
    """
    from spondyl.core import Image, Series, Study
    from spondyl.core.identity import pixel_hash
    from spondyl.inference import Shelf
    from spondyl.tasks.films.votes import threshold_of
    from spondyl.tasks.port import process_study
    from spondyl.tasks.xray_lesions import XrayLesions

    task, shelves = XrayLesions(), [Shelf([bundle], *how) for how in (fast, plain)]
    threshold = threshold_of(shelves[0].open(task.name).bundle.settings)
    said: list[list[float | None]] = []
    left: list[bool] = []
    for view, pixels in films:
        study = Study("film", (Series("film", "DX", (Image(pixel_hash(pixels), pixels, view=view),)),))
        results = [process_study(study, task, shelf).result for shelf in shelves]
        said.append([_present(result.findings) for result in results])
        left += [any(row.code == "detector-not-asked" for row in results[0].warnings)] if None not in said[-1] else []
    both = np.array([row for row in said if None not in row], np.float64).reshape(-1, 2)
    differs = (both >= threshold)[:, 0] != (both >= threshold)[:, 1]
    near = np.abs(both[:, 1] - threshold) <= EDGE
    largest = float(np.abs(both[:, 0] - both[:, 1]).max(initial=0.0))
    return Flips(len(both), int((differs & near).sum()), int((differs & ~near).sum()), largest, len(said) - len(both),
                 1 - float(np.mean(left)) if left else 1.0)


def _present(findings: Any) -> float | None:
    return next((one.probabilities["present"] for one in findings if one.finding == "abnormal"), None)


def drawn_films(count: int, workers: int) -> Iterator[tuple[str, Pixels]]:
    """Films of the digital spine, two a subject, coarsely built."""
    from spondyl.datasets.making.crew import work_through

    made = 0
    for pair in work_through(range((count + 1) // 2), partial(_pair, SEED), workers):
        for one in pair[: count - made]:
            made += 1
            yield one


def _pair(seed: int, number: int) -> list[tuple[str, Pixels]]:
    from spondyl.datasets.making.order import Order, Scale
    from spondyl.datasets.making.views import built, film_of
    from spondyl.phantom import render_xray

    order = Order("vindr", seed, role="test", profile="vindr", style="eval", scale=Scale(fine_mm=1.2, trunk_mm=4.0, film_mm=0.6))
    rng = order.rng(number)
    spec = order.subject(rng)
    volume = built(spec, order.scale)
    films = [(view, render_xray(volume, film_of(rng, spec, view, order))) for view in ("ap", "lateral")]
    return [(view, (film.shown / np.float32(2**film.acquisition.bits - 1)).astype(np.float32)) for view, film in films]


def flips_of(bundle: Path, workers: int) -> Flips:
    """On FILMS films of the digital spine."""
    return flips(bundle, drawn_films(FILMS, workers))


def flip_row(seen: Flips) -> Row:
    """How many films are decided differently."""
    note = (f"{seen.inside} within {EDGE} of the threshold; largest difference of a probability {seen.largest:.4f}; "
            f"{seen.refused} refused; against ONNX Runtime in f32; drawn, in-silico")  # fmt: skip
    return Row(f"decisions flipped beyond {EDGE}, {seen.films} films", str(seen.outside), "0", seen.outside == 0, note)
