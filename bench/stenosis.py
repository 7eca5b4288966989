"""A whole MR study from a DICOM folder to result.json: reader and engine warm, one process; time as slices grow; peak memory."""

from __future__ import annotations

import contextlib
import secrets
import statistics
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.analysis import timed
from bench.memory import resident_mb
from bench.samples import NotMeasuredError, spondyl
from bench.table import Row, at_least, at_most

TASK = "mri-stenosis"
SLICES = (30, 60, 120, 240)
TARGET_S, TARGET_MB, STRAIGHT = 3.0, 1500.0, 0.98
EVERY_S = 0.02


def study_speed(folder: Path, bundles: Path | None) -> list[Row]:
    """Rows: a study of 60 slices, the straightness of the cost from 30 to 240 slices, peak memory of the command line.

    Raises:
        NotMeasuredError: If a study is not answered.
    """
    from spondyl.apps import wiring
    from spondyl.apps.settings import Settings
    from spondyl.inference import Shelf

    for count in SLICES:
        make_study(folder / str(count), count)
    shelf = Shelf([bundles] if bundles else [])
    with wiring.reader(Settings(), secrets.token_bytes(32)) as reader:
        times = {count: _timed_study(folder / str(count), reader, shelf) for count in SLICES}
    sixty, reading, stages = times[60]
    slope, start = np.polyfit(SLICES, [times[count][0] for count in SLICES], 1)
    straight = float(np.corrcoef(SLICES, [times[count][0] for count in SLICES])[0, 1] ** 2)
    each = ", ".join(f"{count}: {times[count][0]:.2f} s" for count in SLICES)
    spent = ", ".join(f"{name} {value:.0f}" for name, value in stages.items() if name != "total")
    return [
        at_most("MR study of 60 slices to result.json", sixty, TARGET_S, "s", f"of it reading {1000 * reading:.0f} ms; {spent} ms"),
        at_least("... a straight line from 30 to 240 slices", straight, STRAIGHT, "R2",
                 f"{each}: {start:.2f} s and {1000 * slope:.1f} ms a slice"),
        at_most("... peak memory, command line and readers", _peak_mb(folder / "60", bundles), TARGET_MB, "MB", "shared pages once"),
    ]


def make_study(folder: Path, slices: int) -> None:
    """A lumbar study of that many slices: sagittal T1 and T2 and straight axial T2, a third each."""
    from spondyl.datasets.dicom_objects import Owner
    from spondyl.datasets.dicom_writer import write_series
    from spondyl.phantom import draw_subject
    from spondyl.phantom.resonance import draw_study, render_mr, style_named
    from spondyl.phantom.solid import Detail, build

    rng = np.random.default_rng(77)
    volume = build(draw_subject(rng, "rsna"), Detail(trunk_mm=3.0))
    scans = draw_study(rng, volume, replace(style_named("easy"), straight_rate=1.0))
    for number, (name, scan) in enumerate(scans.items(), start=1):
        count = slices // 3
        step = scan.step_mm * scan.slices / count
        stack = replace(scan.stacks[0], slices=count)
        scan = replace(scan, stacks=(stack,), thickness_mm=min(scan.thickness_mm, step), gap_mm=max(step - scan.thickness_mm, 0.0))
        write_series(folder / name, render_mr(volume, scan), Owner(f"bench {slices}", "F", 60.0), number)


def _timed_study(folder: Path, reader: Any, shelf: Any) -> tuple[float, float, dict[str, float]]:
    """Seconds to result.json, of it reading, and milliseconds of the stages."""
    from spondyl.apps import wiring
    from spondyl.dicom import Source

    task = wiring.tasks()[TASK]
    stages: list[dict[str, float]] = []

    def analyse() -> None:
        report = reader.read([Source(folder, "study")])
        output = wiring.answer(report.studies[0], task, shelf)
        if output.result.status != "done":
            raise NotMeasuredError(f"the study was not answered: {output.result.refusal}")
        output.result.to_json()
        stages.append(dict(output.result.timings_ms))

    whole = timed(analyse, warm_up=1, rounds=5)
    read = timed(lambda: reader.read([Source(folder, "study")]), warm_up=0, rounds=5)
    middle = {name: statistics.median(one[name] for one in stages) for name in stages[0]}
    return statistics.median(whole) / 1000, statistics.median(read) / 1000, middle


def _peak_mb(folder: Path, bundles: Path | None) -> float:
    """Largest resident memory of `spondyl analyze` and its readers, looked at every EVERY_S seconds."""
    place = ["--bundles", str(bundles)] if bundles else []
    command = spondyl("analyze", str(folder), "--task", TASK, "--out", str(folder.with_name("out")), *place)
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while running.poll() is None:
        with contextlib.suppress(psutil.Error):  # it may end while it is looked at
            peak = max(peak, resident_mb(running.pid))
        time.sleep(EVERY_S)
    if running.returncode:
        raise NotMeasuredError(f"the command line ended with {running.returncode}")
    return peak
