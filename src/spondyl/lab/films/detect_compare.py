"""Detectors side by side: trained on the same films in the same way, timed and measured on the same validation films.

    rows = compare([DetectPlan(detector="spondyl_small"), DetectPlan(detector="yolo11", settings={"size": "n"})], cache, run / "compare")
    print(as_table(rows))
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from spondyl.core import InputError
from spondyl.lab.films.detect import fit_detector, load_detector
from spondyl.lab.films.detect_found import boxes_of_film, find
from spondyl.lab.films.detect_module import OnStep
from spondyl.lab.films.detect_plan import DetectPlan
from spondyl.metrics import DetectionTable, Interval, detection_table
from spondyl.models import detectors
from spondyl.models.detectors import Detector

if TYPE_CHECKING:
    from spondyl.lab.films.cache import FilmCache

TIMED = 5
"""Films that a detector is timed on, after one more; the fastest counts."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One detector's row.

    Attributes:
        name: Of the detector, with its own settings.
        licence: Of its code.
        parameters: Weights.
        milliseconds: One film through torch, float32, on the threads of its plan; what is served is faster.
        table: Figures on validation, or None where it could not be made.
        missing: Why it could not be made, or "".
    """

    name: str
    licence: str
    parameters: int
    milliseconds: float
    table: DetectionTable | None
    missing: str = ""


def compare(
    plans: Sequence[DetectPlan], cache: FilmCache, folder: Path, on_step: OnStep = lambda *_: None, draws: int = 1000
) -> tuple[Compared, ...]:
    """One row a plan, in their order; each detector is kept in its own folder and `compare.json` holds the rows.

    A detector whose optional library is not installed gets a row that says so, and the others go on.
    """
    rows = tuple(_row(number, plan, cache, folder, on_step, draws) for number, plan in enumerate(plans))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", "utf-8")
    return rows


def _row(number: int, plan: DetectPlan, cache: FilmCache, folder: Path, on_step: OnStep, draws: int) -> Compared:
    known = detectors.listed(plan.detector)
    name = " ".join([plan.detector, *(f"{key}={value}" for key, value in plan.settings.items())])
    try:
        net = load_detector(fit_detector(plan, cache, folder / f"{number}-{plan.detector}", on_step))
    except InputError as error:
        if error.code != "detector-not-installed":
            raise
        return Compared(name, known.licence, 0, float("nan"), None, error.message)
    places = [int(place) for place in cache.places("val")]
    films = [cache.films[place] for place in places]
    truth, groups = [boxes_of_film(film) for film in films], [film.group for film in films]
    table = detection_table(find(net, cache, places), truth, groups, plan.classes, np.random.default_rng(plan.seed), draws)
    parameters = sum(weights.numel() for weights in net.parameters())
    return Compared(name, known.licence, parameters, milliseconds(net, (cache.frame.rows, cache.frame.columns), plan.threads), table)


@torch.no_grad()
def milliseconds(net: Detector, frame: tuple[int, int], threads: int = 1) -> float:
    """Time of one film of (rows, columns) through the network in torch: the fastest of TIMED."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    film = torch.rand(1, 1, *frame, generator=torch.Generator().manual_seed(0))
    net.eval()(film)
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        net(film)
        times.append(time.perf_counter() - start)
    torch.set_num_threads(before)
    return 1000 * min(times)


def as_table(rows: Sequence[Compared], classes: Sequence[str] = ()) -> str:
    """Markdown: name, licence, parameters, time, mAP@0.5 with its interval, mAP@[.5:.95], and AP@0.5 of each class that is named."""
    head = ["detector", "licence", "parameters", "ms", "mAP@0.5", "mAP@[.5:.95]", *classes]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        if row.table is None:
            lines.append([row.name, row.licence, row.missing, *[""] * (len(head) - 3)])
            continue
        each = [f"{value.estimate:.3f}" for value in row.table.classes[: len(classes)]]
        figures = [_interval(row.table.map50), f"{row.table.map5095:.3f}", *each]
        lines.append([row.name, row.licence, f"{row.parameters / 1e6:.1f} M", f"{row.milliseconds:.0f}", *figures])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _interval(value: Interval) -> str:
    return f"{value.estimate:.3f} ({value.low:.3f} to {value.high:.3f})"
