"""A whole-spine film to result.json, warm; and the peak memory of a process that reads one of 6,400 rows."""

from __future__ import annotations

import secrets
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from bench.analysis import timed
from bench.samples import NotMeasuredError
from bench.table import Row, at_most

TASK = "xray-alignment"
TALL = 6400
PEAK_MB = 900.0
# VmHWM begins with the program; ru_maxrss would begin with the memory of the process that started it.
ONE = """
import secrets, sys
from pathlib import Path
import psutil
from spondyl.apps import wiring
from spondyl.apps.settings import Settings
from spondyl.dicom import Source
from spondyl.inference import Shelf
with wiring.reader(Settings(), secrets.token_bytes(32)) as reader:
    study = reader.read([Source(Path(sys.argv[1]), "film")]).studies[0]
    print(wiring.answer(study, wiring.tasks()["xray-alignment"], Shelf([Path(sys.argv[2])] if len(sys.argv) > 2 else [])).result.status)
    own = psutil.Process()
    lines = [line for one in (own, *own.children(recursive=True)) for line in open(f"/proc/{one.pid}/status") if "VmHWM" in line]
print(max(int(line.split()[1]) for line in lines) / 1024)
"""


def alignment_speed(folder: Path, bundles: Path | None) -> list[Row]:
    """Rows: film to result.json, the memory of a large one.

    Raises:
        NotMeasuredError: If a film is not answered.
    """
    from spondyl.apps import wiring
    from spondyl.apps.settings import Settings
    from spondyl.dicom import Source
    from spondyl.inference import Shelf

    film, tall = make_films(folder)
    shelf = Shelf([bundles] if bundles else [])
    task = wiring.tasks()[TASK]
    stages: list[dict[str, float]] = []
    with wiring.reader(Settings(), secrets.token_bytes(32)) as reader:

        def analyse() -> None:
            output = wiring.answer(reader.read([Source(film, "film")]).studies[0], task, shelf)
            if output.result.status != "done":
                raise NotMeasuredError(f"the film was not answered: {output.result.refusal}")
            output.result.to_json()
            stages.append(dict(output.result.timings_ms))

        whole = timed(analyse, warm_up=2, rounds=12)
    spent = ", ".join(f"{name} {statistics.median(one[name] for one in stages):.0f}" for name in stages[0] if name != "total")
    command = [sys.executable, "-c", ONE, str(tall), *([str(bundles)] if bundles else [])]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.split()
    if told[0] != "done":
        raise NotMeasuredError(f"the film of {TALL} rows was {told[0]}")
    return [
        at_most("whole-spine film to result.json", statistics.median(whole), 400.0, "ms", f"of it {spent} ms"),
        at_most(f"... peak memory with a film of {TALL} rows", float(told[-1]), PEAK_MB, "MB", "the larger of its two processes"),
    ]


def make_films(folder: Path) -> tuple[Path, Path]:
    """(a frontal film of a digital spine, the same with TALL rows)."""
    from spondyl.datasets.making.order import Order, Scale
    from spondyl.datasets.making.views import built, film_of
    from spondyl.datasets.pictures import write_grey
    from spondyl.phantom import draw_subject, render_xray

    order = Order("aasce", 0, scale=Scale(fine_mm=1.2, trunk_mm=4.0, film_mm=0.4))
    rng = np.random.default_rng(4)
    spec = draw_subject(rng, "scoliosis")
    film = render_xray(built(spec, order.scale, whole_spine=True), film_of(rng, spec, "ap", order, "whole_spine"))
    grey = np.rint(np.asarray(film.shown, np.float32) * (255 / (2**film.acquisition.bits - 1))).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    write_grey(folder / "film.png", grey)
    steps = (np.arange(TALL) * grey.shape[0] // TALL, np.arange(TALL * grey.shape[1] // grey.shape[0]) * grey.shape[0] // TALL)
    write_grey(folder / "tall.png", grey[steps[0]][:, steps[1]])
    return folder / "film.png", folder / "tall.png"
