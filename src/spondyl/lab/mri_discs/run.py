"""From a folder of data to trained weights: stages in order, folds in parallel, every finished piece kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch

from spondyl.lab.mri_discs import stages
from spondyl.lab.mri_discs.data import Cohort, read_cohort
from spondyl.lab.mri_discs.gate import Picture, phantom_pictures
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.recipe import check_config
from spondyl.lab.spread import keep, spread
from spondyl.models.gate import Gate
from spondyl.models.grader import Grader
from spondyl.models.locator import Locator
from spondyl.tasks.mri_discs.answers import OUTPUTS
from spondyl.tasks.mri_discs.chain import Disc
from spondyl.tasks.mri_discs.gate import POSES, SEQUENCES

OnStep = Callable[[str, int, int], None]
"""Called with what is being done, how many are finished, and how many there are."""


def train(recipe: Recipe, data: Path, run: Path, on_step: OnStep = lambda *_: None) -> None:
    """Train what the run folder does not hold yet. Interrupted runs go on where they stopped.

    Args:
        recipe: What to train.
        data: Root of the data set.
        run: Folder of the run; gets config.json, *.pt and found.json.
        on_step: Progress.
    """
    run.mkdir(parents=True, exist_ok=True)
    check_config(recipe, run / "config.json")
    (run / "config.json").write_text(json.dumps({**asdict(recipe), "torch": torch.__version__}, indent=1) + "\n")
    folds = range(recipe.folds)
    _spread(recipe, data, run, "locator", [(k,) for k in folds], on_step)
    if not (run / "found.json").exists():
        cohort = read_cohort(recipe.layout, data, recipe.folds, recipe.seed)
        found = stages.located(recipe, cohort, [load_locator(run, k) for k in folds])
        keep(run / "found.json", json.dumps([[asdict(disc) for disc in discs] for discs in found]).encode())
    _spread(recipe, data, run, "grader", [*recipe.pairs], on_step)
    _spread(recipe, data, run, "gate", [(k,) for k in folds], on_step)


def load_locator(run: Path, fold: int) -> Locator:
    """A trained locator."""
    net = Locator()
    net.load_state_dict(torch.load(run / f"locator-{fold}.pt", weights_only=True))
    return net.eval()


def load_gate(run: Path, fold: int) -> Gate:
    """A trained gate."""
    net = Gate(len(POSES) + len(SEQUENCES))
    net.load_state_dict(torch.load(run / f"gate-{fold}.pt", weights_only=True))
    return net.eval()


def load_grader(run: Path, recipe: Recipe, pair: tuple[int, int]) -> Grader:
    """A trained grader."""
    net = Grader(OUTPUTS, (recipe.grader_width, 2 * recipe.grader_width, 4 * recipe.grader_width))
    net.load_state_dict(torch.load(run / f"grader-{pair[0]}{pair[1]}.pt", weights_only=True))
    return net.eval()


def _spread(recipe: Recipe, data: Path, run: Path, kind: str, keys: Sequence[tuple[int, ...]], on_step: OnStep) -> None:
    """Train the missing networks of one kind in `recipe.jobs` processes of one thread."""
    missing = [key for key in keys if not _file(run, kind, key).exists()]
    on_step(f"Training the {kind}s", len(keys) - len(missing), len(keys))
    for done in spread(recipe.jobs, _train_one, [(recipe, data, run, kind, key) for key in missing]):
        on_step(f"Training the {kind}s", len(keys) - len(missing) + done, len(keys))


def _file(run: Path, kind: str, key: tuple[int, ...]) -> Path:
    return run / f"{kind}-{''.join(map(str, key))}.pt"


def _train_one(recipe: Recipe, data: Path, run: Path, kind: str, key: tuple[int, ...]) -> None:
    """One network of one kind, kept when it is finished."""
    cohort = _cohort(recipe.layout, data, recipe.folds, recipe.seed)
    net: torch.nn.Module
    if kind == "gate":
        net = stages.train_gate(recipe, cohort, _phantoms(recipe, run), key[0])
    elif kind == "locator":
        net = stages.train_locator(recipe, cohort, key[0])
    else:
        found = [[Disc(**disc) for disc in discs] for discs in json.loads((run / "found.json").read_text())]
        net = stages.train_grader(recipe, cohort, stages.examples(recipe, cohort, found), (key[0], key[1]))
    file = _file(run, kind, key)
    half_done = file.with_suffix(f".{os.getpid()}.part")
    torch.save(net.state_dict(), half_done)
    half_done.replace(file)


@cache
def _cohort(layout: str, data: Path, folds: int, seed: int) -> Cohort:
    return read_cohort(layout, data, folds, seed)


@cache
def _phantoms(recipe: Recipe, run: Path) -> list[Picture]:
    """The digital spine's pictures, drawn by the first process that wants them and kept in the run."""
    file = run / "phantoms.npz"
    if not file.exists():
        pictures = phantom_pictures(recipe.gate_phantoms, recipe.gate_others, recipe.seed + 7)
        half_done = run / f"phantoms-{os.getpid()}.part.npz"
        np.savez(
            half_done,
            pixels=np.stack([p.pixels for p in pictures]),
            lumbar=np.array([p.lumbar for p in pictures]),
            sequence=np.array([p.sequence for p in pictures]),
        )
        half_done.replace(file)
    with np.load(file) as kept:
        rows = zip(kept["pixels"], kept["lumbar"].tolist(), kept["sequence"].tolist(), strict=True)
        return [Picture(pixels, lumbar, sequence) for pixels, lumbar, sequence in rows]
