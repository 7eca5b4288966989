"""Weights on disk take half the room and answer the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from inference.small_graphs import pictures, small_network
from spondyl.inference.backends import BACKENDS, open_backend
from spondyl.inference.weights import SMALLEST, store_weights_16bit, without_notes


def rounded(model):
    """The same graph, its large weights rounded to float16 and kept as float32."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size >= SMALLEST:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    return copy


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_the_casts_change_nothing_but_the_rounding(backend):
    model, pixels = small_network(3), pictures(4)
    runtime = open_backend(backend)
    stored, plain = (runtime.load(m.SerializeToString(), "f32", 1).run({"x": pixels}) for m in (store_weights_16bit(model), rounded(model)))
    for name in stored:
        np.testing.assert_allclose(stored[name], plain[name], atol=1e-6)


def test_the_stored_graph_is_valid_and_half_the_size():
    model = small_network(3)
    stored = store_weights_16bit(model)
    onnx.checker.check_model(stored, full_check=True)
    assert len(stored.SerializeToString()) < 0.6 * len(model.SerializeToString())
    assert all(t.data_type == TensorProto.FLOAT16 or np.prod(t.dims) < SMALLEST for t in stored.graph.initializer)


def test_the_graph_given_is_left_alone_and_a_second_time_changes_nothing():
    model = small_network(3)
    before = model.SerializeToString()
    once = store_weights_16bit(model)
    assert model.SerializeToString() == before
    assert store_weights_16bit(once) == once


@pytest.mark.parametrize("value", [1e5, np.inf, np.nan])
def test_a_weight_that_does_not_fit_is_named(value):
    model = small_network(3)
    weights = numpy_helper.to_array(model.graph.initializer[1]).copy()
    weights[0, 0, 0, 0] = value
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(weights, "w2"))
    with pytest.raises(ValueError, match="w2"):
        store_weights_16bit(model)


def test_what_the_exporter_noted_is_gone():
    model = small_network(3)
    model.graph.node[0].doc_string = "secret-trace"
    model.graph.doc_string = model.doc_string = "secret-trace"
    model.metadata_props.add(key="path", value="secret-trace")
    model.graph.node[0].metadata_props.add(key="path", value="secret-trace")
    assert b"secret-trace" not in without_notes(model).SerializeToString()
    onnx.checker.check_model(without_notes(model))
