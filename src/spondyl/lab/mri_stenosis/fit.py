"""One member: fitted unweighted, for probabilities, on an accelerator where there is one. A stopped fit goes on after its last epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spondyl.lab.mri_stenosis.batches import Batch, Levels, batches, joined, plain
from spondyl.lab.mri_stenosis.cases import load
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.mri_stenosis.splitting import kept, split
from spondyl.lab.schedule import one_cycle
from spondyl.models.stenosis_net import StenosisNet

WEIGHT_DECAY = 0.02
LARGEST_GRADIENT = 2.0
ASK = 40
"""Levels that are asked at once."""


def network_of(recipe: StenosisRecipe) -> StenosisNet:
    """A network of the recipe's size."""
    return StenosisNet(recipe.width, recipe.features, recipe.token)


def fit_member(recipe: StenosisRecipe, run: Path, member: int, threads: int = 1) -> None:
    """Fit member number `member` on the cases of a run; leaves member-<k>.pt and member-<k>.json (its curve)."""
    torch.set_num_threads(threads)
    taught, held = (joined(load(files), recipe.targets) for files in split(kept(run / "cases"), recipe.val_share, recipe.seed))
    torch.manual_seed(recipe.seed * 100 + member)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = _fresh(recipe, taught).to(device)
    size = min(5 * recipe.batch, len(taught))
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=WEIGHT_DECAY)
    schedule = one_cycle(optimiser, recipe.epochs * (len(taught) // size))
    state, curve = _last(run, member, device)
    if state:
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
    for epoch in range(len(curve), recipe.epochs):
        began = time.perf_counter()
        rng = np.random.default_rng(np.random.SeedSequence(entropy=recipe.seed, spawn_key=(member, epoch)))
        losses = _epoch(net, batches(taught, recipe.plan, recipe.margin, recipe.drop, size, rng), recipe, optimiser, schedule)
        curve.append({"epoch": epoch + 1, **losses, **validate(net, held, recipe), "seconds": round(time.perf_counter() - began, 1)})
        _keep(run, member, {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}, curve)
    torch.save(net.state_dict(), run / f"member-{member}.part")
    (run / f"member-{member}.part").replace(run / f"member-{member}.pt")


def _fresh(recipe: StenosisRecipe, taught: Levels) -> StenosisNet:
    """A network that knows nothing but the mean size of a sac."""
    net = network_of(recipe).to(memory_format=torch.channels_last)
    have = np.isfinite(taught.sizes).all(axis=1)
    if have.any():
        bias = net.sizes[-1].bias
        assert isinstance(bias, Tensor)
        with torch.no_grad():
            bias.copy_(torch.from_numpy(taught.sizes[have].mean(axis=0)))
    return net


def _epoch(net: StenosisNet, taught: Iterable[Batch], recipe: StenosisRecipe, optimiser: torch.optim.Optimizer,
           schedule: torch.optim.lr_scheduler.LambdaLR) -> dict[str, float]:
    net.train()
    device = next(net.parameters()).device
    sums: dict[str, float] = {}
    steps = 0
    for batch in (drawn.to(device) for drawn in taught):
        parts = losses_of(net(*batch.inputs), batch)
        loss = parts["grade"] + recipe.point_weight * parts["point"] + recipe.size_weight * parts["size"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        torch.nn.utils.clip_grad_norm_(net.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        steps += 1
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
    return {f"train_{name}": round(value / max(steps, 1), 5) for name, value in sums.items()}


def losses_of(outputs: tuple[Tensor, Tensor, Tensor, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of the grades and of the marks over the maps, and the error of the sizes' logarithms; unknown ones left out."""
    logits, sagittal_maps, axial_maps, sizes = outputs
    known = batch.targets.sum(dim=2)
    grade = -(batch.targets * logits.log_softmax(dim=2)).sum() / known.sum().clamp(min=1)
    point = logits.new_zeros(())
    for scores, marks in ((sagittal_maps, batch.sagittal_marks), (axial_maps, batch.axial_marks)):
        flat, wanted = scores.flatten(2), marks.flatten(2)
        shown = wanted.sum(dim=2)
        point = point - (wanted * flat.log_softmax(dim=2)).sum() / shown.sum().clamp(min=1)
    have = torch.isfinite(batch.sizes)
    size = torch.nn.functional.smooth_l1_loss(sizes[have], batch.sizes[have], beta=0.1) if have.any() else logits.new_zeros(())
    return {"grade": grade, "point": point, "size": size}


def validate(net: StenosisNet, held: Levels, recipe: StenosisRecipe) -> dict[str, float]:
    """Log loss of the read grades and, where it is known, of the truth; error of the sizes."""
    logits, sizes = ask(net, held, recipe)
    said = torch.from_numpy(logits).log_softmax(dim=2).numpy()
    figures: dict[str, float] = {}
    for name, labels in (("read", held.grades), ("truth", held.truth)):
        known = labels >= 0
        if known.any():
            right = np.take_along_axis(said, np.clip(labels, 0, 2)[..., None].astype(np.int64), axis=2)[..., 0]
            for part, columns in (("canal", slice(0, 1)), ("foramen", slice(1, 3)), ("recess", slice(3, 5))):
                own = known[:, columns]
                figures[f"val_{name}_{part}"] = round(float(-right[:, columns][own].mean()), 4)
    have = np.isfinite(held.sizes[:, 0])
    if have.any():
        figures["val_area_error"] = round(float(np.abs(np.exp(sizes[have, 0] - held.sizes[have, 0]) - 1).mean()), 4)
    return figures


def ask(net: StenosisNet, held: Levels, recipe: StenosisRecipe) -> tuple[np.ndarray, np.ndarray]:
    """Logits (M, 5, 3) and sizes (M, 2) of all levels, as serving shows them."""
    net.eval()
    device = next(net.parameters()).device
    logits, sizes = [], []
    with torch.no_grad():
        for start in range(0, len(held), ASK):
            rows = np.arange(start, min(start + ASK, len(held)))
            out = net(*(tensor.to(device) for tensor in plain(held, rows, recipe.plan, recipe.margin)))
            logits.append(out[0].cpu().numpy())
            sizes.append(out[3].cpu().numpy())
    return np.concatenate(logits), np.concatenate(sizes)


def _last(run: Path, member: int, device: torch.device) -> tuple[Mapping[str, Any] | None, list[dict[str, float]]]:
    """The state after the last whole epoch, and the curve so far."""
    state, curve = run / f"member-{member}.state", run / f"member-{member}.json"
    if not state.exists() or not curve.exists():
        return None, []
    body = torch.load(state, map_location=device, weights_only=True)
    rows: list[dict[str, float]] = json.loads(curve.read_text("utf-8"))
    return body, rows[: body["epochs"]]


def _keep(run: Path, member: int, state: Mapping[str, Any], curve: list[dict[str, float]]) -> None:
    file = run / f"member-{member}.json"
    file.with_suffix(".part").write_text(json.dumps(curve, indent=1) + "\n", "utf-8")
    file.with_suffix(".part").replace(file)
    half_done = run / f"member-{member}.state.part"
    torch.save({**state, "epochs": len(curve)}, half_done)
    half_done.replace(run / f"member-{member}.state")


def load_member(recipe: StenosisRecipe, run: Path, member: int) -> StenosisNet:
    """A fitted member."""
    net = network_of(recipe)
    net.load_state_dict(torch.load(run / f"member-{member}.pt", map_location="cpu", weights_only=True))
    return net.eval()


def described(recipe: StenosisRecipe) -> dict[str, Any]:
    """The recipe as config.json keeps it."""
    return {**asdict(recipe), "torch": torch.__version__}
