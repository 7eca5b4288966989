"""The bench counts what it says it counts."""

from __future__ import annotations

import numpy as np
import pytest
from bench.eager import graph_layers, load_calls, save_calls
from bench.flops import count_flops
from bench.table import at_least, at_most, line
from onnx import TensorProto, helper, numpy_helper

from inference.small_graphs import pictures, small_network
from spondyl.inference.weights import store_weights_16bit


@pytest.mark.parametrize("stored", [False, True])
def test_operations_are_two_for_each_weight_and_place(stored):
    model = small_network(0, classes=5)
    model = store_weights_16bit(model) if stored else model
    places = {16 * 2 * 9: 16 * 24, 32 * 16 * 9: 8 * 12, 5 * 32: 8 * 12}
    once = sum(2 * weights * at for weights, at in places.items())
    assert count_flops(model, {"x": (1, 2, 32, 48)}) == once
    assert count_flops(model, {"x": (7, 2, 32, 48)}) == 7 * once


def test_operations_of_a_linear_layer():
    weights = numpy_helper.from_array(np.ones((8, 3), np.float32), "w")
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", side]) for name, side in (("x", 8), ("y", 3))]
    for kind in ("MatMul", "Gemm"):
        graph = helper.make_graph([helper.make_node(kind, ["x", "w"], ["y"])], "g", ports[:1], ports[1:], [weights])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        assert count_flops(model, {"x": (4, 8)}) == 2 * 4 * 8 * 3


def test_calls_come_back_in_order(tmp_path):
    calls = [("b", {"x": pictures(1)}), ("a", {"x": pictures(2), "y": pictures(1, 3)}), ("b", {"x": pictures(3)})]
    save_calls(tmp_path / "calls.npz", calls)
    back = load_calls(tmp_path / "calls.npz")
    assert [name for name, _ in back] == ["b", "a", "b"]
    for (_, before), (_, after) in zip(calls, back, strict=True):
        assert list(before) == list(after)
        for port in before:
            np.testing.assert_array_equal(before[port], after[port])


def test_layers_are_read_through_the_casts_of_stored_weights():
    plain, stored = (graph_layers(model.graph) for model in (small_network(3), store_weights_16bit(small_network(3))))
    for layers in (plain, stored):
        assert [weights.shape for weights, _ in layers] == [(16, 2, 3, 3), (32, 16, 3, 3), (5, 32, 1, 1)]
    for (before, _), (after, _) in zip(plain, stored, strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-6)


def test_a_row_says_whether_the_target_is_reached():
    assert at_most("a", 149.0, 150, "ms").reached
    assert not at_most("a", 151.0, 150, "ms").reached
    assert not at_least("a", 2.9, 3, "x").reached
    assert "NO" in line(at_least("speed", 2.9, 3, "x"))
