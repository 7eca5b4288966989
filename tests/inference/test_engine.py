"""The engine answers the same, whatever the runtime, the batch and the thread."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.small_graphs import MANIFEST, pictures, small_network
from spondyl.core import BundleError, InputError, NotFoundError
from spondyl.core.identity import content_hash
from spondyl.inference import NetworkFile, Shelf, open_engine, write_bundle
from spondyl.inference.backends import BACKENDS, open_backend
from spondyl.inference.engine import LARGEST_BATCH


def slow_network(seed, pixels, classes=5):
    """The small network by its definition: sums over taps, in float64."""
    from onnx import numpy_helper

    w1, w2, w3 = (numpy_helper.to_array(t).astype(np.float64) for t in small_network(seed, classes).graph.initializer)

    def convolve(images, weights):
        padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
        rows, columns = images.shape[2] // 2, images.shape[3] // 2
        taps = [np.einsum("oc,nchw->nohw", weights[:, :, i, j], padded[:, :, i : i + 2 * rows : 2, j : j + 2 * columns : 2])
                for i in range(3) for j in range(3)]
        return np.maximum(sum(taps), 0)

    cam = np.einsum("oc,nchw->nohw", w3[:, :, 0, 0], convolve(convolve(pixels.astype(np.float64), w1), w2))
    return {"logits": cam.mean((2, 3)), "cam": cam}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    contents = {"card.md": b"", "gate.onnx": small_network(1, 2).SerializeToString(), "grader.onnx": small_network(2).SerializeToString()}
    return write_bundle(tmp_path_factory.mktemp("bundles") / "b", MANIFEST, contents)


@pytest.fixture(scope="module", params=sorted(BACKENDS))
def engine(request, bundle):
    return open_engine(bundle, request.param, "f32", 2)


def test_every_backend_agrees_with_the_definition(engine):
    pixels = pictures(3)
    outputs = engine.run("grader", {"x": pixels})
    expected = slow_network(2, pixels)
    assert set(outputs) == {"logits", "cam"}
    for name, values in outputs.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected[name], atol=1e-4)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_outputs_keep_their_names_whatever_a_runtime_fuses(backend):
    """OpenVINO moves a transpose behind a sigmoid, and the output then has the name of either."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Transpose", ["x"], ["moved"], perm=[0, 2, 1]), helper.make_node("Sigmoid", ["moved"], ["scores"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None, None]) for name in ("x", "scores")]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    said = open_backend(backend).load(model.SerializeToString(), "f32", 1).run({"x": np.ones((2, 3, 4), np.float32)})
    assert {name: values.shape for name, values in said.items()} == {"scores": (2, 4, 3)}


def test_the_two_runtimes_agree(bundle):
    pixels = pictures(7, seed=5)
    one, other = (open_engine(bundle, name, "f32", 2).run("grader", {"x": pixels}) for name in ("openvino", "onnxruntime"))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=1e-4)


@settings(max_examples=8, deadline=None)
@given(size=st.integers(1, 9), seed=st.integers(0, 99))
def test_the_batch_never_changes_a_result(engine, size, seed):
    pixels = pictures(size, seed)
    together = engine.run("grader", {"x": pixels})
    for i in range(size):
        alone = engine.run("grader", {"x": pixels[i : i + 1]})
        for name in together:
            np.testing.assert_allclose(together[name][i], alone[name][0], atol=1e-4)


def test_the_batch_never_changes_a_result_in_bf16(bundle):
    engine = open_engine(bundle, "openvino", "bf16", 2)
    pixels = pictures(7)
    together = engine.run("gate", {"x": pixels})
    for i in range(7):
        np.testing.assert_allclose(together["logits"][i], engine.run("gate", {"x": pixels[i : i + 1]})["logits"][0], atol=1e-3)


def test_a_batch_larger_than_the_largest_is_answered_in_order(engine):
    pixels = pictures(2 * LARGEST_BATCH + 3)
    outputs = engine.run("gate", {"x": pixels})
    np.testing.assert_allclose(outputs["logits"], slow_network(1, pixels, 2)["logits"], atol=1e-4)


def test_no_pictures_give_no_answers_of_the_right_shape(engine):
    outputs = engine.run("gate", {"x": pictures(0)})
    assert outputs["logits"].shape == (0, 2)
    assert outputs["cam"].shape == (0, 2, 8, 12)


def test_the_same_input_gives_the_same_bytes(engine):
    pixels = pictures(7)
    runs = {engine.run("grader", {"x": pixels})["cam"].tobytes() for _ in range(5)}
    assert len(runs) == 1


def test_four_threads_get_the_bytes_that_one_gets(engine):
    inputs = [pictures(1 + i % 5, seed=i) for i in range(24)]
    alone = [engine.run("grader", {"x": pixels})["logits"].tobytes() for pixels in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pixels: engine.run("grader", {"x": pixels})["logits"].tobytes(), inputs))
    assert together == alone


def test_an_answer_is_not_overwritten_by_the_next(engine):
    first = engine.run("gate", {"x": pictures(2, seed=1)})
    kept = {name: values.copy() for name, values in first.items()}
    engine.run("gate", {"x": pictures(2, seed=2)})
    for name in kept:
        np.testing.assert_array_equal(first[name], kept[name])


def test_an_input_that_is_not_contiguous_or_not_float32_is_read_right(engine):
    pixels = pictures(2)
    flipped = np.ascontiguousarray(pixels[..., ::-1]).astype(np.float64)[..., ::-1]
    np.testing.assert_array_equal(engine.run("gate", {"x": flipped})["logits"], engine.run("gate", {"x": pixels})["logits"])


