"""The gate: what is a density picture of a spine and what is not, taught by genuine pictures, by what can go wrong with them, and by drawn
pictures of other things. No picture of a person is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.core import Image, Refusal
from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.views import built, film_of
from spondyl.inference import Engine
from spondyl.lab.dxa.cases import TOP, Case, OnStep
from spondyl.lab.dxa.fit import plain
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.dxa.views import again, draw_look
from spondyl.lab.fit_loop import fit_loop
from spondyl.models.density_nets import PlacedNet
from spondyl.phantom import draw_subject, render_xray
from spondyl.phantom.dxa_others import DXA_KINDS, draw_dxa_other
from spondyl.phantom.dxa_turned import inverted, on_its_side, photographed, report_with, upside_down
from spondyl.tasks.dxa_osteoporosis.gate import KINDS, LEAST_SCAN, REFUSALS, admit, check_image
from spondyl.tasks.dxa_osteoporosis.looking import cut
from spondyl.tasks.dxa_osteoporosis.space import Frames

WIDTHS = (16, 24, 32, 48, 56)
BATCH = 48
KIND_OF = {"hip_dxa": "hip", "forearm_dxa": "hip", "body_dxa": "hip", "xray_lateral": "radiograph", "xray_whole_spine": "radiograph",
           "chest": "chest", "report_page": "report", "photo": "photo"}
"""Kinds of drawn pictures that have a name of their own; the others are "other"."""
ORDER = Order("vindr", 0, scale=Scale(fine_mm=1.4, trunk_mm=4.0, film_mm=0.8))
VIEWS = ("ap", "lateral")
Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture in the scan's frame, uint16, and which of KINDS it is; `name` says more finely what it is."""

    framed: NDArray[np.uint16]
    kind: str
    name: str


def draw_shown(cases: Sequence[Case], recipe: DensityRecipe, on_step: OnStep) -> list[Shown]:
    """What the gate learns from, in its frame; what is refused before the gate is left out."""
    found: list[Shown] = []
    for pixels, kind, name in draw_pictures(cases, recipe.seed, recipe.gate_each, recipe.gate_subjects, on_step):
        try:
            scan = cut(pixels, recipe.frames)
        except Refusal:
            continue
        if scan.panel.share >= LEAST_SCAN:
            found.append(Shown(np.rint(scan.framed * TOP).astype(np.uint16), kind, name))
    return found


def draw_pictures(cases: Sequence[Case], seed: int, each: int, subjects: int, on_step: OnStep) -> Iterator[tuple[Pixels, str, str]]:
    """(float32 picture, kind, name): genuine pictures, each also changed in one of the ways that can happen, `each` of every drawn kind,
    and both radiographs of some subjects. The same arguments give the same pictures; another seed gives other ones."""
    rng = np.random.default_rng(seed)
    for case in cases:
        yield case.pixels, "spine", "spine"
        kind, change = _changes(rng)[int(rng.integers(5))]
        yield change(np.rint(case.pixels * 255).astype(np.uint8)).astype(np.float32) / np.float32(255), kind, kind
    for number, name in enumerate(sorted(DXA_KINDS), start=1):
        for _ in range(each):
            yield np.ascontiguousarray(draw_dxa_other(rng, name), np.float32), KIND_OF.get(name, "other"), name
        on_step("Drawing pictures to refuse", number, len(DXA_KINDS) + subjects)
    for number in range(subjects):
        for view, film in _films(rng):
            yield film, "radiograph", f"radiograph_{view}"
        on_step("Drawing pictures to refuse", len(DXA_KINDS) + number + 1, len(DXA_KINDS) + subjects)


def gate_figures(cases: Sequence[Case], engine: Engine, seed: int, each: int, subjects: int, on_step: OnStep) -> dict[str, dict[str, int]]:
    """By name of what is drawn: how many, how many the task lets in, and how many are refused as what they are."""
    settings = engine.bundle.settings
    frames = Frames.of(settings["frames"])
    table: dict[str, dict[str, int]] = {}
    for pixels, kind, name in draw_pictures(cases, seed, each, subjects, on_step):
        row = table.setdefault(name, {"drawn": 0, "let_in": 0, "named": 0})
        row["drawn"] += 1
        try:
            check_image(Image("", pixels))
            admit(cut(pixels, frames), engine, settings["gate"])
        except Refusal as reason:
            row["named"] += kind in REFUSALS and reason.code == REFUSALS[kind][0]
        else:
            row["let_in"] += 1
    return table


def _changes(rng: np.random.Generator) -> list[tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]]:
    return [("inverted", inverted), ("upside_down", upside_down), ("on_its_side", lambda p: on_its_side(p, bool(rng.random() < 0.5))),
            ("photo", lambda p: photographed(p, rng)), ("report", lambda p: report_with(p, rng))]


def _films(rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Both radiographs of one subject."""
    spec = draw_subject(rng, "vindr")
    volume = built(spec, ORDER.scale)
    for view in VIEWS:
        film = render_xray(volume, film_of(rng, spec, view, ORDER))
        yield view, film.shown.astype(np.float32) / np.float32(2**film.acquisition.bits - 1)


def gate_net(recipe: DensityRecipe) -> PlacedNet:
    """A gate with random weights."""
    return PlacedNet(len(KINDS), recipe.scan, WIDTHS, stride=2)


def fit_gate(shown: Sequence[Shown], recipe: DensityRecipe, on_step: OnStep) -> PlacedNet:
    """Every other picture of a batch is genuine; they are seen through other display windows, so that the window is no sign."""
    torch.manual_seed(recipe.seed + 2)
    net = gate_net(recipe)
    labels = np.array([KINDS.index(one.kind) for one in shown])
    names = np.array([one.name for one in shown])
    weights = np.array([1 / (names == one.name).sum() for one in shown])
    weights[np.isin(names, KINDS)] *= 2.0
    genuine = labels == 0
    weights[genuine] *= 0.8 * weights[~genuine].sum() / weights[genuine].sum()
    steps = max(2 * len(shown) // BATCH, 1)

    def batches(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(4, epoch)))
        for _ in range(steps):
            rows = rng.choice(len(shown), BATCH, p=weights / weights.sum())
            drawn = [again(plain(shown[i].framed), draw_look(rng, recipe.scan, 0.5, flip=shown[i].kind != "on_its_side")) for i in rows]
            yield torch.from_numpy(np.stack(drawn)[:, None]), torch.from_numpy(labels[rows])

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, wanted)

    fit_loop(net, batches, loss, recipe.gate_epochs, steps, 3e-3, lambda epoch: on_step("Teaching the gate", epoch, recipe.gate_epochs))
    return net
