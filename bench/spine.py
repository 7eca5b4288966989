"""The digital spine: films a second on all cores, seconds a study of magnetic resonance, memory of a worker, and where the time goes."""

from __future__ import annotations

import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np

from bench.table import Row, at_least, at_most

SUBJECTS, STUDIES = 6, 3
"""A worker's subjects with two films, and its MR studies."""
ROWS, COLUMNS = 2500, 1600
Times = dict[str, float]
PARTS = {
    "paint_trunk": "trunk and blocks", "paint_canal": "canal and roots", "paint_discs": "discs", "paint_ridges": "discs",
    "paint_sacrum": "sacrum", "paint_bodies": "bodies", "paint_arches": "arches and devices", "paint_roots": "canal and roots",
    "paint_devices": "arches and devices",
}
"""Which part of the bench's table a painter belongs to."""


def phantom_speed() -> list[Row]:
    """Rows: pairs of full-size films a second, an MR study a core, the largest worker, each with its parts."""
    os.environ["OMP_NUM_THREADS"] = "1"
    cores = min(os.cpu_count() or 1, 2)
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(_films, range(900, 900 + cores), [1] * cores))  # start-up and tables are not counted
        began = time.perf_counter()
        films = list(pool.map(_films, range(cores), [SUBJECTS] * cores))
        rate = cores * SUBJECTS / (time.perf_counter() - began)
        studies = list(pool.map(_studies, range(cores), [STUDIES] * cores))
        memory = max(pool.map(_memory_mb, range(4 * cores)))
    study = {name: float(np.mean([one[name] for one in studies])) for name in studies[0]}
    slices = study.pop("slices")
    return [
        at_least(f"AP and lateral film, {cores} workers", rate, 1.0, "subjects/s", f"{ROWS} x {COLUMNS}, bone 0.7 mm; {_parts(films)}"),
        at_most("MR study on one core", sum(study.values()), 6.0, "s", f"three series, {slices:.0f} slices; {_words(study)}"),
        at_most("largest worker", memory, 1000.0, "MB", "resident, after the films and studies above"),
    ]


def _films(seed: int, subjects: int) -> Times:
    from spondyl.phantom import draw_subject
    from spondyl.phantom.rays import draw_xray, render_xray
    from spondyl.phantom.solid import PAINTERS, Detail, unpainted

    spent = dict.fromkeys([*dict.fromkeys(PARTS.values()), "ap", "lateral"], 0.0)
    for index in range(subjects):
        rng = np.random.default_rng((seed, index))
        spec = draw_subject(rng)
        volume = _timed(spent, "trunk and blocks", lambda spec=spec: unpainted(spec, Detail()))  # type: ignore[misc]
        for paint in PAINTERS:
            _timed(spent, PARTS[paint.__name__], lambda paint=paint, volume=volume: paint(volume))  # type: ignore[misc]
        for view in ("ap", "lateral"):
            drawn = draw_xray(rng, volume, view)
            scan = replace(drawn, rows=ROWS, columns=COLUMNS, pixel_mm=drawn.pixel_mm * drawn.rows / ROWS)
            _timed(spent, view, lambda volume=volume, scan=scan: render_xray(volume, scan))  # type: ignore[misc]
    return {name: value / subjects for name, value in spent.items()}


def _studies(seed: int, studies: int) -> Times:
    from spondyl.phantom import draw_subject
    from spondyl.phantom.resonance import draw_study, render_mr
    from spondyl.phantom.solid import build

    spent = {"build": 0.0, "render": 0.0}
    slices = 0
    for index in range(studies):
        rng = np.random.default_rng((seed, 50, index))
        spec = draw_subject(rng)
        volume = _timed(spent, "build", lambda spec=spec: build(spec))  # type: ignore[misc]
        for scan in draw_study(rng, volume).values():
            series = _timed(spent, "render", lambda volume=volume, scan=scan: render_mr(volume, scan))  # type: ignore[misc]
            slices += len(series.pixels)
    return {**{name: value / studies for name, value in spent.items()}, "slices": slices / studies}


def _timed(spent: Times, name: str, work):  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    done = work()
    spent[name] += time.perf_counter() - began
    return done


def _memory_mb(_: int) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _parts(films: list[Times]) -> str:
    return _words({name: float(np.mean([one[name] for one in films])) for name in films[0]})


def _words(times: Times) -> str:
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items())
