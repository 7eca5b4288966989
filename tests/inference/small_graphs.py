"""Small graphs and bundles for the tests of this room."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spondyl.inference import Manifest, NetworkFile

MANIFEST = Manifest(
    task="mri-discs", name="mri-discs", version="1.2.3", evidence="in-silico", trained_on="nothing", licence="MIT",
    networks={"gate": NetworkFile("gate.onnx", ("f32", "bf16")), "grader": NetworkFile("grader.onnx", ("f32",), (0, 3))},
    settings={"labels": {"zeta": 1, "alpha": 2}, "threshold": 0.1}, training_images={"a" * 32: 4}, metrics={"kappa": [0.8, 0.7, 0.9]},
)


def small_network(seed: int, classes: int = 5) -> onnx.ModelProto:
    """Two 3 x 3 convolutions, the activation map of a linear head, and its mean: inputs (n, 2, h, w)."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        return numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "w3"], ["cam"]),
        helper.make_node("GlobalAveragePool", ["cam"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 32, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
         helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", classes, 8, 12])],
        [weights("w1", 16, 2, 3, 3), weights("w2", 32, 16, 3, 3), weights("w3", classes, 32, 1, 1)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """float32 (count, 2, 32, 48), of about unit variance."""
    return np.random.default_rng(seed).standard_normal((count, 2, 32, 48)).astype(np.float32)
