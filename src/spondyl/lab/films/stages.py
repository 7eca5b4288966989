"""The pieces of a run, each one call that can be repeated: what is finished is kept, what was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spondyl.core import InputError
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.detect import DetectPlan, fit_detector
from spondyl.lab.films.ensemble import fit_votes
from spondyl.lab.films.fit import FitPlan, fit_member, load_member
from spondyl.lab.films.gate import GatePlan, fit_gate
from spondyl.lab.films.heads import head_of
from spondyl.lab.films.pieces import Pieces
from spondyl.lab.films.recipe import FilmRecipe, member_names
from spondyl.metrics.logistic import logit, sigmoid
from spondyl.tasks.films.votes import STUDENT

OnStep = Callable[[str, int, int], None]
DETECTOR, GATE = "detector", "gate"
PIECES = "pieces"
"""Folder, in a network's own, of what it learnt on pieces."""
TEACHER_FILE = "teacher.npy"
BATCH = 32
"""Films that a teacher is asked about at once."""


def fit_network(recipe: FilmRecipe, caches: Mapping[str, FilmCache], run: Path, name: str, on_step: OnStep = lambda *_: None) -> Path:
    """Train one network of a run: a member by its name, STUDENT, DETECTOR or GATE. Returns its folder."""
    folder = folder_of(run, name)
    if name == DETECTOR:
        return fit_detector(detect_plan(recipe, run), caches[DETECTOR], folder, on_step)
    if name == GATE:
        return fit_gate(caches[GATE], folder, on_step, gate_plan(recipe))
    plan = student_plan(recipe, run / TEACHER_FILE) if name == STUDENT else member_plan(recipe, name)
    plan = replace(plan, start=_start(recipe, plan.network, name))
    if recipe.piece_rows:
        first = fit_member(piece_plan(recipe, plan), caches["film"], folder / PIECES, on_step)
        plan = replace(plan, start=first / "weights.pt")
    return fit_member(plan, caches["film"], folder, on_step)


def folder_of(run: Path, name: str) -> Path:
    """Where a network of a run is kept."""
    return run / name if name in (STUDENT, DETECTOR, GATE) else run / "members" / name


def member_plan(recipe: FilmRecipe, name: str) -> FitPlan:
    """How a member is trained. Members have seeds of their own, so that two of one kind differ."""
    number = list(recipe.networks).index(name)
    return FitPlan(
        task=recipe.task, network=recipe.networks[name], pool=recipe.pool, stride=recipe.stride or None, dropout=recipe.dropout,
        pretrained=recipe.pretrained, epochs=recipe.epochs, head_epochs=recipe.head_epochs, lr=recipe.lr, body_lr=recipe.body_lr,
        layer_decay=recipe.layer_decay, weight_decay=recipe.weight_decay, batch=recipe.batch, sampling=recipe.sampling,
        class_weights=recipe.class_weights, flip=recipe.flip, mixup=recipe.mixup, place_weight=recipe.place_weight, average=recipe.average,
        precision=recipe.precision, patience=recipe.patience, watch=recipe.watch, seed=recipe.seed * 100 + number, devices=recipe.devices,
        threads=recipe.threads,
    )  # fmt: skip


def _start(recipe: FilmRecipe, network: str, name: str) -> Path | None:
    """Weights of a finished member of that architecture in the run that the recipe begins with: of its namesake, or of the first."""
    run = Path(recipe.start) if recipe.start else None
    if run is None or not (run / "config.json").is_file():
        if run is not None:
            raise InputError("start-missing", "the run to begin with has no config.json", "Name the folder of a run in `start`")
        return None
    architectures = json.loads((run / "config.json").read_text("utf-8"))["members"]
    same = [own for own, kind in zip(member_names(architectures), architectures, strict=True) if kind == network]
    same.sort(key=lambda own: own != name)
    files = [run / "members" / name / "weights.pt" for name in same]
    return next((file for file in files if file.is_file()), None)


def piece_plan(recipe: FilmRecipe, plan: FitPlan) -> FitPlan:
    """How a network is taught on pieces before it sees whole films."""
    return replace(plan, pieces=_pieces(recipe), epochs=recipe.piece_epochs, batch=recipe.piece_batch, lr=recipe.piece_lr,
                   head_epochs=0, mixup=0.0, patience=0, teacher=None)


def student_plan(recipe: FilmRecipe, teacher: Path) -> FitPlan:
    """How the student learns from the ensemble's answers: as a member otherwise."""
    plan = member_plan(recipe, next(iter(recipe.networks)))
    return replace(plan, network=recipe.student, epochs=recipe.student_epochs, head_epochs=min(recipe.head_epochs, recipe.student_epochs),
                   seed=recipe.seed * 100 + 99, teacher=teacher, teacher_weight=recipe.teacher_weight)


def detect_plan(recipe: FilmRecipe, run: Path) -> DetectPlan:
    """How the detector is trained: as members are, on pieces where there are any, and from the body of a member where one is named."""
    start = folder_of(run, recipe.detector_start) / "weights.pt" if recipe.detector_start else None
    return DetectPlan(
        detector=recipe.detector, epochs=recipe.detector_epochs, lr=recipe.detector_lr, batch=recipe.detector_batch, flip=recipe.flip,
        seed=recipe.seed * 100 + 98, devices=recipe.devices, threads=recipe.threads, pieces=_pieces(recipe), start=start,
        precision=recipe.precision,
    )  # fmt: skip


def _pieces(recipe: FilmRecipe) -> Pieces | None:
    return Pieces(recipe.piece_rows, recipe.piece_columns, recipe.pieces, recipe.piece_seek) if recipe.piece_rows else None


def gate_plan(recipe: FilmRecipe) -> GatePlan:
    """How the gate is trained."""
    return GatePlan(size=recipe.gate_size, low=recipe.low, high=recipe.high, steps=recipe.gate_steps, each=recipe.gate_each,
                    least=recipe.gate_least, seed=recipe.seed * 100 + 97, threads=recipe.threads)


def teach(recipe: FilmRecipe, cache: FilmCache, run: Path, on_step: OnStep) -> Path:
    """What the ensemble says of every film, as logits (films, K), for the student; kept in the run.

    Members are weighed as on validation (or as the recipe gives it), and their probabilities averaged.
    """
    file = run / TEACHER_FILE
    if file.exists():
        return file
    logits = {name: _answers(folder_of(run, name), cache, on_step) for name in recipe.networks}
    val = cache.places("val")
    truth = np.array([cache.films[place].target for place in val], np.int64)
    asked = 1 if recipe.task == "xray-lesions" else head_of(recipe.task).outputs
    given = None if isinstance(recipe.weights, str) else recipe.weights
    rows = fit_votes({name: values[val, :asked] for name, values in logits.items()}, truth, given)["members"]
    mean = sum(rows[name]["weight"] * sigmoid(values) for name, values in logits.items())
    half_done = file.with_suffix(".part.npy")
    np.save(half_done, logit(np.asarray(mean, np.float64)).astype(np.float32))
    half_done.replace(file)
    return file


def _answers(folder: Path, cache: FilmCache, on_step: OnStep) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Logits (films, K) of one network."""
    net = load_member(folder)
    rows = []
    for start in range(0, len(cache.films), BATCH):
        films = torch.from_numpy(cache.pixels[start : start + BATCH, None].astype(np.float32) / np.float32(65535))
        with torch.inference_mode():
            rows.append(net(films)[0].double().numpy())
        on_step(f"Asking {folder.name} for the student", min(start + BATCH, len(cache.films)), len(cache.films))
    return np.concatenate(rows)
