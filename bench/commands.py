"""How long a person waits for the command line to say something."""

from __future__ import annotations

import statistics
import subprocess
import time

from bench.samples import NotMeasuredError, spondyl
from bench.table import Row, at_most

ROUNDS = 7
TARGETS_S = {"--help": 0.5, "info": 1.0}


def commands() -> list[Row]:
    """One row for each of `spondyl --help` and `spondyl info`: median wall time of whole processes, the files being cached."""
    rows = []
    for verb, target in TARGETS_S.items():
        times = [_seconds(verb) for _ in range(ROUNDS)][1:]
        rows.append(at_most(f"spondyl {verb}", statistics.median(times), target, "s", f"smallest {min(times):.2f}"))
    return rows


def _seconds(verb: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(spondyl(verb), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasuredError(f"`spondyl {verb}` ends with {done.returncode}")
    return time.perf_counter() - began
