"""The bundle of parts: locator, judge of vertebrae, fixed ResNet features and gate, fitted once on patients of their own."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spondyl.inference import Bundle, Manifest, NetworkFile, Shelf, read_bundle, write_bundle
from spondyl.lab.dxa.cases import TOP, Case, OnStep
from spondyl.lab.dxa.fit import cumulative, fit_net
from spondyl.lab.dxa.gate import draw_shown, fit_gate, gate_net
from spondyl.lab.dxa.parts import fit_locator, fit_vertebra_net, located, new_locator, vertebra_net
from spondyl.lab.dxa.recipe import DensityRecipe
from spondyl.lab.onnx_export import to_onnx
from spondyl.lab.spread import spread
from spondyl.models.density_nets import create
from spondyl.tasks.dxa_osteoporosis.gate import KINDS
from spondyl.tasks.dxa_osteoporosis.space import spine_frame
from spondyl.tasks.dxa_osteoporosis.trust import REASONS

NAMES = ("gate", "vertebra", "locator", "resnet50")
"""The longest fit first."""
FEWEST = 150
"""Patients that teach the parts, at the least: with fewer, those of another bundle do better."""


def parts_folder(run: Path) -> Path:
    """Where a run keeps the bundle of its parts: two folders deep, so that nobody who names the run finds it beside the finished bundle."""
    return run / "pieces" / "parts"


def make_parts(recipe: DensityRecipe, cases: Sequence[Case], run: Path, on_step: OnStep) -> Bundle:
    """The bundle of parts: fitted on these cases, or taken over where they do not do.

    Raises:
        NotFoundError, BundleError: There is no bundle to take them from.
    """
    folder = parts_folder(run)
    if folder.exists():
        return read_bundle(folder)
    known = teachers(cases)
    half_done = folder.with_name("parts.part")
    shutil.rmtree(half_done, ignore_errors=True)
    if not known:
        source = Path(recipe.parts_from)
        bundle = read_bundle(source) if source.is_dir() else Shelf().bundle(recipe.parts_from)
        _take_over(bundle, half_done)
    else:
        _fit_all(recipe, known, run, on_step)
        _pack(recipe, known, run, half_done)
    half_done.replace(folder)
    return read_bundle(folder)


def teachers(cases: Sequence[Case]) -> list[Case]:
    """The cases that can teach the parts: those whose vertebrae are known, FEWEST or none."""
    known = [case for case in cases if case.truth and case.panel is not None]
    return known if len({case.patient for case in known}) >= FEWEST else []


def _take_over(bundle: Bundle, out: Path) -> None:
    """The parts of a whole bundle, with all its settings and without its members."""
    networks = {name: bundle.network(name) for name in NAMES}
    contents = {file: bundle.read(file) for file in {one.file for one in networks.values()}}
    settings = {**bundle.settings, "parts_taken_from": f"{bundle.note.name} {bundle.note.version} ({bundle.note.evidence})"}
    write_bundle(out, replace(bundle.manifest, networks=networks, settings=settings, metrics={}), {**contents, "card.md": b"parts\n"})


def _fit_all(recipe: DensityRecipe, cases: Sequence[Case], run: Path, on_step: OnStep) -> None:
    store = run / "parts-cases.pickle"  # our own file in our own run, read back by our own processes only
    store.write_bytes(pickle.dumps(list(cases)))
    left = [(name, recipe, run) for name in NAMES if not (run / f"{name}.pt").exists()]
    for done in spread(min(recipe.jobs, max(len(left), 1)), fit_part, left) if left else ():
        on_step("Fitting gate, locator and judges", done, len(left))
    store.unlink()


def fit_part(name: str, recipe: DensityRecipe, run: Path) -> None:
    """Fit one of NAMES on the kept cases; leaves <name>.pt."""
    cases: list[Case] = pickle.loads((run / "parts-cases.pickle").read_bytes())
    quiet: OnStep = lambda *_: None  # noqa: E731
    net: nn.Module
    if name == "locator":
        net = fit_locator(cases, recipe, quiet)
    elif name == "vertebra":
        net = fit_vertebra_net(cases, recipe, quiet)
    elif name == "gate":
        net = fit_gate(draw_shown(cases, recipe, quiet), recipe, quiet)
    else:
        pictures = np.stack([_true_spine(case, recipe) for case in cases])
        labels = np.array([case.label for case in cases])
        net = fit_net("resnet50", recipe.resnet_width, pictures, cumulative(labels), epochs=recipe.resnet_epochs, lr=recipe.lr,
                      batch=recipe.batch, seed=recipe.seed)
    torch.save(net.state_dict(), run / f"{name}.part")
    (run / f"{name}.part").replace(run / f"{name}.pt")


def _true_spine(case: Case, recipe: DensityRecipe) -> np.ndarray:
    frame = spine_frame(located(case), recipe.spine)
    return np.asarray(np.rint(frame.sample(case.scan) * TOP), np.uint16)


def _pack(recipe: DensityRecipe, cases: Sequence[Case], run: Path, out: Path) -> None:
    torch.manual_seed(0)
    scan, spine, vertebra = (torch.rand(1, 1, *shape) for shape in (recipe.scan, recipe.spine, recipe.vertebra))
    nets: Mapping[str, tuple[nn.Module, torch.Tensor, str, list[str]]] = {
        "gate": (gate_net(recipe), scan, "scan", ["logits"]),
        "locator": (new_locator(), scan, "scan", ["maps"]),
        "vertebra": (vertebra_net(recipe), vertebra, "vertebra", ["logits"]),
        "resnet50": (create("resnet50", 2, recipe.resnet_width), spine, "spine", ["logits", "cam", "features"]),
    }
    contents: dict[str, bytes] = {"card.md": b"parts\n"}
    for name, (net, example, entry, outputs) in nets.items():
        net.load_state_dict(torch.load(run / f"{name}.pt", map_location="cpu", weights_only=True))
        contents[f"{name}.onnx"] = to_onnx(net, example, entry, outputs)
    settings: dict[str, Any] = {"frames": recipe.frames.as_dict(), "kinds": list(KINDS), "reasons": list(REASONS)}
    networks = {name: NetworkFile(f"{name}.onnx") for name in nets}
    seen = {case.image: 0 for case in cases}
    manifest = Manifest(task=recipe.task, name=f"{recipe.task}-parts", version=recipe.version, evidence=recipe.evidence,
                        trained_on=recipe.trained_on, licence=recipe.licence, attribution=recipe.attribution, networks=networks,
                        settings=settings, training_images=seen)
    write_bundle(out, manifest, contents)

