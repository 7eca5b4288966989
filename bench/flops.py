"""Arithmetic of an ONNX graph: a multiplication and an addition are two operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def count_flops(model: Any, input_shapes: Mapping[str, Sequence[int]]) -> float:
    """Floating-point operations of convolutions and matrix products for inputs of these shapes.

    Additions, activations, pooling and resizing are left out: they are bound by memory, not by arithmetic.
    """
    from onnx import shape_inference

    sized = type(model)()
    sized.CopyFrom(model)
    for port in sized.graph.input:
        for axis, side in zip(port.type.tensor_type.shape.dim, input_shapes.get(port.name, ()), strict=True):
            axis.dim_value = int(side)
    for value in (*sized.graph.output, *sized.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    del sized.graph.value_info[:]
    graph = shape_inference.infer_shapes(sized, data_prop=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
    return float(sum(_node_flops(node, shapes) for node in graph.node))


def _node_flops(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> float:
    if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
        return 0.0
    inputs, output = [shapes.get(name, ()) for name in node.input], shapes.get(node.output[0], ())
    if node.op_type == "Conv":
        return 2.0 * np.prod(output) * np.prod(inputs[1][1:])
    if node.op_type == "ConvTranspose":
        return 2.0 * np.prod(inputs[0]) * np.prod(inputs[1][1:])
    transposed = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return 2.0 * np.prod(output) * inputs[0][0 if transposed else -1]
