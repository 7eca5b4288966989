"""The networks of one analysis in our engine, beside the same networks in PyTorch eager: alternating, in one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis import Call, timed
from bench.eager import save_calls
from bench.flops import count_flops
from bench.samples import NotMeasuredError
from bench.table import Row, at_least

ROUNDS = 20
PAUSE_S = 0.02
"""Between the two, so that neither finds the other's threads still spinning."""
TARGETS = {"bf16": 3.0, "f32": 1.5}
PEAK_SIDE = 1024
"""Rows and columns of the matrix product that shows what the machine can do; the fastest of all rounds counts."""


def networks(calls: list[Call], bundle: Any, threads: int = 0) -> list[Row]:
    """Rows: speed-up in f32 and (where the bundle and processor allow it) bf16, share of the measured peak, overhead of a call.

    Raises:
        NotMeasuredError: If the networks cannot be rebuilt in PyTorch.
    """
    from spondyl.inference import open_engine
    from spondyl.inference.engine import available_cores

    threads = threads or available_cores()
    engines = {"f32": open_engine(bundle, precision="f32", threads=threads)}
    fast = open_engine(bundle, precision="bf16", threads=threads)
    if fast.software["precision"] != "f32":
        engines["bf16"] = fast
    products = {name: peak_product(name, threads) for name in engines}
    flops = _flops_of(calls, bundle)
    with tempfile.TemporaryDirectory() as folder, Eager(bundle.folder, calls, Path(folder), threads) as eager:
        times: dict[str, list[float]] = {name: [] for name in (*engines, "eager")}
        peaks: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(ROUNDS + 3):
            for name, engine in engines.items():
                times[name].append(timed(lambda engine=engine: _run(engine, calls), 0, 1)[0])  # type: ignore[misc]
                peaks[name] += timed(products[name], 0, 1)
                time.sleep(PAUSE_S)
            times["eager"].append(eager.ask("go")["ms"])
            time.sleep(PAUSE_S)
        difference = _difference(eager.ask("answers")["first"], engines["f32"], calls)
    rows = []
    for name in engines:
        ours, theirs = (statistics.median(times[key][3:]) for key in (name, "eager"))
        best = min(times["eager"][3:]) / min(times[name][3:])
        note = f"{ours:.1f} ms against {theirs:.1f} ms; smallest against smallest {best:.2f} x; {engines[name].software['precision']}"
        rows.append(at_least(f"{len(calls)} network calls, {name} against PyTorch", theirs / ours, TARGETS[name], "x", note))
        rows.append(_share(name, flops / min(times[name]) / 1e6, 2.0 * PEAK_SIDE**3 / min(peaks[name]) / 1e6))
    rows.append(Row("largest difference from PyTorch in f32", f"{difference:.1e}", note="same weights, so a check that both did the same"))
    return [*rows, _overhead(threads)]


class Eager:
    """The child process with torch in it."""

    def __init__(self, bundle: Path, calls: list[Call], folder: Path, threads: int) -> None:
        save_calls(folder / "calls.npz", calls)
        command = [sys.executable, "-m", "bench.eager", str(bundle), str(folder / "calls.npz"), str(threads)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Eager:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=30)

    def ask(self, word: str) -> dict[str, Any]:
        """The child's answer to one word."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(word + "\n")
            self._child.stdin.flush()
            answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        except (BrokenPipeError, ValueError):
            raise NotMeasuredError("the networks could not be rebuilt in PyTorch (see above)") from None
        return answer


def peak_product(precision: str, threads: int) -> Callable[[], object]:
    """A large matrix product in the same runtime, to be called and timed."""
    from onnx import TensorProto, helper, numpy_helper

    from spondyl.inference.backends import open_backend

    side = PEAK_SIDE
    weights = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", side]) for name in ("x", "y")]
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([product], "peak", ports[:1], ports[1:], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network = open_backend().load(model.SerializeToString(), precision, threads)
    return lambda: network.run({"x": weights})


def _overhead(threads: int) -> Row:
    """What a call of the engine costs beyond the arithmetic: a network with almost none."""
    from onnx import TensorProto, helper

    from spondyl.inference.backends import open_backend

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 8]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "nothing", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network = open_backend().load(model.SerializeToString(), "f32", threads)
    small = np.zeros((1, 8), np.float32)
    middle = statistics.median(timed(lambda: network.run({"x": small}), 20, 200))
    return Row("one call of a network that does nothing", f"{middle * 1000:.0f} us", note="overhead of the runtime and its copies")


def _share(precision: str, reached: float, peak: float) -> Row:
    note = f"{reached:.0f} of {peak:.0f} GFLOP/s (fastest round of each; the peak is a {PEAK_SIDE} x {PEAK_SIDE} matrix product)"
    return Row(f"share of the measured peak, {precision}", f"{100 * reached / peak:.0f} %", note=note)


def _flops_of(calls: list[Call], bundle: Any) -> float:
    import onnx

    graphs = {name: onnx.load_model_from_string(bundle.read(bundle.networks[name].file)) for name, _ in calls}
    return sum(count_flops(graphs[name], {port: values.shape for port, values in inputs.items()}) for name, inputs in calls)


def _difference(theirs: list[list[float]], engine: Any, calls: list[Call]) -> float:
    worst = 0.0
    for values, (name, inputs) in zip(theirs, calls, strict=True):
        ours = next(iter(engine.run(name, inputs).values())).ravel()[: len(values)]
        worst = max(worst, float(np.abs(ours - np.array(values)).max(initial=0.0)))
    return worst


def _run(engine: Any, calls: list[Call]) -> None:
    for name, inputs in calls:
        engine.run(name, inputs)
