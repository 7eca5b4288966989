"""The child process: a bundle's networks in PyTorch eager. Reads one word a line from stdin, answers one JSON line.

It is a process of its own because torch's threads and OpenVINO's slow each other down in one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """`python -m bench.eager BUNDLE CALLS.npz THREADS`: "go" runs all calls once, "answers" compares, end of input ends."""
    import torch

    folder, calls_file, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    calls = load_calls(calls_file)
    networks = eager_networks(folder, {name: inputs for name, inputs in calls})
    tensors = [(networks[name], [torch.from_numpy(values) for values in inputs.values()]) for name, inputs in calls]
    with torch.inference_mode():
        for line in sys.stdin:
            began = time.perf_counter()
            outputs = [network(*inputs) for network, inputs in tensors]
            answer: dict[str, Any] = {"ms": (time.perf_counter() - began) * 1000}
            if line.strip() == "answers":
                answer["first"] = [_first(output).numpy().astype(float).ravel()[:200].tolist() for output in outputs]
            print(json.dumps(answer), flush=True)


def save_calls(path: Path, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """The calls in one .npz file: keys are "number|network|input"."""
    np.savez(path, **{f"{i}|{name}|{port}": values for i, (name, inputs) in enumerate(calls) for port, values in inputs.items()})


def load_calls(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """What `save_calls` wrote, in order."""
    calls: dict[int, tuple[str, dict[str, Any]]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            number, name, port = key.split("|")
            calls.setdefault(int(number), (name, {}))[1][port] = archive[key]
    return [calls[i] for i in sorted(calls)]


def eager_networks(folder: Path, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each network of the bundle that is in `examples`, rebuilt from `spondyl.models` with the weights of its ONNX file."""
    import onnx

    from spondyl.inference import read_bundle

    bundle = read_bundle(folder)
    rebuilt = {}
    for name, inputs in examples.items():
        graph = onnx.load_model_from_string(bundle.read(bundle.networks[name].file)).graph
        rebuilt[name] = _rebuild(graph, [np.asarray(values) for values in inputs.values()])
    return rebuilt


def _families() -> tuple[Callable[[int, tuple[int, ...]], Any], ...]:
    """How each family of `spondyl.models` is built from its number of outputs and its widths."""
    from spondyl.models.gate import Gate
    from spondyl.models.grader import Grader
    from spondyl.models.locator import Locator

    return (
        lambda outputs, widths: Grader(outputs, widths),
        lambda outputs, widths: Gate(outputs, widths),
        lambda outputs, widths: Locator(widths),
    )


def _rebuild(graph: Any, inputs: list[Any]) -> Any:
    """The first family whose layers have the shapes of the graph's weights, with these weights in it."""
    layers = graph_layers(graph)
    counts = [weights.shape[0] for weights, _ in layers]
    widths = tuple(dict.fromkeys(counts[: counts.index(max(counts)) + 1]))
    for family in _families():
        try:
            network = family(counts[-1], widths).eval()
            load_weights(network, layers, inputs)
        except (ValueError, TypeError, IndexError, RuntimeError):
            continue
        return network
    raise SystemExit(f"no family of spondyl.models has layers {[weights.shape for weights, _ in layers]}")


def graph_layers(graph: Any) -> list[tuple[Any, Any]]:
    """(weights, bias or None) of each convolution and linear layer, in the order they run; batch norms are folded in already."""
    from onnx import numpy_helper

    values = {tensor.name: numpy_helper.to_array(tensor).astype(np.float32) for tensor in graph.initializer}
    layers = []
    for node in graph.node:
        if node.op_type in ("Cast", "Transpose", "Identity") and node.input[0] in values:
            array = values[node.input[0]]
            values[node.output[0]] = array.T if node.op_type == "Transpose" else array
        elif node.op_type in ("Conv", "Gemm"):
            transposed = node.op_type == "Conv" or any(a.name == "transB" and a.i for a in node.attribute)
            weights = values[node.input[1]]
            layers.append((weights if transposed else weights.T, values[node.input[2]] if len(node.input) > 2 else None))
    return layers


def load_weights(network: Any, layers: list[tuple[Any, Any]], inputs: list[Any]) -> None:
    """Put the layers into the network's own, paired by the order in which they run; a batch norm takes its layer's bias.

    Raises:
        ValueError: If the numbers or shapes of layers differ.
    """
    import torch
    from torch import nn

    ran: list[Any] = []
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    hooks = [part.register_forward_hook(lambda part, *_: ran.append(part)) for part in network.modules() if isinstance(part, kinds)]
    with torch.inference_mode():
        network(*(torch.from_numpy(values) for values in inputs))
    for hook in hooks:
        hook.remove()
    parts = [part for part in ran if not isinstance(part, nn.BatchNorm2d)]
    if len(parts) != len(layers):
        raise ValueError(f"{len(parts)} layers, the graph has {len(layers)}")
    for part, (weights, bias) in zip(parts, layers, strict=True):
        if tuple(part.weight.shape) != weights.shape:
            raise ValueError(f"a layer of shape {tuple(part.weight.shape)}, the graph has {weights.shape}")
        after = ran[ran.index(part) + 1] if ran.index(part) + 1 < len(ran) else None
        part.weight.data = torch.from_numpy(np.ascontiguousarray(weights))
        if part.bias is None and isinstance(after, nn.BatchNorm2d):
            after.weight.data.fill_(float(np.sqrt(1 + after.eps)))
            after.bias.data = torch.from_numpy(np.zeros(len(weights), np.float32) if bias is None else np.array(bias))
        elif part.bias is not None and bias is not None:
            part.bias.data = torch.from_numpy(np.array(bias))


def _first(output: Any) -> Any:
    return output[0] if isinstance(output, tuple) else output


if __name__ == "__main__":
    main()
