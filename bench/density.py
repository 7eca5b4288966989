"""A density picture to result.json, and the student alone in ONNX Runtime on one core; both warm, in one process."""

from __future__ import annotations

import secrets
import statistics
from pathlib import Path

import numpy as np

from bench.analysis import timed
from bench.samples import NotMeasuredError
from bench.table import Row, at_most

TASK = "dxa-osteoporosis"
STUDENT_MS, STUDENT_MB = 30.0, 5.0


def density_speed(folder: Path, bundles: Path | None) -> list[Row]:
    """Rows: picture to result.json, the student, its file.

    Raises:
        NotMeasuredError: If the picture is not answered.
    """
    from spondyl.apps import wiring
    from spondyl.apps.settings import Settings
    from spondyl.dicom import Source
    from spondyl.inference import Shelf
    from spondyl.inference.backends import open_backend

    file = make_scan(folder)
    shelf = Shelf([bundles] if bundles else [])
    task = wiring.tasks()[TASK]
    stages: list[dict[str, float]] = []
    with wiring.reader(Settings(), secrets.token_bytes(32)) as reader:

        def analyse() -> None:
            output = wiring.answer(reader.read([Source(file, "scan")]).studies[0], task, shelf)
            if output.result.status != "done":
                raise NotMeasuredError(f"the scan was not answered: {output.result.refusal}")
            output.result.to_json()
            stages.append(dict(output.result.timings_ms))

        whole = timed(analyse, warm_up=2, rounds=15)
    spent = ", ".join(f"{name} {statistics.median(one[name] for one in stages):.0f}" for name in stages[0] if name != "total")
    bundle = shelf.bundle(TASK)
    data = bundle.read(bundle.network("student").file)
    network = open_backend("onnxruntime").load(data, "f32", 1)
    scan = np.random.default_rng(0).random((1, 1, *bundle.settings["frames"]["scan"]), np.float32)
    alone = timed(lambda: network.run({"scan": scan}), warm_up=3, rounds=30)
    return [
        at_most("density picture to result.json", statistics.median(whole), 400.0, "ms", f"of it {spent} ms"),
        at_most("... the student alone, ONNX Runtime, one core", statistics.median(alone), STUDENT_MS, "ms", "network only"),
        at_most("... the student's file", len(data) / 2**20, STUDENT_MB, "MB", ""),
    ]


def make_scan(folder: Path) -> Path:
    """A density picture of the digital spine with its numbers burnt in."""
    from dataclasses import replace

    from spondyl.datasets.pictures import write_grey
    from spondyl.phantom import draw_subject
    from spondyl.phantom.rays import draw_dxa, render_dxa
    from spondyl.phantom.solid import Detail, build

    rng = np.random.default_rng(78)
    volume = build(draw_subject(rng, "dxa"), Detail(trunk_mm=3.0))
    folder.mkdir(parents=True, exist_ok=True)
    write_grey(folder / "scan.png", render_dxa(volume, replace(draw_dxa(rng, volume, "easy"), text=True)).picture)
    return folder / "scan.png"
