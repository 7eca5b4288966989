"""OpenVINO: first choice on x86."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from spondyl.core import BundleError

_HINTS = {"f32": "f32", "bf16": "bf16"}


class OpenVinoBackend:
    """The CPU plug-in of OpenVINO, one core object for all networks."""

    def __init__(self) -> None:
        self._core = openvino.Core()

    @property
    def name(self) -> str:
        year, minor = openvino.__version__.split("-")[0].split(".")[:2]
        return f"openvino {year}.{minor}"

    @property
    def precisions(self) -> tuple[str, ...]:
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("f32", "bf16") if "BF16" in able else ("f32",)

    def load(self, model: bytes, precision: str, threads: int) -> OpenVinoNetwork:
        """See the port. The precision is always said: left alone, OpenVINO takes bf16 without a word."""
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": threads,
            # Pinned, every one-thread network (and every other process) lands on the same core: see bench/README.md.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            graph = self._core.read_model(model)
            outputs = [port.get_any_name() for port in graph.outputs]  # compiling adds the names of what is fused into them
            compiled = self._core.compile_model(graph, "CPU", settings)
        except RuntimeError as error:
            raise BundleError("network-unreadable", f"OpenVINO cannot read a network: {_first_line(error)}", "Export it again") from None
        return OpenVinoNetwork(compiled, outputs)


class OpenVinoNetwork:
    """A compiled graph with one infer request."""

    def __init__(self, compiled: Any, outputs: Sequence[str]) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = list(outputs)
        self._inputs = {port.get_any_name(): _shape(port.get_partial_shape()) for port in compiled.inputs}

    @property
    def inputs(self) -> Mapping[str, tuple[int | None, ...]]:
        return self._inputs

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        self._request.infer(dict(inputs), share_inputs=True, share_outputs=True)
        return {name: np.array(self._request.get_output_tensor(i).data, np.float32) for i, name in enumerate(self._outputs)}


def _shape(partial: Any) -> tuple[int | None, ...]:
    return tuple(side.get_length() if side.is_static else None for side in partial)


def _first_line(error: Exception) -> str:
    """The last non-empty line of OpenVINO's trace, which says what went wrong; earlier lines name its source files."""
    return [line for line in str(error).splitlines() if line.strip()][-1].strip()[:200]
