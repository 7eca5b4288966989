"""The bundle: members of all folds, the stack of out-of-fold votes, calibrated on patients that nobody has seen, and the student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spondyl.inference import Bundle, Manifest, NetworkFile, read_bundle, write_bundle
from spondyl.lab.dxa import fitted
from spondyl.lab.dxa.baseline import ablate, fit_baseline
from spondyl.lab.dxa.card import card
from spondyl.lab.dxa.cases import Case, OnStep
from spondyl.lab.dxa.fit import ask_net, cumulative, fit_net, plain
from spondyl.lab.dxa.located import Located, load
from spondyl.lab.dxa.nested import Odds, calibration_of, load_net, odds_without, tree_members
from spondyl.lab.dxa.pieces import parts_folder
from spondyl.lab.dxa.recipe import NETS, DensityRecipe
from spondyl.lab.dxa.stack import Nested, decide_settings, fit_reader, quantile_settings, recalibrated
from spondyl.lab.onnx_export import inputs_to_onnx, to_onnx
from spondyl.metrics.logistic import sigmoid
from spondyl.models.density_nets import DensityNet, create
from spondyl.tasks.dxa_osteoporosis.features import FEATURES
from spondyl.tasks.dxa_osteoporosis.votes import MEMBERS, classes, stacked

CAM_PERCENTILE, CAM_CASES = 99.0, 200
STUDENT_THREADS = 2
"""Fixed, since sums of several threads depend on how many there are."""
Settings = dict[str, Any]


def pack(recipe: DensityRecipe, run: Path, cases: Sequence[Case], others: Sequence[Case], nested: Nested, oof: Odds, out: Path,
         on_step: OnStep) -> Bundle:
    """Everything the task needs, in one folder."""
    data = load(run / "located.npz")
    labels, folds, patients = (np.load(run / f"{name}.npy") for name in ("labels", "folds", "patients"))
    parts = read_bundle(parts_folder(run))
    taught, held = folds < recipe.folds, folds == recipe.folds
    mine = [cases[int(k)] for k in data.index]
    calibration = calibration_of(run)
    nets = {name: load_net(name, recipe, run) for name in NETS}
    forest, trees = tree_members(recipe, data, labels, taught, calibration)
    odds = odds_without((), recipe, run, data, labels, folds, (forest, trees))
    members = MEMBERS if nested.not_worse else (nested.best,)
    held_odds = {name: table[held] for name, table in odds.items()}
    first = fit_reader({name: table[taught] for name, table in oof.items()}, labels[taught], members)
    reader = recalibrated(first, held_odds, labels[held])
    said = classes(stacked(held_odds, reader))
    settings: Settings = {
        **parts.settings, "reader": reader, "calibration": calibration,
        "decide": _decide(recipe, reader, oof, said, labels, taught, held),
        "quantiles": quantile_settings(said, labels[held], patients[held]),
        "trust": fitted.trust(mine, data, taught, parts.settings.get("trust")),
        "gate": fitted.gate(parts, recipe, [mine[k] for k in np.flatnonzero(held)], on_step),
        "naming": {"least": 0.6}, "curve_error": fitted.curve_error(mine, data, parts.settings.get("curve_error", 5.0)),
        "cam_scale": _cam_scale(nets, data, held),
        "shapley": {"background": _background(data, taught, recipe).tolist()},
    }
    student = fit_student(recipe, run, data, labels, taught, oof, reader, on_step)
    settings["student"], out_net = _student_out(student, data, labels, held)
    contents, networks = _graphs(recipe, nets, forest, trees, out_net, data.deep.shape[1])
    contents |= {one.file: parts.read(one.file) for one in parts.networks.values()}
    networks |= dict(parts.networks)
    seen = {cases[int(k)].image: int(fold) for k, fold in zip(data.index, folds, strict=True)}
    seen |= {case.image: recipe.folds + 1 for case in others}
    about = {"taught": int(taught.sum()), "held": int(held.sum()), "parts": len(others), "refused": len(data.refused),
             "parts_taken_from": parts.settings.get("parts_taken_from", ""), "patients_told": any(one.patient != one.file for one in mine),
             "recipe": {**asdict(recipe), "parts_data": bool(recipe.parts_data), "parts_from": Path(recipe.parts_from).name}}
    metrics = {"task": recipe.task, "evidence": recipe.evidence, "baseline": fit_baseline(mine, labels),
               "ablation": ablate(recipe, run, labels, folds, patients, on_step), "nested": fitted.nested_figures(nested, recipe.seed),
               "validation": about}
    manifest = Manifest(task=recipe.task, name=recipe.task, version=recipe.version, evidence=recipe.evidence, trained_on=recipe.trained_on,
                        licence=recipe.licence, attribution=recipe.attribution, networks=networks, settings=settings, training_images=seen,
                        metrics=metrics)
    return write_bundle(out, manifest, {**contents, "card.md": card(manifest.as_dict(), metrics).encode()})


def _decide(recipe: DensityRecipe, reader: Mapping[str, Any], oof: Odds, said: NDArray[np.float64], labels: NDArray[np.int64],
            taught: NDArray[np.bool_], held: NDArray[np.bool_]) -> Settings:
    """Thresholds chosen on everybody who was judged by networks that had not seen them: the folds' own, and those who calibrate."""
    folds = classes(stacked({name: table[taught] for name, table in oof.items()}, reader))
    everyone = np.concatenate([folds[:, 2], said[:, 2]])
    return decide_settings(everyone, np.concatenate([labels[taught], labels[held]]) == 2, recipe.positive_value, recipe.negative_value)


