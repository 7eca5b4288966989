"""Networks to ONNX: float32 graphs with 16-bit weights, any batch size, and proof that nothing changed on the way."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence

import onnx
import torch
from torch import Tensor, nn

from spondyl.inference.weights import store_weights_16bit, without_notes

OPSET = 18


def to_onnx(net: nn.Module, example: Tensor, input_name: str, output_names: Sequence[str]) -> bytes:
    """The network as ONNX bytes; the first dimension of inputs and outputs is free. Batch norms are folded into convolutions.

    The TorchScript exporter is used on purpose: for plain convolutions it writes the same graph as torch.export's in a fiftieth
    of the time, and torch is pinned.
    """
    return inputs_to_onnx(net, {input_name: example}, output_names)


def inputs_to_onnx(net: nn.Module, examples: Mapping[str, Tensor], output_names: Sequence[str], half: bool = True) -> bytes:
    """The same for a network of several inputs, in the order in which it takes them.

    Args:
        half: Whether weights are stored in 16 bits; thresholds of decision trees must not be.
    """
    net = net.eval().to(memory_format=torch.contiguous_format)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            tuple(examples.values()),
            buffer,  # type: ignore[arg-type]  # the TorchScript exporter takes one
            dynamo=False,
            input_names=list(examples),
            output_names=list(output_names),
            dynamic_axes={name: {0: "batch"} for name in (*examples, *output_names)},
            opset_version=OPSET,
        )
    model = onnx.load_from_string(buffer.getvalue())
    return bytes(without_notes(store_weights_16bit(model) if half else model).SerializeToString())
