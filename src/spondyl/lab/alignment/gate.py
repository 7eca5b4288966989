"""The gate: what is a frontal film of a spine and what is not, taught by the films, by what can go wrong with them, and by drawn pictures
of other things. No other picture of a person is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spondyl.core import Image, Refusal
from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.views import built, film_of
from spondyl.imaging import Letterbox, compose
from spondyl.inference import Engine
from spondyl.lab.alignment.cases import Case, OnStep, prepared
from spondyl.lab.alignment.recipe import AlignmentRecipe
from spondyl.lab.alignment.views import FilmLook, plan_greys, seen_film
from spondyl.lab.fit_loop import fit_loop
from spondyl.models.density_nets import PlacedNet
from spondyl.phantom import draw_subject, render_xray
from spondyl.phantom.dxa_others import DXA_KINDS, draw_dxa_other
from spondyl.phantom.others import KINDS as FILM_OTHERS
from spondyl.phantom.others import draw_other
from spondyl.tasks.films.selecting import check_content
from spondyl.tasks.xray_alignment.frames import film_frame, reduced, scaled
from spondyl.tasks.xray_alignment.gate import KINDS, REFUSALS, admit, check_film

WIDTHS = (16, 16, 32, 48, 48)
BATCH = 32
SPINE_SHARE, TURNED_SHARE = 0.45, 0.25
"""Of what the gate is shown: spines, and spines the wrong way; strangers are the rest, each kind as often, and each name of a kind."""
CUT = 0.3
NO_STRANGERS = ("xray_ap", "xray_whole_spine", "collage", "body_dxa", "report_page")
"""Kinds that are, or hold, a spine from the front."""
KIND_OF = {"hip_dxa": "pelvis", "xray_lateral": "lateral", "chest": "chest", "photo": "photo", "face": "photo", "landscape": "photo",
           "street": "photo"}
"""Kinds of drawn pictures that have a name of their own; the others are "other"."""
ORDER = Order("vindr", 0, scale=Scale(fine_mm=1.4, trunk_mm=4.0, film_mm=0.8))
TURNS = ("inverted", "upside_down", "on_its_side")
Pixels = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture of known kind, 0..1 and beyond as it is served; `name` says more finely what it is."""

    pixels: NDArray[np.float16]
    kind: str
    name: str


def turned(pixels: Pixels, kind: str, rng: np.random.Generator) -> Pixels:
    """A film the wrong way: one of TURNS."""
    if kind == "inverted":
        return np.float32(1) - pixels
    if kind == "upside_down":
        return pixels[::-1, ::-1] if rng.random() < 0.5 else pixels[::-1]
    return np.rot90(pixels, 1 if rng.random() < 0.5 else 3)


def draw_strangers(seed: int, each: int, on_step: OnStep) -> Iterator[tuple[Pixels, str, str]]:
    """(float32 picture, kind, name): `each` of every drawn kind, and films from the side of so many digital spines, whole and lumbar."""
    rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(3,)))
    drawers: dict[str, Callable[[str], Pixels]] = {name: lambda name: np.asarray(draw_other(rng, name), np.float32) for name in FILM_OTHERS}
    drawers |= {name: lambda name: np.asarray(draw_dxa_other(rng, name), np.float32) for name in DXA_KINDS if name not in FILM_OTHERS}
    names = sorted(name for name in drawers if name not in NO_STRANGERS)
    for number, name in enumerate(names, start=1):
        for _ in range(each):
            yield drawers[name](name), KIND_OF.get(name, "other"), name
        on_step("Drawing pictures to refuse", number, len(names) + each)
    for number in range(each):
        tall, short = draw_subject(rng, "scoliosis"), draw_subject(rng, "vindr")
        whole = film_of(rng, tall, "lateral", ORDER, "whole_spine")
        yield _film(render_xray(built(tall, ORDER.scale, whole_spine=True), whole)), "lateral", "whole_spine_lateral"
        yield _film(render_xray(built(short, ORDER.scale), film_of(rng, short, "lateral", ORDER))), "lateral", "lumbar_lateral"
        on_step("Drawing pictures to refuse", len(names) + number + 1, len(names) + each)


def _film(film: object) -> Pixels:
    shown, bits = film.shown, film.acquisition.bits  # type: ignore[attr-defined]  # a Film of the digital spine
    return np.asarray(shown, np.float32) / np.float32(2**bits - 1)


def ready(pixels: Pixels) -> NDArray[np.float16]:
    """A picture as it is served, kept small."""
    return scaled(reduced(np.ascontiguousarray(pixels, np.float32))[0]).astype(np.float16)


