"""Tiny bundles for `xray-lesions` and `xray-grade`, and films that they answer in a known way. No weights are trained.

Every network is linear in the mean brightness of parts of its frame, so that a test knows what it will say:

- a film that is brighter at the bottom than at the top is the right way up; at the top it stands on its head;
- brighter on the left than on the right it lies on its side; on the right it is lateral, and else frontal;
- one with no such step (noise alone) is something else;
- the brighter the middle of a film, the likelier it is abnormal, and the higher its grade;
- the detector always says the boxes of BOXES, with the scores of SCORES.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spondyl.core import Image, Series, Study
from spondyl.core.identity import pixel_hash
from spondyl.inference import Bundle, Manifest, NetworkFile, write_bundle

ROWS, COLUMNS = 48, 32
"""The frame of every network."""
CELL = 8
"""Frame pixels a side of one place of an activation map."""
LESION_OUTPUTS, GRADE_OUTPUTS = 8, 4
BOXES = ((8.0, 10.0, 16.0, 18.0), (9.0, 10.0, 17.0, 18.0), (12.0, 26.0, 24.0, 32.0), (10.0, 20.0, 20.0, 30.0))
"""In pixels of the frame; the first two overlap, and are of one class."""
SCORES = ((0.9, 0, 0, 0, 0, 0, 0), (0.6, 0, 0, 0, 0, 0, 0), (0, 0.3, 0, 0, 0, 0, 0), (0, 0, 0.01, 0, 0, 0, 0))
"""Osteophytes twice in one place, disc space narrowing, and a surgical implant that nobody would believe."""
FRAME = {"rows": ROWS, "columns": COLUMNS, "low": 1.0, "high": 99.0}
GATE = {"network": "gate", "frame": FRAME, "least": 0.5}
MEMBERS = ("densenet121", "resnet50")
LESION_CLASSES = ("osteophytes", "disc_space_narrowing", "surgical_implant", "foraminal_stenosis", "spondylolisthesis",
                  "vertebral_collapse", "other_lesion")


def lesion_bundle(folder: Path, *, evidence: str = "in-silico", **settings: Any) -> Bundle:
    """A bundle for `xray-lesions` in a new folder; `settings` replace those of the same name (None leaves one out)."""
    own = {
        "frame": FRAME, "gate": GATE, "reader": "ensemble",
        "members": {MEMBERS[0]: _member(0.6, 1.0, [0.0]), MEMBERS[1]: _member(0.4, 1.2, [0.1])},
        "ensemble": {"slope": 1.0, "offsets": [0.0]},
        "student": {**_member(1.0, 1.0, [0.0]), "network": "student", "threshold": 0.5},
        "threshold": 0.449, "quantiles": {"abnormal": 0.9}, "cam_scale": 4.0, "explanation": "cam",
        "detector": {"network": "detector", "frame": FRAME, "least": 0.05, "sure": 0.5, "overlap": 0.5, "most": 100, "ask_from": 0.0,
                     "classes": {name: {"slope": 1.0, "offset": 0.0} for name in LESION_CLASSES}},
        "fusion": {"ensemble": 1.0, "detector": 0.0, "offset": 0.0},
        **settings,
    }
    graphs = {name: member(gain, LESION_OUTPUTS) for name, gain in zip((*MEMBERS, "student"), (20.0, 16.0, 18.0), strict=True)}
    return _pack(folder, "xray-lesions", evidence, own, {**graphs, "detector": detector(), "gate": gate()})


def grade_bundle(folder: Path, *, evidence: str = "in-silico", **settings: Any) -> Bundle:
    """A bundle for `xray-grade` in a new folder; `settings` replace those of the same name (None leaves one out)."""
    own = {
        "frame": FRAME, "gate": GATE, "reader": "ensemble",
        "members": {MEMBERS[0]: _member(0.5, 1.0, [4.0, 1.0, -2.0, -5.0]), MEMBERS[1]: _member(0.5, 1.1, [3.0, 1.0, -2.0, -4.0])},
        "ensemble": {"slope": 1.0, "offsets": [0.0] * 4},
        "student": {**_member(1.0, 1.0, [4.0, 1.0, -2.0, -5.0]), "network": "student"},
        "quantiles": {"degeneration_grade": 0.8}, "cam_scale": 4.0, "explanation": "cam", "views": {"frontal": 0.4, "lateral": 0.6},
        **settings,
    }
    graphs = {name: member(gain, GRADE_OUTPUTS) for name, gain in zip((*MEMBERS, "student"), (30.0, 26.0, 28.0), strict=True)}
    return _pack(folder, "xray-grade", evidence, own, {**graphs, "gate": gate()})


def film(view: str = "frontal", brightness: float = 0.3, *, pose: str = "film", shape: tuple[int, int] = (240, 160), seed: int = 0
         ) -> np.ndarray:
    """Pixels float32 of `shape`, 0..1, that the gate takes for this pose and view.

    Args:
        brightness: Of the middle, 0..1: 0.1 is normal and grade 0, 0.9 abnormal and grade 4.
        pose: "film", "upside_down", "on_its_side" or "other".
    """
    rows, columns = shape
    noise = np.random.default_rng(seed).uniform(-0.02, 0.02, shape)
    pixels = np.full(shape, 0.1) + noise
    middle = np.s_[rows // 6 : rows * 5 // 6, columns // 4 : columns * 3 // 4]
    pixels[middle] = brightness + noise[middle]
    edge = {"film": np.s_[rows * 5 // 6 :], "upside_down": np.s_[: rows // 6], "on_its_side": np.s_[:, : columns // 6]}
    if pose in edge:
        pixels[edge[pose]] = 0.95
    if view == "lateral":
        pixels[:, columns * 5 // 6 :] = 0.95
    pixels[0, 0], pixels[-1, -1] = 0.0, 1.0
    return np.clip(pixels, 0, 1).astype(np.float32)


def film_image(view: str = "frontal", brightness: float = 0.3, *, tagged: str = "unknown", **how: Any) -> Image:
    """The same as an image; `tagged` is what the file says of the view: "ap", "lateral" or "unknown"."""
    pixels = film(view, brightness, **how)
    return Image(pixel_hash(pixels), pixels, view=tagged)


def film_study(*images: Image, modality: str = "DX") -> Study:
    """A study of these images, each a series of its own."""
    return Study("f" * 20, tuple(Series(f"s{number}", modality, (one,)) for number, one in enumerate(images)))


def member(gain: float, outputs: int) -> bytes:
    """ONNX graph from `film` to `cam` and its mean `logits`: gain x (brightness of the place - 0.5), the same for each output.

    The cells at the edge of the frame, which belong to the gate's marks, are not looked at.
    """
    inner = np.zeros((1, 1, ROWS // CELL, COLUMNS // CELL), np.float32)
    inner[..., 1:-1, 1:-1] = inner.size / ((ROWS // CELL - 2) * (COLUMNS // CELL - 2))
    weights = np.full((outputs, 1, 1, 1), gain, np.float32)
    nodes = [
        helper.make_node("AveragePool", ["film"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Sub", ["cells", "half"], ["signed"]),
        helper.make_node("Mul", ["signed", "inner"], ["masked"]),
        helper.make_node("Conv", ["masked", "weights"], ["cam"]),
        helper.make_node("GlobalAveragePool", ["cam"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    outs = {"logits": ["n", outputs], "cam": ["n", outputs, ROWS // CELL, COLUMNS // CELL]}
    return _graph(nodes, outs, {"half": np.float32([0.5]), "inner": inner, "weights": weights})


def gate() -> bytes:
    """ONNX graph from `film` to `logits` (n, 6): four poses, two views, from the brightness of the four edges of the frame."""
    height, width = ROWS // 8, COLUMNS // 8
    kernel = np.zeros((6, 1, ROWS, COLUMNS), np.float32)
    bias = np.zeros(6, np.float32)
    top, bottom, left, right = np.s_[:height], np.s_[-height:], np.s_[height:-height, :width], np.s_[height:-height, -width:]
    for output, bright, dark in ((0, bottom, top), (1, top, bottom), (2, left, right), (5, right, left)):
        _add(kernel[output, 0], bright, 30.0)
        _add(kernel[output, 0], dark, -30.0)
    bias[3], bias[5] = 5.0, -5.0
    nodes = [helper.make_node("Conv", ["film", "kernel", "bias"], ["all"]), helper.make_node("Flatten", ["all"], ["logits"])]
    return _graph(nodes, {"logits": ["n", 6]}, {"kernel": kernel, "bias": bias})


def detector(boxes: Any = BOXES, scores: Any = SCORES) -> bytes:
    """ONNX graph from `film` to the same `boxes` (n, N, 4) and `scores` (n, N, 7) for every film."""
    constant = {"fixed_boxes": np.asarray(boxes, np.float32)[None], "fixed_scores": np.asarray(scores, np.float32)[None],
                "zero": np.float32([0.0]), "three": np.array([-1, 1, 1], np.int64)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["film"], ["mean"]),
        helper.make_node("Reshape", ["mean", "three"], ["flat"]),
        helper.make_node("Mul", ["flat", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "fixed_boxes"], ["boxes"]),
        helper.make_node("Add", ["nothing", "fixed_scores"], ["scores"]),
    ]
    return _graph(nodes, {"boxes": ["n", len(boxes), 4], "scores": ["n", len(scores), 7]}, constant)


def _add(kernel: np.ndarray, part: Any, total: float) -> None:
    kernel[part] += total / kernel[part].size


def _member(weight: float, slope: float, offsets: list[float]) -> dict[str, Any]:
    return {"weight": weight, "slope": slope, "offsets": offsets}


def _graph(nodes: list[onnx.NodeProto], outputs: Mapping[str, list[Any]], constants: Mapping[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes, "tiny", [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["n", 1, ROWS, COLUMNS])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _pack(folder: Path, task: str, evidence: str, settings: Mapping[str, Any], graphs: Mapping[str, bytes]) -> Bundle:
    kept = {name: value for name, value in settings.items() if value is not None}
    kept["members"] = {name: {"network": name, **row} for name, row in kept["members"].items()}
    manifest = Manifest(task=task, name=task, version="0.0.1", evidence=evidence, trained_on="nothing: made by hand for tests",
                        licence="MIT", networks={name: NetworkFile(f"{name}.onnx") for name in graphs}, settings=kept)
    contents = {"card.md": b"# Card\n", **{f"{name}.onnx": data for name, data in graphs.items()}}
    return write_bundle(folder, manifest, contents)
