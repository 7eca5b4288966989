"""Weights in 16 bit on disk, arithmetic in 32: both runtimes unfold the casts once, when they compile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

SMALLEST = 64
"""Initialisers with fewer values keep 32 bit: they weigh nothing, and scales and thresholds are among them."""


def store_weights_16bit(model: ModelProto) -> ModelProto:
    """A copy whose float32 initialisers of at least SMALLEST values are float16 followed by a Cast to float32.

    The graph computes in float32 as before; weights move by at most 2^-11 of their size. Done twice, it changes nothing more.

    Raises:
        ValueError: If a weight is not finite or is too large for float16 (65504).
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    smaller = onnx.ModelProto()
    smaller.CopyFrom(model)
    casts = []
    for tensor in smaller.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if not np.abs(values).max() <= np.finfo(np.float16).max:
            raise ValueError(f"weights {name!r} do not fit into float16: the largest is {np.abs(values).max()}")
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/f16"))
        casts.append(helper.make_node("Cast", [f"{name}/f16"], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    rest = list(smaller.graph.node)
    del smaller.graph.node[:]
    smaller.graph.node.extend([*casts, *rest])
    return smaller


def without_notes(model: ModelProto) -> ModelProto:
    """A copy with no comments, traces or metadata: exporters leave the paths of the machine that made it."""
    import onnx

    clean = onnx.ModelProto()
    clean.CopyFrom(model)
    clean.ClearField("metadata_props")
    clean.ClearField("doc_string")
    graph = clean.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("doc_string")
        if "metadata_props" in part.DESCRIPTOR.fields_by_name:
            part.ClearField("metadata_props")
    return clean
