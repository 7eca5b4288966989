"""The pieces of a run, each one call that can be repeated: what is finished is kept, what was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spondyl.core import InputError
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.detect import DetectPlan, fit_detector
from spondyl.lab.films.ensemble import fit_votes
from spondyl.lab.films.fit import MEMBER_FILE, FitPlan, fit_member, load_member
from spondyl.lab.films.gate import GatePlan, fit_gate
from spondyl.lab.films.heads import head_of
from spondyl.lab.films.pieces import Pieces
from spondyl.lab.films.plan import START_SUM
from spondyl.lab.films.recipe import FilmRecipe, member_names
from spondyl.metrics.logistic import logit, sigmoid
from spondyl.tasks.films.votes import STUDENT

OnStep = Callable[[str, int, int], None]
DETECTOR, GATE = "detector", "gate"
PIECES = "pieces"
"""Folder, in a network's own, of what it learnt on pieces."""
TEACHER_FILE = "teacher.npy"
WHOLE_SHARE, WHOLE_RATE = 3, 0.3
"""On whole films a detector takes a third as many at once as pieces, at that share of the rate."""
BATCH = 32
"""Films that a teacher is asked about at once."""


def fit_network(recipe: FilmRecipe, caches: Mapping[str, FilmCache], run: Path, name: str, on_step: OnStep = lambda *_: None) -> Path:
    """Train one network of a run: a member by its name, STUDENT, DETECTOR or GATE. Returns its folder."""
    folder = folder_of(run, name)
    if name == DETECTOR:
        return _fit_detector(detect_plan(recipe, run), recipe.detector_whole_epochs, caches[DETECTOR], folder, on_step)
    if name == GATE:
        return fit_gate(caches[GATE], folder, on_step, gate_plan(recipe))
    plan = student_plan(recipe, run / TEACHER_FILE) if name == STUDENT else member_plan(recipe, name)
    if name == STUDENT:
        teach(recipe, caches["film"], run, on_step)
    if name == STUDENT and recipe.student_start:
        plan = replace(plan, start=folder_of(run, recipe.student_start) / "weights.pt")
        return fit_member(plan, caches["film"], folder, on_step)
    plan = replace(plan, start=_start(recipe, plan.network, name))
    if recipe.piece_rows and not learns_on_pieces(recipe, caches["film"]):
        on_step(f"{name} learns on whole films alone: no film to learn from has both something to find and boxes", 0, 0)
        plan = replace(plan, epochs=recipe.piece_epochs + plan.epochs)
    elif recipe.piece_rows:
        first = fit_member(piece_plan(recipe, plan), caches["film"], folder / PIECES, on_step)
        plan = replace(plan, start=first / "weights.pt")
    return fit_member(plan, caches["film"], folder, on_step)


def _fit_detector(plan: DetectPlan, whole: int, cache: FilmCache, folder: Path, on_step: OnStep) -> Path:
    """The detector's folder: taught on pieces where the plan says so, and then on whole films for `whole` epochs.

    A piece has edges where a film has none, and hardly shows a film's own corners and letters.
    """
    if not (plan.pieces and whole):
        return fit_detector(plan, cache, folder, on_step)
    first = fit_detector(plan, cache, folder / PIECES, on_step)
    share = max(1, plan.batch // (WHOLE_SHARE * plan.devices)) * plan.devices
    return fit_detector(replace(plan, pieces=None, epochs=whole, lr=plan.lr * WHOLE_RATE, batch=share, start=first / "weights.pt"),
                        cache, folder, on_step)  # fmt: skip


def learns_on_pieces(recipe: FilmRecipe, cache: FilmCache) -> bool:
    """Whether there is anything to learn on pieces: without the boxes of one film that has something on it, every piece would be normal."""
    return bool(recipe.piece_rows) and any(cache.films[place].boxes and cache.films[place].target for place in cache.places("train"))


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
        threads=recipe.threads, loaders=recipe.loaders,
    )  # fmt: skip


def check_start(recipe: FilmRecipe) -> None:
    """Nothing, where each member and the student find what they are to begin with.

    Raises:
        InputError: `start-missing`.
    """
    for name, network in {**recipe.networks, **({STUDENT: recipe.student} if recipe.student else {})}.items():
        _start(recipe, network, name)


def _start(recipe: FilmRecipe, network: str, name: str) -> Path | None:
    """Weights of a finished member of that architecture in the run that the recipe begins with: of its namesake, or of the first.

    Raises:
        InputError: `start-missing` where that is not a run, or has no such member.
    """
    if not recipe.start:
        return None
    run = Path(recipe.start)
    if not (run / "config.json").is_file():
        raise InputError("start-missing", "the run to begin with has no config.json", "Name the folder of a run in `start`")
    architectures = json.loads((run / "config.json").read_text("utf-8"))["members"]
    same = [own for own, kind in zip(member_names(architectures), architectures, strict=True) if kind == network]
    same.sort(key=lambda own: own != name)
    files = [run / "members" / own / "weights.pt" for own in same]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise InputError("start-missing", f"the run to begin with has no finished member of the architecture {network}",
                         "Finish that run, name another in `start`, or leave it empty to begin from scratch")  # fmt: skip
    return found


def began_with(recipe: FilmRecipe, run: Path) -> dict[str, Any]:
    """{"run": the folder's name, "networks": {name: SHA-256 of its first weights, None where that was not kept}}; nothing from scratch."""
    if not recipe.start:
        return {}
    names = [*recipe.networks, *([STUDENT] if recipe.student else [])]
    return {"run": Path(recipe.start).name, "networks": {name: _first_weights(folder_of(run, name)) for name in names}}


def _first_weights(folder: Path) -> str | None:
    first = folder / PIECES if (folder / PIECES / MEMBER_FILE).is_file() else folder
    plan: dict[str, Any] = json.loads((first / MEMBER_FILE).read_text("utf-8"))["plan"]
    return plan.get(START_SUM)


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
        seed=recipe.seed * 100 + 98, devices=recipe.devices, threads=recipe.threads, loaders=recipe.loaders, pieces=_pieces(recipe),
        start=start, precision=recipe.precision,
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
    logits = {name: _answers(folder_of(run, name), cache, recipe.precision, on_step) for name in recipe.networks}
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


def _answers(folder: Path, cache: FilmCache, precision: str, on_step: OnStep) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Logits (films, K) of one network."""
    net = load_member(folder).to(memory_format=torch.channels_last)
    rows = []
    for start in range(0, len(cache.films), BATCH):
        films = torch.from_numpy(cache.pixels[start : start + BATCH, None].astype(np.float32) / np.float32(65535))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            rows.append(net(films.contiguous(memory_format=torch.channels_last))[0].double().numpy())
        on_step(f"Asking {folder.name} for the student", min(start + BATCH, len(cache.films)), len(cache.films))
    return np.concatenate(rows)
