"""A bundle is what was packed, or it is refused with the reason."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from inference.small_graphs import MANIFEST
from spondyl.core import BundleError, InputError, NotFoundError
from spondyl.core.identity import content_hash
from spondyl.inference import NetworkFile, read_bundle, write_bundle
from spondyl.inference.manifest import parse_manifest


def edit(bundle, change):
    """Rewrite bundle.json through `change(body)`."""
    path = bundle.folder / "bundle.json"
    body = json.loads(path.read_bytes())
    change(body)
    path.write_text(json.dumps(body))


def test_a_bundle_comes_back_as_it_was_packed(pack):
    packed = pack()
    read = read_bundle(packed.folder)
    assert replace(read.manifest, files={}) == MANIFEST
    assert list(read.settings["labels"]) == ["zeta", "alpha"], "the order of labels is kept"
    assert read.card == "# Card\n"
    assert read.training_images == {"a" * 32: 4}
    assert read.note.sha256 == read.sha256 == content_hash((packed.folder / "bundle.json").read_bytes())
    assert (read.note.name, read.note.version, read.note.evidence) == ("mri-discs", "1.2.3", "in-silico")


def test_packing_twice_gives_the_same_bytes(pack):
    first, second = pack("one"), pack("two")
    assert first.sha256 == second.sha256
    assert [p.read_bytes() for p in sorted(first.folder.iterdir())] == [p.read_bytes() for p in sorted(second.folder.iterdir())]


def test_numbers_of_numpy_are_written_as_numbers():
    manifest = replace(MANIFEST, settings={"mean": np.float32(0.5), "edges": np.arange(3)})
    assert parse_manifest(manifest.to_bytes()).settings == {"mean": 0.5, "edges": [0, 1, 2]}


def test_a_figure_that_is_not_a_number_cannot_be_packed():
    with pytest.raises(ValueError, match="JSON"):
        replace(MANIFEST, metrics={"kappa": float("nan")}).to_bytes()


@pytest.mark.parametrize("file", ["gate.onnx", "grader.onnx", "card.md"])
def test_one_changed_bit_in_any_file_is_noticed(pack, file):
    bundle = pack()
    data = bytearray((bundle.folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle.folder / file).write_bytes(data)
    with pytest.raises(BundleError, match=file) as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-damaged"


def test_damage_after_opening_is_noticed_when_the_network_is_read(pack):
    bundle = pack()
    (bundle.folder / "gate.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="checksum"):
        bundle.read("gate.onnx")


def test_a_missing_file_is_named(pack):
    bundle = pack()
    (bundle.folder / "grader.onnx").unlink()
    with pytest.raises(BundleError, match=r"grader\.onnx") as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-file-missing"


def test_a_file_that_is_not_listed_is_refused(pack):
    bundle = pack()
    (bundle.folder / "weights.pkl").write_bytes(pickle.dumps({}))
    with pytest.raises(BundleError, match=r"weights\.pkl") as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-file-unlisted"


@pytest.mark.parametrize("name", ["weights.pkl", "weights.pt", "run.py", "model.ckpt"])
def test_a_pickle_or_program_is_refused_even_when_listed(pack, name):
    bundle = pack()
    (bundle.folder / name).write_bytes(b"x")
    edit(bundle, lambda body: body["files"].update({name: content_hash(b"x")}))
    with pytest.raises(BundleError) as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-file-type"


@pytest.mark.parametrize("name", ["../gate.onnx", "/etc/gate.onnx", "sub/gate.onnx", "..\\gate.onnx", ".gate.onnx", "", 7])
def test_a_network_outside_the_folder_is_refused(pack, name):
    bundle = pack()
    edit(bundle, lambda body: body["networks"]["gate"].update(file=name))
    with pytest.raises(BundleError) as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-file-name"


@pytest.mark.parametrize("schema", ["spondyl.bundle/2", None, 1])
def test_another_schema_is_refused_by_name(pack, schema):
    bundle = pack()
    edit(bundle, lambda body: body.update(schema=schema))
    with pytest.raises(BundleError, match=r"spondyl\.bundle/1") as seen:
        read_bundle(bundle.folder)
    assert seen.value.code == "bundle-schema"


def test_a_misspelt_key_gets_the_nearest_one(pack):
    bundle = pack()
    edit(bundle, lambda body: body.update(licens=body.pop("licence")))
    with pytest.raises(BundleError, match="Did you mean 'licence'"):
        read_bundle(bundle.folder)


def test_a_misspelt_key_of_a_network_gets_the_nearest_one(pack):
    bundle = pack()
    edit(bundle, lambda body: body["networks"]["gate"].update(precision=["f32"]))
    with pytest.raises(BundleError, match="Did you mean 'precisions'"):
        read_bundle(bundle.folder)


@pytest.mark.parametrize("key", ["task", "evidence", "networks", "files"])
def test_a_missing_key_is_named(pack, key):
    bundle = pack()
    edit(bundle, lambda body: body.pop(key))
    with pytest.raises(BundleError, match=key):
        read_bundle(bundle.folder)


@pytest.mark.parametrize("change", [{"task": 3}, {"evidence": "reel"}, {"networks": {}}, {"settings": []}, {"networks": {"gate": 1}}])
def test_a_value_of_the_wrong_kind_is_refused(pack, change):
    bundle = pack()
    edit(bundle, lambda body: body.update(change))
    with pytest.raises(BundleError):
        read_bundle(bundle.folder)


@pytest.mark.parametrize("data", [b"", b"not json", b"[1]", b"\xff\xfe"])
def test_a_manifest_that_is_no_manifest_is_refused(data):
    with pytest.raises(BundleError):
        parse_manifest(data)


def test_an_empty_folder_is_no_bundle(tmp_path):
    with pytest.raises(BundleError) as seen:
        read_bundle(tmp_path)
    assert seen.value.code == "bundle-missing"


def test_a_folder_in_use_is_not_written_over(pack):
    bundle = pack()
    with pytest.raises(InputError):
        write_bundle(bundle.folder, MANIFEST, {"card.md": b""})


def test_a_network_without_its_file_cannot_be_packed(tmp_path):
    with pytest.raises(BundleError, match=r"gate\.onnx"):
        write_bundle(tmp_path / "new", MANIFEST, {"card.md": b""})


def test_every_network_must_allow_f32():
    with pytest.raises(BundleError, match="f32"):
        NetworkFile("a.onnx", ("bf16",))


def test_an_unknown_precision_gets_the_nearest_one():
    with pytest.raises(BundleError, match="Did you mean 'bf16'"):
        NetworkFile("a.onnx", ("f32", "bf61"))


def test_an_unknown_network_gets_the_nearest_one(pack):
    with pytest.raises(NotFoundError, match="Did you mean 'grader'"):
        pack().network("graders")
