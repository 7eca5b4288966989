"""The bundle: two networks a fold, the gate, and the settings that the folds choose for each other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.inference import Bundle, Engine, Manifest, NetworkFile, open_engine, write_bundle
from spondyl.inference.calibration import softmax
from spondyl.lab.alignment.asking import ask
from spondyl.lab.alignment.card import card
from spondyl.lab.alignment.cases import Case, OnStep, prepared
from spondyl.lab.alignment.fitted import FIRST, fit_settings
from spondyl.lab.alignment.pieces import GATE_FOLD, load_corner_net, load_detector, load_gate
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.alignment.twins import unjudged
from spondyl.lab.onnx_export import to_onnx
from spondyl.tasks.xray_alignment.gate import framed
from spondyl.tasks.xray_alignment.reading import CORNERS, DETECTOR

DIGITAL = ", and the digital spine"
GATE_LEAST, GATE_SURE, DOUBTED = 0.2, 0.9, 0.02
"""Probability of a spine to pass [O]; below the second at most, or what so large a share of unseen films stays below, it is doubtful."""


def pack(recipe: AlignmentRecipe, run: Path, cases: Sequence[Case], folds: NDArray[np.int64], out: Path, on_step: OnStep) -> Bundle:
    """Everything the task needs, in one folder."""
    contents, networks = _graphs(recipe, run)
    seen = {case.image: int(fold) for case, fold in zip(cases, folds, strict=True)}
    first: dict[str, Any] = {**FIRST, "frames": recipe.frames.as_dict(), "gate": {"least": GATE_LEAST, "sure": GATE_SURE},
                             "strengths": list(recipe.strengths), "seed": recipe.seed}
    taught_on = recipe.trained_on + (DIGITAL if recipe.drawn_data else "")
    manifest = Manifest(task=recipe.task, name=recipe.task, version=recipe.version, evidence=recipe.evidence, trained_on=taught_on,
                        licence=recipe.licence, attribution=recipe.attribution, research_only=recipe.research_only, networks=networks,
                        settings=first, training_images=seen)
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_bundle(Path(folder) / "first", manifest, {**contents, "card.md": b"-"})
        engine = open_engine(bundle, precision="f32")
        asked = ask(cases, folds.tolist(), engine, on_step)
        told = [film for film, twin in zip(asked, unjudged(cases, folds.tolist()), strict=True) if not twin]
        settings = {**first, **fit_settings(told, recipe.strengths), "gate": _gate(engine, recipe, cases, folds)}
    about = {"films": len(cases), "groups": len({case.group for case in cases}),
             "recipe": {**asdict(recipe), "drawn_data": bool(recipe.drawn_data)}}
    metrics = {"task": recipe.task, "evidence": recipe.evidence, "validation": about}
    manifest = replace(manifest, settings=settings, metrics=metrics)
    return write_bundle(out, manifest, {**contents, "card.md": card(manifest.as_dict(), metrics).encode()})


def _gate(engine: Engine, recipe: AlignmentRecipe, cases: Sequence[Case], folds: NDArray[np.int64]) -> dict[str, float]:
    """Where doubt begins, by films that the gate has not seen."""
    held = [case for case, fold in zip(cases, folds, strict=True) if fold == GATE_FOLD]
    films = np.stack([framed(prepared(case), recipe.gate) for case in held])[:, None]
    spine = softmax(engine.run("gate", {"film": films})["logits"])[:, 0]
    return {"least": GATE_LEAST, "sure": round(float(np.clip(np.quantile(spine, DOUBTED), GATE_LEAST, GATE_SURE)), 4)}


def _graphs(recipe: AlignmentRecipe, run: Path) -> tuple[dict[str, bytes], Mapping[str, NetworkFile]]:
    torch.manual_seed(0)
    film, crop, small = (torch.rand(1, 1, *shape) for shape in (recipe.film, recipe.vertebra, recipe.gate))
    graphs: dict[str, bytes] = {}
    networks: dict[str, NetworkFile] = {}
    for fold in range(recipe.folds):
        for name, graph in ((f"{DETECTOR}{fold}", to_onnx(load_detector(recipe, run, fold), film, "film", ["maps"])),
                            (f"{CORNERS}{fold}", to_onnx(load_corner_net(recipe, run, fold), crop, "vertebra", ["chances"]))):
            graphs[f"{name}.onnx"] = graph
            networks[name] = NetworkFile(f"{name}.onnx", unseen_folds=(fold,))
    graphs["gate.onnx"] = to_onnx(load_gate(recipe, run), small, "film", ["logits"])
    return graphs, {**networks, "gate": NetworkFile("gate.onnx", unseen_folds=(GATE_FOLD,))}
