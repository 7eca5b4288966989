"""The networks of a run, one file a network: fitted by any process, kept whole."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from torch import nn

from spondyl.core import InputError
from spondyl.lab.alignment.cases import Case, OnStep, folds_of, read_cases
from spondyl.lab.alignment.fit import fit_corner_net, fit_detector, new_corner_net, new_detector
from spondyl.lab.alignment.gate import fit_gate, new_gate
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.recipe import kept_recipe
from spondyl.lab.spread import keep
from spondyl.models.corner_net import CornerNet
from spondyl.models.density_nets import PlacedNet
from spondyl.models.locator import Locator

DRAWN_LAYOUT = "aasce"
GATE_FOLD = 0
"""The fold whose films the gate never sees, so that it can be judged by them."""
FEWEST_GROUPS = 2
"""Groups of films that a fold needs."""


def teaching(recipe: AlignmentRecipe, data: Path, on_step: OnStep) -> list[Case]:
    """The films that may teach: those of the split "train", or all where the data set has none.

    Raises:
        InputError: `too-few-patients`, or the data set cannot be used.
    """
    cases = [case for case in read_cases(recipe.layout, data, on_step) if case.split in ("train", None)]
    groups = len({case.group for case in cases})
    if groups < FEWEST_GROUPS * recipe.folds:
        raise InputError("too-few-patients", f"{groups} groups of films are too few for {recipe.folds} folds",
                         "Bring more films, or choose fewer folds")
    return cases


def fit_piece(kind: str, fold: int, run: str, data: str, drawn_data: str) -> None:
    """One network, kept as `<kind>-<fold>.pt` in the run's folder; how it went is in `<kind>-<fold>.json`."""
    recipe = kept_recipe(AlignmentRecipe, Path(run))
    cases = teaching(recipe, Path(data), _quiet)
    folds = folds_of(cases, recipe.folds, recipe.seed)
    taught = [case for case, own in zip(cases, folds, strict=True) if own != fold]
    if drawn_data and recipe.drawn_share:
        taught += [case for case in read_cases(DRAWN_LAYOUT, Path(drawn_data), _quiet, drawn=True) if case.split == "train"]
    fits = {"detector": fit_detector, "corners": fit_corner_net}

    def say(_: str, epoch: int, epochs: int) -> None:
        keep(Path(run) / f"{kind}-{fold}.json", json.dumps({"epoch": epoch, "epochs": epochs}).encode())

    net: nn.Module = fit_gate(taught, recipe, say) if kind == "gate" else fits[kind](taught, recipe, recipe.seed + 10 * fold, say)
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    keep(piece_file(Path(run), kind, fold), buffer.getvalue())


def load_detector(recipe: AlignmentRecipe, run: Path, fold: int) -> Locator:
    """Of a finished piece."""
    net = new_detector(recipe)
    net.load_state_dict(torch.load(piece_file(run, "detector", fold), weights_only=True))
    return net.eval()


def load_corner_net(recipe: AlignmentRecipe, run: Path, fold: int) -> CornerNet:
    """Of a finished piece."""
    net = new_corner_net(recipe)
    net.load_state_dict(torch.load(piece_file(run, "corners", fold), weights_only=True))
    return net.eval()


def load_gate(recipe: AlignmentRecipe, run: Path) -> PlacedNet:
    """Of a finished piece."""
    net = new_gate(recipe)
    net.load_state_dict(torch.load(piece_file(run, "gate", GATE_FOLD), weights_only=True))
    return net.eval()


def piece_file(run: Path, kind: str, fold: int) -> Path:
    """Where a network is kept."""
    return run / f"{kind}-{fold}.pt"


def _quiet(*_: object) -> None:
    """Nobody listens to a piece."""

