"""One slice file to result.json: reader and engine warm, one process."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.samples import NotMeasuredError
from bench.table import Row, at_most

TASK = "mri-discs"
WARM_UP, ROUNDS = 3, 20
TARGET_MS = 150.0

Call = tuple[str, dict[str, NDArray[np.float32]]]


@dataclass
class Recorder:
    """An engine that notes what it is asked, so that exactly these calls can be repeated."""

    engine: Any
    calls: list[Call] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def bundle(self) -> Any:
        return self.engine.bundle

    @property
    def software(self) -> Any:
        return self.engine.software

    def run(self, network: str, inputs: Mapping[str, NDArray[np.float32]]) -> Any:
        self.calls.append((network, {name: np.array(values, np.float32) for name, values in inputs.items()}))
        began = time.perf_counter()
        outputs = self.engine.run(network, inputs)
        self.seconds += time.perf_counter() - began
        return outputs


@dataclass(frozen=True)
class OneEngine:
    """A shelf with one engine on it."""

    engine: Any

    def open(self, task: str) -> Any:
        return self.engine


def one_slice(file: Path, shelf: Any) -> tuple[list[Row], list[Call]]:
    """The row for one slice, and the calls of networks that one analysis makes.

    Raises:
        NotMeasuredError: If the file is not answered.
    """
    from spondyl.apps import wiring
    from spondyl.apps.settings import Settings
    from spondyl.dicom import Source

    settings = Settings()
    task = wiring.tasks()[TASK]
    engine = shelf.open(TASK)
    recorder = Recorder(engine)
    with wiring.reader(settings, secrets.token_bytes(32)) as reader:

        def analyse(on: Any) -> str:
            report = reader.read([Source(file, "slice")])
            if not report.studies:
                raise NotMeasuredError(f"the slice was not read: {[row.code for row in report.skipped]}")
            output = wiring.answer(report.studies[0], task, on)
            if output.result.status == "failed":
                raise NotMeasuredError(f"the analysis failed: {output.result.refusal}")
            return output.result.to_json()

        answer = analyse(OneEngine(recorder))
        calls = list(recorder.calls)
        times = timed(lambda: analyse(shelf))
        read = timed(lambda: reader.read([Source(file, "slice")]))
        network = timed(lambda: [engine.run(*call) for call in calls])
    middle, reading, running = (statistics.median(values) for values in (times, read, network))
    status = "refused" if '"status": "refused"' in answer else "done"
    note = f"{status}; smallest {min(times):.0f}; of it reading {reading:.0f}, {len(calls)} network calls {running:.0f} ms"
    return [at_most("one slice file to result.json", middle, TARGET_MS, "ms", note)], calls


def timed(work: Callable[[], object], warm_up: int = WARM_UP, rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each round, after the warm-up."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return times