def new_gate(recipe: AlignmentRecipe) -> PlacedNet:
    """With random weights."""
    return PlacedNet(len(KINDS), recipe.gate, WIDTHS, stride=2)


def fit_gate(cases: Sequence[Case], recipe: AlignmentRecipe, on_step: OnStep) -> PlacedNet:
    """Taught by films, films the wrong way, and drawn strangers."""
    torch.manual_seed(recipe.seed + 2)
    net = new_gate(recipe)
    films = [prepared(case).astype(np.float16) for case in cases]
    strangers: dict[str, dict[str, list[Shown]]] = {}
    for pixels, kind, name in draw_strangers(recipe.seed, recipe.gate_each, on_step):
        strangers.setdefault(kind, {}).setdefault(name, []).append(Shown(ready(pixels), kind, name))
    steps = max(2 * len(films) // BATCH, 1)

    def one(rng: np.random.Generator) -> tuple[Pixels, NDArray[np.int64]]:
        share = rng.random()
        if share < SPINE_SHARE + TURNED_SHARE:
            pixels, kind = films[int(rng.integers(len(films)))].astype(np.float32), "spine"
            if share > SPINE_SHARE:
                kind = TURNS[int(rng.integers(3))]
                pixels = turned(pixels, kind, rng)
        else:
            chosen = _any(rng, _any(rng, strangers[_any(rng, sorted(strangers))].values()))
            pixels, kind = chosen.pixels.astype(np.float32), chosen.kind
        picture = seen_film(pixels, _look(rng, (pixels.shape[0], pixels.shape[1]), recipe.gate))
        return picture[None], np.array(KINDS.index(kind))

    def batches(epoch: int) -> Iterator[tuple[Tensor, ...]]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(4, epoch)))
        for _ in range(steps):
            yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*(one(rng) for _ in range(BATCH)), strict=True))

    def loss(logits: Tensor, kinds: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, kinds, label_smoothing=0.02)

    fit_loop(net, batches, loss, recipe.gate_epochs, steps, 3e-3,
             lambda epoch: on_step("Teaching the gate", epoch, recipe.gate_epochs), half=recipe.half)
    return net


def _any(rng: np.random.Generator, things: Iterable[T]) -> T:
    """One of them, each as likely."""
    chosen = tuple(things)
    return chosen[int(rng.integers(len(chosen)))]


def _look(rng: np.random.Generator, film: tuple[int, int], shape: tuple[int, int]) -> FilmLook:
    base = film_frame(film, shape)
    zoom, angle = float(np.exp(rng.uniform(-0.15, 0.3))), np.radians(rng.normal(0, 5))
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([shape[1], shape[0]]) / 2
    around = np.column_stack([linear, middle - linear @ middle + rng.uniform(-0.08, 0.08, 2) * [shape[1], shape[0]]])
    top, bottom = 0.0, float(film[0])
    if rng.random() < CUT:
        top, bottom = (float(rng.uniform(0, 0.4)) * film[0], bottom) if rng.random() < 0.5 else (0.0, float(rng.uniform(0.6, 1)) * film[0])
    frame = Letterbox(compose(base.to_source, around), shape)
    return FilmLook(frame, bool(rng.random() < 0.5), (top, bottom), np.zeros((0, 5)), plan_greys(rng))


def gate_figures(cases: Sequence[Case], engine: Engine, seed: int, each: int, on_step: OnStep) -> dict[str, dict[str, int]]:
    """By name of what is shown: how many, how many the task lets in, and how many are refused as what they are.

    Args:
        cases: Films that the gate has not seen.
        seed, each: Of the drawn strangers: another seed than that of the training.
    """
    rng = np.random.default_rng(seed)
    table: dict[str, dict[str, int]] = {}

    def ask(pixels: Pixels, kind: str, name: str) -> None:
        row = table.setdefault(name, {"shown": 0, "let_in": 0, "named": 0})
        row["shown"] += 1
        pixels = np.ascontiguousarray(pixels, np.float32)
        try:
            image = Image("", pixels)
            check_content(image)
            check_film(image)
            admit(scaled(reduced(pixels)[0]), engine, engine.bundle.settings["gate"], tuple(engine.bundle.settings["frames"]["gate"]))
        except Refusal as reason:
            row["named"] += kind in REFUSALS and reason.code == REFUSALS[kind][0]
        else:
            row["let_in"] += 1

    for case in cases:
        ask(case.plain, "spine", "film")
        for kind in TURNS:
            ask(turned(case.plain, kind, rng), kind, f"film_{kind}")
    for pixels, kind, name in draw_strangers(seed, each, on_step):
        ask(pixels, kind, name)
    return table
