"""Does each runtime work on this machine? A tiny network with a known answer says so, without any bundle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core import SpondylError
from spondyl.inference.backends import BACKENDS, open_backend

TOLERANCE = {"f32": 1e-5, "bf16": 3e-2}
"""Largest relative error allowed in each arithmetic; bf16 keeps 8 bits of a number."""


def check_backends() -> dict[str, str | None]:
    """Name of each runtime -> None if it gives the right answer in every arithmetic it offers, else what went wrong."""
    return {name: _problem(name) for name in BACKENDS}


def _problem(name: str) -> str | None:
    weights = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    x = np.linspace(0.1, 1, 16, dtype=np.float32).reshape(2, 8)
    wanted = np.maximum(x @ weights, 0)
    try:
        backend = open_backend(name)
        for precision in backend.precisions:
            given = backend.load(_tiny_network(weights), precision, 1).run({"x": x})["y"]
            error = float(np.abs(given - wanted).max() / wanted.max())
            if error > TOLERANCE[precision]:
                return f"a tiny network is wrong by {error:.1e} in {precision}"
    except SpondylError as error:
        return f"[{error.code}] {error.message}"
    return None


def _tiny_network(weights: NDArray[np.float32]) -> bytes:
    """ONNX graph of y = max(x @ weights, 0) for x of shape (any, rows of weights)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Relu", ["p"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weights.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weights.shape[1]])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(onnx.ModelProto.SerializeToString(model))