def _cam_scale(nets: Mapping[str, DensityNet], data: Located, held: NDArray[np.bool_]) -> float:
    """The percentile of what the maps of cases not seen in training reach: what is shown as 1."""
    pictures = torch.from_numpy(plain(data.spine[held][:CAM_CASES])[:, None])
    with torch.no_grad():
        tops = [net(pictures)[1][:, 1].numpy().ravel() for net in nets.values()]
    return max(float(np.mean([np.percentile(top, CAM_PERCENTILE) for top in tops])), 1e-3)


def _background(data: Located, taught: NDArray[np.bool_], recipe: DensityRecipe) -> NDArray[np.float32]:
    """Cases that Shapley values compare with: drawn once, rounded, since they travel in bundle.json."""
    rows = np.random.default_rng(recipe.seed).choice(np.flatnonzero(taught), min(recipe.background, int(taught.sum())), replace=False)
    return np.asarray(np.round(data.features[rows], 4), np.float32)


def fit_student(recipe: DensityRecipe, run: Path, data: Located, labels: NDArray[np.int64], taught: NDArray[np.bool_], oof: Odds,
                reader: Mapping[str, Any], on_step: OnStep) -> DensityNet:
    """One small network of the whole scan, taught by labels and by what the stack says of patients it has not seen, half and half."""
    file = run / "student.pt"
    if file.exists():
        net = create("cnn", 2, recipe.cnn_width)
        net.load_state_dict(torch.load(file, weights_only=True))
        return net.eval()
    soft = sigmoid(stacked({name: table[taught] for name, table in oof.items()}, reader))
    targets = (0.5 * cumulative(labels[taught]) + 0.5 * soft).astype(np.float32)
    torch.set_num_threads(STUDENT_THREADS)
    net = fit_net("cnn", recipe.cnn_width, data.scan[taught], targets, epochs=recipe.student_epochs, lr=recipe.lr, batch=recipe.batch,
                  seed=recipe.seed + 5, say=lambda epoch: on_step("Teaching the student", epoch, recipe.student_epochs))
    torch.set_num_threads(1)
    torch.save(net.state_dict(), file)
    return net


class StudentOut(nn.Module):
    """The student with its calibration inside, so that one file answers anywhere: class probabilities and the osteoporosis map."""

    def __init__(self, net: DensityNet, slopes: Sequence[float], shifts: Sequence[float]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("slopes", torch.tensor(slopes, dtype=torch.float32))
        self.register_buffer("shifts", torch.tensor(shifts, dtype=torch.float32))

    def forward(self, scan: Tensor) -> tuple[Tensor, Tensor]:
        """(probabilities (n, 3), map (n, h, w))."""
        logits, cam, _ = self.net(scan)
        first = (logits[:, :1] * self.slopes[:1] + self.shifts[:1])  # type: ignore[index]  # buffers are tensors
        second = torch.minimum(first, torch.minimum(logits[:, :1], logits[:, 1:]) * self.slopes[1:] + self.shifts[1:])  # type: ignore[index]
        worse, worst = torch.sigmoid(first), torch.sigmoid(second)
        return torch.cat([1 - worse, worse - worst, worst], 1), cam[:, 1]


def _student_out(net: DensityNet, data: Located, labels: NDArray[np.int64], held: NDArray[np.bool_]) -> tuple[Settings, StudentOut]:
    """The student calibrated on patients that nobody has seen."""
    logits = ask_net(net, data.scan[held]).astype(np.float64)
    odds = {"student": np.stack([logits[:, 0], np.minimum(logits[:, 0], logits[:, 1])], axis=1)}
    alone = {"members": ["student"], "weights": np.eye(2).tolist(), "offsets": [0.0, 0.0], "slopes": [1.0, 1.0], "shifts": [0.0, 0.0]}
    own = recalibrated(alone, odds, labels[held])
    return {"slopes": own["slopes"], "shifts": own["shifts"]}, StudentOut(net, own["slopes"], own["shifts"]).eval()


def _graphs(recipe: DensityRecipe, nets: Mapping[str, DensityNet], forest: nn.Module, trees: nn.Module,
            student: nn.Module, deep: int) -> tuple[dict[str, bytes], dict[str, NetworkFile]]:
    torch.manual_seed(0)
    spine, scan = torch.rand(1, 1, *recipe.spine), torch.rand(1, 1, *recipe.scan)
    graphs = {f"{name}.onnx": to_onnx(net, spine, "spine", ["logits", "cam", "features"]) for name, net in nets.items()}
    graphs["forest.onnx"] = inputs_to_onnx(forest, {"features": torch.rand(2, deep)}, ["said"], half=False)
    graphs["trees.onnx"] = inputs_to_onnx(trees, {"features": torch.rand(2, len(FEATURES))}, ["said"], half=False)
    graphs["student.onnx"] = to_onnx(student, scan, "scan", ["probabilities", "cam"])
    return graphs, {name.removesuffix(".onnx"): NetworkFile(name) for name in graphs}
