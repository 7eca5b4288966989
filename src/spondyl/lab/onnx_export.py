"""Networks to ONNX: float32 graphs with 16-bit weights, any batch size, and proof that nothing changed on the way."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from spondyl.inference.weights import store_weights_16bit, without_notes

OPSET = 18


def to_onnx(net: nn.Module, example: Tensor, input_name: str, output_names: Sequence[str]) -> bytes:
    """The network as ONNX bytes; the first dimension of inputs and outputs is free. Batch norms are folded into convolutions."""
    net = net.eval().to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            net,
            (torch.cat([example, example]),),
            dynamo=True,
            dynamic_shapes=({0: batch},),
            input_names=[input_name],
            output_names=list(output_names),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.optimize()
    buffer = io.BytesIO()
    onnx.save(without_notes(store_weights_16bit(program.model_proto)), buffer)
    return buffer.getvalue()


def largest_difference(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """Largest absolute difference between two lists of outputs."""
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
