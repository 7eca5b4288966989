"""Cases as the members see them, made by the engine that serves: spines upright, measured features, vertebrae, densities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.core import Image, Refusal
from spondyl.datasets.file_pixels import MAX_INFLATED, MAX_PIXELS
from spondyl.dicom.frames import read_dicom
from spondyl.inference import Engine
from spondyl.lab.dxa.cases import TOP, Case, OnStep
from spondyl.metrics.bone_density import REGION
from spondyl.tasks.dxa_osteoporosis.density import Pair, pair_of, raw_measures
from spondyl.tasks.dxa_osteoporosis.features import features_of
from spondyl.tasks.dxa_osteoporosis.looking import Scan, Spine, cut, find_spine
from spondyl.tasks.dxa_osteoporosis.space import Frames, Vertebra, curvature_deg
from spondyl.tasks.dxa_osteoporosis.trust import REASONS

MISSING = np.nan


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Cases whose spines were found, in arrays of n.

    Attributes:
        index: Place in the list of cases.
        spine: uint16 (n, rows, columns) of the spine's frame.
        scan: uint16 (n, rows, columns) of the scan's frame.
        features: float32 (n, F), densities unknown.
        trust: float32 (n, 4, reasons): logits of each of L1 to L4; NaN where it was not found.
        measured: float64 (n, 4, 3): raw areal density, excess ratio and pixels of each of L1 to L4 on the calibrated pair; NaN without.
        confidence: (n,) of the names.
        curve: (n,) coronal curvature in degrees.
        deep: float32 (n, d): features of the fixed ResNet.
        refused: By place in the list of cases, the code.
    """

    index: NDArray[np.int64]
    spine: NDArray[np.uint16]
    scan: NDArray[np.uint16]
    features: NDArray[np.float32]
    trust: NDArray[np.float32]
    measured: NDArray[np.float64]
    confidence: NDArray[np.float64]
    curve: NDArray[np.float64]
    deep: NDArray[np.float32]
    refused: dict[int, str]

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Located:
        """Some of them."""
        parts = {name: getattr(self, name)[chosen] for name in ARRAYS}
        return Located(**parts, refused={})

    def save(self, file: Path) -> None:
        """To a file that `load` reads."""
        half_done = file.with_suffix(".part.npz")
        np.savez(half_done, **{name: getattr(self, name) for name in ARRAYS},
                 refused=json.dumps({str(k): code for k, code in self.refused.items()}))
        half_done.replace(file)


ARRAYS = ("index", "spine", "scan", "features", "trust", "measured", "confidence", "curve", "deep")


def load(file: Path) -> Located:
    """What `Located.save` wrote."""
    with np.load(file) as stored:
        refused = {int(k): str(code) for k, code in json.loads(str(stored["refused"])).items()}
        return Located(**{name: stored[name] for name in ARRAYS}, refused=refused)


def locate(cases: Sequence[Case], engine: Engine, on_step: OnStep) -> Located:
    """Every case through the networks that come first, as serving does it."""
    settings = engine.bundle.settings
    rows: list[tuple[object, ...]] = []
    refused: dict[int, str] = {}
    for index, case in enumerate(cases):
        try:
            scan = cut(case.pixels, Frames.of(settings["frames"]))
            spine = find_spine(scan, engine, settings)
        except Refusal as reason:
            refused[index] = reason.code
            continue
        rows.append((index, *_row(case, scan, spine, engine)))
        if index % 50 == 49 or index + 1 == len(cases):
            on_step("Finding vertebrae", index + 1, len(cases))
    arrays = {name: np.stack([np.asarray(row[k]) for row in rows]) for k, name in enumerate(ARRAYS)}
    return Located(**arrays, refused=refused)


def _row(case: Case, scan: Scan, spine: Spine, engine: Engine) -> tuple[object, ...]:
    names = list(spine.regions)
    trust = np.full((len(REGION), len(REASONS)), MISSING, np.float32)
    said = engine.run("vertebra", {"vertebra": spine.vertebrae[:, None]})["logits"]
    for name, row in zip(names, said, strict=True):
        trust[REGION.index(name)] = row
    deep = engine.run("resnet50", {"spine": spine.framed[None, None]})["features"][0]
    features = features_of(spine.framed, spine.frame, spine.found.vertebrae)
    return (np.rint(spine.framed * TOP).astype(np.uint16), np.rint(scan.framed * TOP).astype(np.uint16), features, trust,
            measured_of(case, spine.found.vertebrae), spine.found.confidence, curvature_deg(spine.found.vertebrae), deep)


def measured_of(case: Case, found: Sequence[Vertebra]) -> NDArray[np.float64]:
    """(4, 3): raw density, excess ratio and pixels of each of L1 to L4, as found on the picture; NaN without a pair."""
    table = np.full((len(REGION), 3), MISSING)
    pair = read_pair(case.raw) if case.raw is not None else None
    if pair is None:
        return table
    spacing = pair.low.spacing_mm
    assert spacing is not None
    for name, values in raw_measures(pair, found, float(np.mean(spacing))).items():
        table[REGION.index(name)] = values
    return table


def read_pair(path: Path) -> Pair | None:
    """The calibrated pair of a DICOM file."""
    _, frames = read_dicom(path.read_bytes(), MAX_PIXELS, MAX_INFLATED)
    images = [Image("", frame.pixels, frame.spacing_mm, frame.spacing_source, beam=frame.beam) for frame in frames]
    return pair_of(images)