WRONG_INPUTS = [{}, {"y": pictures(1)}, {"x": pictures(1), "y": pictures(1)}, {"x": pictures(1)[:, :1]}, {"x": pictures(1)[0]}]


@pytest.mark.parametrize("inputs", WRONG_INPUTS)
def test_inputs_of_another_graph_are_refused(engine, inputs):
    with pytest.raises(BundleError) as seen:
        engine.run("gate", inputs)
    assert seen.value.code == "network-inputs"


def test_an_unknown_network_gets_the_nearest_name(engine):
    with pytest.raises(NotFoundError, match="Did you mean 'grader'"):
        engine.run("garder", {"x": pictures(1)})


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize("data", [b"", b"no graph", small_network(1).SerializeToString()[:500]])
def test_a_file_that_is_no_graph_is_refused_without_a_path(tmp_path, backend, data):
    contents = {"card.md": b"", "gate.onnx": data, "grader.onnx": data}
    engine = open_engine(write_bundle(tmp_path / "b", MANIFEST, contents), backend)
    with pytest.raises(BundleError) as seen:
        engine.run("gate", {"x": pictures(1)})
    assert seen.value.code == "network-unreadable"
    assert str(tmp_path) not in seen.value.message


def test_the_software_says_what_ran(bundle):
    engine = open_engine(bundle, "openvino", "f32")
    assert set(engine.software) == {"spondyl", "backend", "precision", "cpu"}
    assert engine.software["backend"].startswith("openvino 20")
    assert engine.software["precision"] == "f32"
    assert json.loads(json.dumps(engine.software)) == engine.software


def test_bf16_is_used_only_where_bundle_and_processor_allow_it(bundle):
    able = "bf16" in open_backend("openvino").precisions
    engine = open_engine(bundle, "openvino", "auto")
    assert engine.precision("gate") == ("bf16" if able else "f32")
    assert engine.precision("grader") == "f32"
    assert engine.software["precision"] == ("bf16+f32" if able else "f32")
    assert open_engine(bundle, "onnxruntime", "bf16").software["precision"] == "f32"


def test_f32_is_not_bf16_in_disguise(bundle):
    pixels = pictures(4)
    error = np.abs(open_engine(bundle, "openvino", "f32").run("gate", {"x": pixels})["cam"] - slow_network(1, pixels, 2)["cam"]).max()
    assert error < 1e-5


def test_unknown_backend_and_precision_get_the_nearest_name(bundle):
    with pytest.raises(InputError, match="Did you mean 'openvino'"):
        open_engine(bundle, "opnevino")
    with pytest.raises(InputError, match="Did you mean 'bf16'"):
        open_engine(bundle, precision="bf61")


def test_warming_reads_every_network(tmp_path):
    contents = {"card.md": b"", "gate.onnx": small_network(1).SerializeToString(), "grader.onnx": b"damaged before packing"}
    engine = open_engine(write_bundle(tmp_path / "b", MANIFEST, contents))
    with pytest.raises(BundleError):
        engine.warm()


def test_a_shelf_searches_its_folders_in_order_and_opens_once(pack):
    first, second = pack("one/mri"), pack("two/mri", version="9")
    shelf = Shelf([first.folder.parent, second.folder.parent])
    assert shelf.open("mri-discs").bundle.sha256 == first.sha256
    assert shelf.open("mri-discs") is shelf.open("mri-discs")
    assert Shelf([second.folder.parent, first.folder.parent]).open("mri-discs").bundle.sha256 == second.sha256


def test_a_shelf_takes_a_bundle_itself_and_a_folder_that_is_not_there(pack, tmp_path):
    bundle = pack()
    shelf = Shelf([tmp_path / "nowhere", bundle.folder])
    assert "mri-discs" in shelf.names()
    assert shelf.bundle("mri-discs").sha256 == bundle.sha256


def test_threads_that_open_together_get_one_engine(pack):
    shelf = Shelf([pack().folder.parent])
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda _: shelf.open("mri-discs"), range(8)))
    assert len({id(engine) for engine in engines}) == 1


def test_an_unknown_task_gets_the_nearest_name(pack):
    with pytest.raises(NotFoundError, match="Did you mean 'mri-discs'"):
        Shelf([pack().folder.parent]).open("mri-disks")


def test_two_bundles_for_one_task_in_one_folder_are_not_chosen_between(pack):
    folder = pack("all/a").folder.parent
    pack("all/b")
    with pytest.raises(BundleError, match="a, b"):
        Shelf([folder]).open("mri-discs")


def test_a_damaged_bundle_does_not_hide_the_others(pack):
    good = pack("all/good")
    bad = good.folder.parent / "xray-grade"
    bad.mkdir()
    (bad / "bundle.json").write_bytes(b"{")
    shelf = Shelf([good.folder.parent])
    assert {"mri-discs", "xray-grade"} <= set(shelf.names())
    shelf.open("mri-discs")
    with pytest.raises(BundleError):
        shelf.open("xray-grade")


def test_a_network_listed_twice_is_one_file(tmp_path):
    networks = {"a": NetworkFile("gate.onnx"), "b": NetworkFile("gate.onnx")}
    data = small_network(1).SerializeToString()
    bundle = write_bundle(tmp_path / "b", replace(MANIFEST, networks=networks), {"card.md": b"", "gate.onnx": data})
    assert bundle.manifest.files["gate.onnx"] == content_hash(data)
    engine = open_engine(bundle)
    np.testing.assert_array_equal(engine.run("a", {"x": pictures(1)})["cam"], engine.run("b", {"x": pictures(1)})["cam"])
