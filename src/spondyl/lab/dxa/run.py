"""From DXA folders to a bundle: parts, located spines, members fold by fold, stack, student; every finished piece is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spondyl.core import InputError
from spondyl.core.identity import content_hash
from spondyl.inference import Engine, open_engine
from spondyl.lab.dxa.cases import Case, OnStep, folds_of, read_cases, share_of
from spondyl.lab.dxa.fitted import UNCALIBRATED, calibration
from spondyl.lab.dxa.located import Located, load, locate
from spondyl.lab.dxa.nested import Odds, fit_members, odds_without
from spondyl.lab.dxa.pack import pack
from spondyl.lab.dxa.pieces import FEWEST, make_parts, teachers
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.stack import Nested, judge
from spondyl.lab.recipe import check_config
from spondyl.lab.spread import keep
from spondyl.metrics.bone_density import CLASSES
from spondyl.tasks.dxa_osteoporosis.space import Frames

TWO_CLASS = "osteopenia"
"""The class that folders of two classes do not have."""
TAUGHT = ("train", "val", None)
"""Splits that may teach; `test` is never read here."""


def train(recipe: DensityRecipe, data: Path, run: Path, on_step: OnStep) -> None:
    """Do what the run folder does not hold yet; its `bundle/` is ready to use at the end.

    Raises:
        InputError: The data set cannot be used, or the run was begun with another recipe or data set.
    """
    run.mkdir(parents=True, exist_ok=True)
    check_config(recipe, run / "config.json", free=("jobs", "parts_data"))
    keep(run / "config.json", (json.dumps({**asdict(recipe), "torch": torch.__version__}, indent=1) + "\n").encode())
    torch.set_num_threads(1)
    cases, others = read_parts(recipe, data, on_step)
    _check_data(run, cases)
    parts = make_parts(recipe, others, run, on_step)
    frames = Frames.of(parts.settings["frames"])
    recipe = replace(recipe, scan=frames.scan, spine=frames.spine, vertebra=frames.vertebra)
    engine = open_engine(parts, precision="f32")
    _located(recipe, cases, engine, run, on_step)
    fit_members(recipe, run, on_step)
    if not (run / "bundle").exists():
        half_done = run / "bundle.part"
        shutil.rmtree(half_done, ignore_errors=True)
        outer = outer_odds(recipe, run)
        found = nested(recipe, run, outer, on_step)
        pack(recipe, run, cases, others, found, out_of_fold(np.load(run / "folds.npy"), outer), half_done, on_step)
        half_done.replace(run / "bundle")


def read_parts(recipe: DensityRecipe, data: Path, on_step: OnStep) -> tuple[list[Case], list[Case]]:
    """(cases for members, cases for gate, locator and judges), which share no patient.

    Raises:
        InputError: `too-few-patients`, or the data set cannot be used.
    """
    found = read_cases(recipe.layout, data, TAUGHT, on_step)
    if recipe.parts_data:
        mine = {case.patient for case in found} | {case.image for case in found}
        others = read_cases(recipe.layout, Path(recipe.parts_data), TAUGHT, on_step)
        others = [case for case in others if not {case.patient, case.image} & mine]
        if not teachers(others):
            raise InputError("too-few-patients", f"parts_data has fewer than {FEWEST} patients whose vertebrae are known",
                             "Make that cohort larger, or leave parts_data out")
        return found, others
    cases = [case for case in found if share_of(case, "parts", recipe.seed) >= recipe.parts_share]
    others = [case for case in found if share_of(case, "parts", recipe.seed) < recipe.parts_share]
    if not teachers(others):
        cases, others = found, []
    for label, name in enumerate(CLASSES):
        count, needed = len({case.patient for case in cases if case.label == label}), 3 * (recipe.folds + 1)
        if count < needed and (count or name != TWO_CLASS):
            said = f"{count} patients are of class {name}, at least {needed} are needed for {recipe.folds} folds and a calibration part"
            raise InputError("too-few-patients", said, "Bring more patients, or choose fewer folds")
    return cases, others


def _check_data(run: Path, cases: Sequence[Case]) -> None:
    """Let a run go on only with the data set that it began with."""
    file = run / "data.json"
    now = json.dumps({"pictures": len(cases), "sha256": content_hash("\n".join(sorted(case.image for case in cases)).encode())})
    if file.exists() and file.read_text("utf-8") != now:
        raise InputError("run-data-differs", "the run was begun with another data set",
                         "Name that one, or begin a new run without --resume")
    keep(file, now.encode())


def _located(recipe: DensityRecipe, cases: Sequence[Case], engine: Engine, run: Path, on_step: OnStep) -> None:
    """located.npz, and for its rows labels, folds and patients."""
    if (run / "patients.npy").exists():
        return
    data = locate(cases, engine, on_step)
    data.save(run / "located.npz")
    chosen = [cases[int(k)] for k in data.index]
    np.save(run / "labels.npy", np.array([case.label for case in chosen], np.int64))
    np.save(run / "folds.npy", folds_of(chosen, recipe.folds, recipe.calibration_share, recipe.seed))
    folds = np.load(run / "folds.npy")
    fitted = calibration(chosen, data, folds < recipe.folds) or engine.bundle.settings.get("calibration") or UNCALIBRATED
    keep(run / "calibration.json", json.dumps(fitted).encode())
    np.save(run / "patients.npy", np.array([case.patient for case in chosen], np.str_))


def arrays(run: Path) -> tuple[Located, NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
    """(located cases, labels, folds, patients) of a run."""
    return load(run / "located.npz"), np.load(run / "labels.npy"), np.load(run / "folds.npy"), np.load(run / "patients.npy")


def outer_odds(recipe: DensityRecipe, run: Path) -> dict[int, Odds]:
    """By outer fold, votes on every case by fits that did not see that fold."""
    data, labels, folds, _ = arrays(run)
    return {i: odds_without((i,), recipe, run, data, labels, folds) for i in range(recipe.folds)}


def nested(recipe: DensityRecipe, run: Path, outer: Mapping[int, Odds], on_step: OnStep) -> Nested:
    """What the outer folds say of the stack and its members."""
    data, labels, folds, patients = arrays(run)
    inner: dict[int, Odds] = {}
    pairs: dict[tuple[int, int], Odds] = {}
    for i in range(recipe.folds):
        inner[i] = {name: np.zeros_like(table) for name, table in outer[i].items()}
        for j in range(recipe.folds):
            if j == i:
                continue
            pair = (min(i, j), max(i, j))
            if pair not in pairs:
                pairs[pair] = odds_without(pair, recipe, run, data, labels, folds)
            for name, table in pairs[pair].items():
                inner[i][name][folds == j] = table[folds == j]
        on_step("Judging outer folds", i + 1, recipe.folds)
    return judge(outer, inner, labels, folds, patients, recipe.seed)


def out_of_fold(folds: NDArray[np.int64], outer: Mapping[int, Odds]) -> Odds:
    """Votes of fits that did not see the case's own fold: what the stack that ships learns from."""
    table: dict[str, NDArray[Any]] = {}
    for i, odds in outer.items():
        for name, said in odds.items():
            table.setdefault(name, np.zeros_like(said))[folds == i] = said[folds == i]
    return table
