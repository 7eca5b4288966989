"""Radiographs: the reference pipeline beside PyTorch eager, what ships beside it, a DICOM file to JSON, and how fast training reads."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis import OneEngine, timed
from bench.film_eager import CLASSIFIERS, DETECTOR, SIDES
from bench.film_flips import Flips, flip_row, flips_of
from bench.samples import NotMeasuredError
from bench.table import Row, at_least

TASK = "xray-lesions"
ROUNDS, WARM_UP, PAUSE_S = 7, 2, 0.05
ASKED = 0.3
"""Share of films of which the detector is asked, where no bundle is there to measure it with."""
ROWS, COLUMNS = 2500, 2048
LOADED = 300.0
Times = dict[str, list[float]]


def film_speed(folder: Path, bundles: Path | None) -> list[Row]:
    """All rows about radiographs.

    Raises:
        NotMeasuredError: If the networks cannot be built.
    """
    from spondyl.apps import wiring
    from spondyl.apps.settings import Settings
    from spondyl.inference.engine import available_cores

    folder.mkdir(parents=True, exist_ok=True)
    film = _write_film(folder)
    threads = available_cores()
    seen = _flips(bundles, threads)
    with wiring.reader(Settings(), secrets.token_bytes(32)) as reader, Eager(folder, threads) as eager:
        ours = _graphs(folder, threads)
        served = _served(bundles, film, partial(_to_json, reader, folder / "film.dcm"))
        times = _alternating(eager, {**ours, **served})
        rows = [*_reference_rows(times, seen), _same(eager, folder, film), *_served_rows(times)]
        rows.append(at_least("training reads cached films of 384 x 384", eager.ask("loader")["rate"], LOADED, "films/s", "two loaders"))
    return [*rows, *([flip_row(seen)] if seen else [])]


class Eager:
    """The child process with torch in it."""

    def __init__(self, folder: Path, threads: int) -> None:
        command = [sys.executable, "-m", "bench.film_eager", str(folder), str(threads)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Eager:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=60)

    def ask(self, word: str) -> dict[str, Any]:
        """The child's answer to one word."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(word + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise NotMeasuredError("the networks could not be built in PyTorch (see above)") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        try:
            answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        except ValueError:
            raise NotMeasuredError("the networks could not be built in PyTorch (see above)") from None
        return answer


def _write_film(folder: Path) -> np.ndarray:
    """A frontal film of the digital spine, as film.npy (float32, 0..1) and, in JPEG 2000, as film.dcm."""
    from spondyl.datasets.dicom_film import film_object, save_film
    from spondyl.datasets.dicom_objects import Owner
    from spondyl.phantom import build, draw_subject, render_xray
    from spondyl.phantom.rays import draw_xray

    rng = np.random.default_rng(4)
    spec = draw_subject(rng, "vindr")
    volume = build(spec)
    drawn = draw_xray(rng, volume, "ap", "easy")
    scan = replace(drawn, rows=ROWS, columns=COLUMNS, pixel_mm=drawn.pixel_mm * drawn.rows / ROWS)
    film = render_xray(volume, scan)
    ds = film_object(film.pixels, scan, Owner("bench", spec.sex, spec.age_years), 1, "DX")
    save_film(folder / "film.dcm", ds, ("1" * 32, "2" * 32, "3" * 32), lost=())
    pixels = (film.shown / np.float32(2**scan.bits - 1)).astype(np.float32)
    np.save(folder / "film.npy", pixels)
    return pixels


def _graphs(folder: Path, threads: int) -> dict[str, Callable[[], object]]:
    """One film through the reference networks in our runtime, in each precision it has: classifiers, and the detector."""
    from spondyl.inference.backends import open_backend

    backend = open_backend()
    rng = np.random.default_rng(1)
    inputs = {side: rng.random((1, 1, side, side), np.float32) for side in set(SIDES.values())}
    work: dict[str, Callable[[], object]] = {}
    for precision in backend.precisions:
        nets = {name: backend.load((folder / f"{name}.onnx").read_bytes(), precision, threads) for name in SIDES}
        work[f"{precision} classify"] = lambda nets=nets: [nets[name].run({"film": inputs[SIDES[name]]}) for name in CLASSIFIERS]  # type: ignore[misc]
        work[f"{precision} detect"] = lambda nets=nets: nets[DETECTOR].run({"film": inputs[SIDES[DETECTOR]]})  # type: ignore[misc]
    return work


def _served(bundles: Path | None, film: np.ndarray, to_json: Callable[[Any], str]) -> dict[str, Callable[[], object]]:
    """What ships: student and small detector on a framed film, and a DICOM file to JSON. Empty where no bundle is there."""
    from spondyl.core import SpondylError
    from spondyl.inference import Shelf

    try:
        engine = Shelf([bundles] if bundles else []).open(TASK)
    except SpondylError:
        return {}
    settings = engine.bundle.settings
    work: dict[str, Callable[[], object]] = {}
    calls = [(own["network"], own.get("frame", settings["frame"])) for own in (settings.get("student"), settings.get("detector")) if own]
    if len(calls) == 2:
        inputs = [(name, {"film": film_in(film, frame)}) for name, frame in calls]
        work["student"] = lambda: [engine.run(*call) for call in inputs]
    work["dicom"] = lambda: to_json(engine)
    return work


