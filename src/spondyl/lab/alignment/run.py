"""From films with corners to a bundle: two networks a fold, the gate, what the folds say of each other; every finished piece is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from spondyl.core import InputError
from spondyl.core.identity import content_hash
from spondyl.lab.alignment.cases import Case, OnStep, folds_of
from spondyl.lab.alignment.pack import pack
from spondyl.lab.alignment.pieces import GATE_FOLD, fit_piece, piece_file, teaching
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.recipe import check_config
from spondyl.lab.spread import keep, spread

COHORT = "cohort.json"
"""Stands in a folder that the digital spine made."""
DIGITAL = "the digital spine"


def train(recipe: AlignmentRecipe, data: Path, run: Path, on_step: OnStep) -> None:
    """Do what the run folder does not hold yet; its `bundle/` is ready to use at the end.

    Raises:
        InputError: The data set cannot be used, or the run was begun with another recipe or data set.
    """
    if (data / COHORT).is_file():  # drawn films say nothing of patients, whatever the recipe says
        recipe = replace(recipe, evidence="in-silico", trained_on=DIGITAL, attribution="")
    run.mkdir(parents=True, exist_ok=True)
    check_config(recipe, run / "config.json", free=("jobs",))
    keep(run / "config.json", (json.dumps({**asdict(recipe), "torch": torch.__version__}, indent=1) + "\n").encode())
    cases = teaching(recipe, data, on_step)
    _check_data(run, cases)
    calls = [(kind, fold, str(run), str(data), recipe.drawn_data) for kind in ("detector", "corners") for fold in range(recipe.folds)]
    calls.append(("gate", GATE_FOLD, str(run), str(data), recipe.drawn_data))
    calls = [call for call in calls if not piece_file(run, call[0], call[1]).exists()]
    for done in spread(recipe.jobs, fit_piece, calls):
        on_step("Teaching networks", done, len(calls))
    if not (run / "bundle").exists():
        half_done = run / "bundle.part"
        shutil.rmtree(half_done, ignore_errors=True)
        pack(recipe, run, cases, folds_of(cases, recipe.folds, recipe.seed), half_done, on_step)
        half_done.replace(run / "bundle")


def _check_data(run: Path, cases: Sequence[Case]) -> None:
    """Let a run go on only with the data set that it began with."""
    file = run / "data.json"
    now = json.dumps({"films": len(cases), "sha256": content_hash("\n".join(sorted(case.image for case in cases)).encode())})
    if file.exists() and file.read_text("utf-8") != now:
        raise InputError("run-data-differs", "the run was begun with another data set",
                         "Name that one, or begin a new run without --resume")
    keep(file, now.encode())
