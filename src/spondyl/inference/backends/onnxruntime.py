"""ONNX Runtime: everywhere else, and the second opinion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states

from spondyl.core import BundleError

_LOAD_ERRORS = (states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented, RuntimeError)
_ERRORS_ONLY = 3


class OnnxRuntimeBackend:
    """The CPU provider of ONNX Runtime."""

    @property
    def name(self) -> str:
        major, minor = onnxruntime.__version__.split(".")[:2]
        return f"onnxruntime {major}.{minor}"

    @property
    def precisions(self) -> tuple[str, ...]:
        return ("f32",)

    def load(self, model: bytes, precision: str, threads: int) -> OnnxRuntimeNetwork:
        """See the port."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.use_deterministic_compute = True
        try:
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _LOAD_ERRORS as error:
            raise BundleError("network-unreadable", f"ONNX Runtime cannot read a network: {str(error)[:200]}", "Export it again") from None
        return OnnxRuntimeNetwork(session)


class OnnxRuntimeNetwork:
    """A session and the names of its ends."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._outputs = [port.name for port in session.get_outputs()]
        self._inputs = {port.name: tuple(side if isinstance(side, int) else None for side in port.shape) for port in session.get_inputs()}

    @property
    def inputs(self) -> Mapping[str, tuple[int | None, ...]]:
        return self._inputs

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value, np.float32) for name, value in zip(self._outputs, values, strict=True)}