def film_in(film: np.ndarray, frame: Any) -> np.ndarray:
    """The film in a frame of the bundle's settings, (1, 1, rows, columns)."""
    from spondyl.tasks.films.framing import FilmFrame, frame_film

    return frame_film(film, FilmFrame.of(frame)).pixels[None, None]


def _to_json(reader: Any, file: Path, engine: Any) -> str:
    """Reading and answering one file, reader and engine warm."""
    from spondyl.apps import wiring
    from spondyl.dicom import Source

    report = reader.read([Source(file, "film")])
    if not report.studies:
        raise NotMeasuredError(f"the film was not read: {[row.code for row in report.skipped]}")
    result = wiring.answer(report.studies[0], wiring.tasks()[TASK], OneEngine(engine)).result
    if result.status == "failed":
        raise NotMeasuredError(f"the analysis failed: {result.refusal}")
    return str(result.to_json())


def _alternating(eager: Eager, ours: dict[str, Callable[[], object]]) -> Times:
    """Milliseconds of each, by turns."""
    words = {"eager all": "all", "eager classify": "classify", **({"eager dicom": "dicom"} if "dicom" in ours else {})}
    times: Times = {name: [] for name in (*words, *ours)}
    for _ in range(ROUNDS + WARM_UP):
        for name, word in words.items():
            times[name].append(eager.ask(word)["ms"])
            time.sleep(PAUSE_S)
        for name, work in ours.items():
            times[name] += timed(work, 0, 1)
            time.sleep(PAUSE_S)
    return {name: values[WARM_UP:] for name, values in times.items()}


def _reference_rows(times: Times, seen: Flips | None) -> list[Row]:
    """The same networks with the same weights: all of them on every film, and the detector on a share of the films."""
    theirs = {name: statistics.median(times[f"eager {name}"]) for name in ("all", "classify")}
    share, source = (seen.asked, "as the lesion bundle asks it") if seen else (ASKED, "a share that is stated, not measured")
    rows = []
    for precision in ("f32", "bf16"):
        if f"{precision} classify" not in times:
            continue
        classify, detect = (statistics.median(times[f"{precision} {part}"]) for part in ("classify", "detect"))
        note = f"{classify:.0f} + {detect:.0f} ms against {theirs['all']:.0f} ms; three classifiers at 224, detector at 640; random weights"
        rows.append(_ratio(f"reference pipeline, {precision} against PyTorch", theirs["all"] / (classify + detect), 4.0, precision, note))
        part = classify + share * detect
        alike = theirs["classify"] + share * (theirs["all"] - theirs["classify"])
        note = f"{source}: {part:.0f} ms a film; PyTorch that asks as seldom would take {alike:.0f} ms ({alike / part:.2f} x)"
        rows.append(_ratio(f"... the detector asked for {share:.0%} of films, {precision}", theirs["all"] / part, 6.0, precision, note))
    return rows


def _ratio(what: str, value: float, least: float, precision: str, note: str) -> Row:
    """A target only where the processor's fast arithmetic is used."""
    return at_least(what, value, least, "x", note) if precision == "bf16" else Row(what, f"{value:.2f} x", note=note)


def _same(eager: Eager, folder: Path, film: np.ndarray) -> Row:
    """That both do the same work: the largest difference in f32, as a share of the largest answer."""
    from spondyl.inference.backends import open_backend

    said = eager.ask("answers")["said"]
    backend, worst = open_backend(), 0.0
    for name, values in said.items():
        frame = {"film": np.load(folder / f"{SIDES[name]}.npy")}
        ours = next(iter(backend.load((folder / f"{name}.onnx").read_bytes(), "f32", 0).run(frame).values())).ravel()[: len(values)]
        worst = max(worst, float(np.abs(ours - np.array(values)).max() / np.abs(values).max()))
    return Row("... largest difference from PyTorch in f32", f"{worst:.1e}", note="of the largest answer; weights are kept in 16 bits")


def _served_rows(times: Times) -> list[Row]:
    rows = []
    if "student" in times:
        ours, theirs = statistics.median(times["student"]), statistics.median(times["eager all"])
        note = f"{ours:.1f} against {theirs:.0f} ms; other networks: what it costs in accuracy stands on the card"
        rows.append(at_least("student and small detector against it", theirs / ours, 15.0, "x", note))
    if "dicom" not in times:
        return [*rows, Row("film, DICOM JPEG 2000 to JSON", "not measured", note="no bundle for radiographs is there")]
    ours, theirs = statistics.median(times["dicom"]), statistics.median(times["eager dicom"])
    note = f"{ROWS} x {COLUMNS}: {ours:.0f} ms with what ships, against {theirs:.0f} ms of pydicom's decoder and the pipeline in PyTorch"
    return [*rows, at_least("film, DICOM JPEG 2000 to JSON", theirs / ours, 5.0, "x", note)]


def _flips(bundles: Path | None, workers: int) -> Flips | None:
    from spondyl.core import SpondylError
    from spondyl.inference import Shelf

    try:
        folder = Shelf([bundles] if bundles else []).open(TASK).bundle.folder
    except SpondylError:
        return None
    return flips_of(folder, workers)
