"""Density scans of the digital spine, spines of plain boxes, maps drawn from known corners, and a bundle that says what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from datasets.cohorts import SMALL
from spondyl.core import Image
from spondyl.core.identity import pixel_hash
from spondyl.datasets.making.views import built, sketch
from spondyl.imaging import Letterbox
from spondyl.inference import Engine, Manifest, NetworkFile, open_engine, write_bundle
from spondyl.phantom import draw_subject
from spondyl.phantom.measured import SubjectTruth, measure_subject
from spondyl.phantom.rays import DxaAcquisition, DxaScan, draw_dxa, render_dxa
from spondyl.phantom.rays.dxa_picture import picture
from spondyl.phantom.spec import SubjectSpec
from spondyl.phantom.spec_parts import ImplantSpec
from spondyl.phantom.volume import Volume
from spondyl.tasks.dxa_osteoporosis.locate import STRIDE, UNIT
from spondyl.tasks.dxa_osteoporosis.space import NAMES, Frames, Vertebra

Grey = NDArray[np.float32]
FRAMES = Frames()
WORDS = ("L1 0.812", "L2 0.845", "BMD 0.829", "T -1.90")


def grey(shown: NDArray[np.uint8]) -> Grey:
    """0..1, as the reader gives it."""
    return shown.astype(np.float32) / np.float32(255)


def image(pixels: Grey, **changes: object) -> Image:
    return Image(pixel_hash(pixels), pixels, **changes)  # type: ignore[arg-type]


@cache
def patient(seed: int, metal: str = "") -> Volume:
    """A coarse digital patient without metal, or with screws of that metal through L3 and L4."""
    spec: SubjectSpec = draw_subject(np.random.default_rng(seed), "dxa")
    implants = (ImplantSpec("screws", spec.lumbar - 4, spec.lumbar - 3, metal),) if metal else ()
    return built(replace(spec, trunk=replace(spec.trunk, implants=implants, foreign=())), SMALL)


@cache
def truth(seed: int) -> SubjectTruth:
    return measure_subject(patient(seed))


def acquisition(seed: int, view: int = 0, style: str = "train", metal: str = "") -> DxaAcquisition:
    """A drawn acquisition of that patient, without captions."""
    return replace(draw_dxa(np.random.default_rng(view), sketch(patient(seed, metal).spec), style), text=False)


@cache
def scan(seed: int, view: int = 0, style: str = "train", metal: str = "") -> DxaScan:
    return render_dxa(patient(seed, metal), acquisition(seed, view, style, metal))


def captioned(own: DxaScan, words: Sequence[str] = WORDS) -> NDArray[np.uint8]:
    """The same scan as a console shows it with captions below."""
    return picture(own.bmd, own.soft, replace(own.acquisition, text=True), words)


def true_vertebrae(seed: int, own: DxaScan) -> tuple[Vertebra, ...]:
    """Where the vertebrae of that patient lie on a scan, from the highest down."""
    found = []
    for one in reversed(truth(seed).vertebrae):
        corners = own.projection.to_pixels(np.array(one.coronal_mm))[[0, 1, 3, 2]]
        x, y = corners.mean(axis=0)
        if one.name in NAMES and 0 <= x < own.projection.columns and 0 <= y < own.projection.rows:
            found.append(Vertebra(one.name, corners))
    return tuple(found)


def boxes(names: Sequence[str] = NAMES[2:6], top: tuple[float, float] = (80.0, 30.0), step: tuple[float, float] = (0.0, 30.0),
          size: tuple[float, float] = (40.0, 22.0)) -> tuple[Vertebra, ...]:
    """Vertebrae of one size, evenly spaced along a line that begins at `top` (x, y); each stands across the line."""
    down = np.array(step) / np.hypot(*step)
    across = np.array([down[1], -down[0]])
    middles = [np.array(top) + k * np.array(step) for k in range(len(names))]
    shape = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    return tuple(Vertebra(name, middle + shape[:, :1] * size[0] * across + shape[:, 1:] * size[1] * down)
                 for name, middle in zip(names, middles, strict=True))


def shifted(one: Vertebra, dx: float, dy: float) -> Vertebra:
    return Vertebra(one.name, one.corners + np.array([dx, dy]), one.score)


def maps_of(found: Sequence[Vertebra], frame: Letterbox, sure: Mapping[str, Mapping[str, float]] | None = None) -> Grey:
    """What a perfect locator says: a bell a vertebra, and the way from each cell to its corners.

    Args:
        sure: By the name of a vertebra, how likely it thinks which names; itself alone where it is not told.
    """
    rows, columns = frame.shape[0] // STRIDE, frame.shape[1] // STRIDE
    maps = np.zeros((len(NAMES) + 8, rows, columns), np.float32)
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    for one in found:
        corners = frame.forward(one.corners)
        middle = corners.mean(axis=0) / STRIDE
        bell = 0.9 * np.exp(-((x - middle[0]) ** 2) / 5 - ((y - middle[1]) ** 2) / 1.6)
        for name, share in (sure or {}).get(one.name, {one.name: 1.0}).items():
            channel = NAMES.index(name)
            maps[channel] = np.maximum(maps[channel], share * bell)
        near = (np.abs(x - middle[0]) < 2.5) & (np.abs(y - middle[1]) < 1.5)
        for k, corner in enumerate(corners):
            for axis, cells in enumerate((x, y)):
                maps[len(NAMES) + 2 * k + axis][near] = ((corner[axis] - cells * STRIDE) / UNIT)[near]
    return maps


def told_engine(folder: Path, says: Mapping[str, tuple[str, str, NDArray[np.float32]]]) -> Engine:
    """An engine of constant networks: by network (input, output, what it says of any picture, without the batch)."""
    graphs = {f"{name}.onnx": _constant(*row) for name, row in says.items()}
    manifest = Manifest(task="dxa-osteoporosis", name="told", version="0.0.1", evidence="in-silico", trained_on="nothing", licence="MIT",
                        networks={name: NetworkFile(f"{name}.onnx") for name in says}, settings={"frames": FRAMES.as_dict()})
    return open_engine(write_bundle(folder, manifest, {"card.md": b"# Card\n", **graphs}), "onnxruntime")


def _constant(source: str, output: str, values: NDArray[np.float32]) -> bytes:
    fixed = np.asarray(values, np.float32)[None]
    constants = {"fixed": fixed, "zero": np.float32([0]), "shape": np.array([-1] + [1] * values.ndim, np.int64)}
    nodes = [helper.make_node("GlobalAveragePool", [source], ["mean"]), helper.make_node("Reshape", ["mean", "shape"], ["flat"]),
             helper.make_node("Mul", ["flat", "zero"], ["nothing"]), helper.make_node("Add", ["nothing", "fixed"], [output])]
    graph = helper.make_graph(
        nodes, "told", [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", 1, "rows", "columns"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", *values.shape])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
