"""From a folder of studies to a bundle: prepared, fitted, calibrated, packed; every finished piece is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from spondyl.core import InputError
from spondyl.core.identity import content_hash
from spondyl.datasets.rsna2024_truth import TABLE
from spondyl.inference import Bundle, Manifest, NetworkFile, open_engine, write_bundle
from spondyl.lab.mri_stenosis import calibrate
from spondyl.lab.mri_stenosis.batches import Levels, joined, plain
from spondyl.lab.mri_stenosis.card import card
from spondyl.lab.mri_stenosis.cases import OnStep, load, load_case, open_studies, prepare
from spondyl.lab.mri_stenosis.fit import described, fit_member, load_member
from spondyl.lab.mri_stenosis.levels import level_engine, level_part
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.mri_stenosis.sacrum import fit_on_sacrum
from spondyl.lab.mri_stenosis.splitting import kept, split
from spondyl.lab.mri_stenosis.stir import NAME, fit_stir, load_stir, stir_on_sacrum
from spondyl.lab.onnx_export import inputs_to_onnx, to_onnx
from spondyl.lab.recipe import check_config
from spondyl.lab.spread import keep, spread
from spondyl.tasks.mri_stenosis.answers import CONDITIONS, PATTERNS, WEIGHTS

OUTPUTS = ("logits", "sagittal_maps", "axial_maps", "sizes")
FEWEST = 2
"""Studies that teach, and studies that choose, at the least."""


def train(recipe: StenosisRecipe, data: Path, run: Path, on_step: OnStep) -> None:
    """Do what the run folder does not hold yet; its `bundle/` is ready to use at the end.

    Raises:
        InputError: `run-recipe-differs`, `dataset-too-small`, or where the data cannot be used.
    """
    check_evidence(recipe, data)
    run.mkdir(parents=True, exist_ok=True)
    check_config(recipe, run / "config.json")
    keep(run / "config.json", (json.dumps(described(recipe), indent=1) + "\n").encode())
    if not (run / "refused.json").exists():
        _check_data(recipe, data, run / "data.json")
        engine = level_engine(recipe, run / "levels")
        refused = prepare(recipe.layout, data, run / "cases", engine, recipe.plan, recipe.margin, on_step)
        keep(run / "refused.json", (json.dumps(refused, indent=1) + "\n").encode())
    taught, held = split(kept(run / "cases"), recipe.val_share, recipe.seed)
    if min(len(taught), len(held)) < FEWEST:
        said = f"{len(taught)} studies can teach and {len(held)} can choose; both need {FEWEST} or more"
        raise InputError("dataset-too-small", said, "Take more studies, or change val_share")
    missing = [f"member-{k}" for k in range(recipe.members) if not (run / f"member-{k}.pt").exists()]
    if not (run / "stir.json").exists():
        missing.insert(1, NAME)
    on_step("Fitting networks", 0, len(missing))
    size = int(level_part(recipe).settings["locator"]["size"])
    for done in spread(min(recipe.jobs, max(len(missing), 1)), _fit, [(recipe, run, size, name) for name in missing]):
        on_step("Fitting networks", done, len(missing))
    if not (run / "bundle").exists():
        half_done = run / "bundle.part"
        shutil.rmtree(half_done, ignore_errors=True)
        pack(recipe, run, half_done, on_step)
        half_done.replace(run / "bundle")


def _fit(recipe: StenosisRecipe, run: Path, size: int, name: str) -> None:
    """One network of a run, kept when it is finished."""
    if name == NAME:
        fit_stir(recipe, run, size)
        keep(run / "stir.json", (json.dumps({"taught": (run / f"{NAME}.pt").exists()}) + "\n").encode())
    else:
        fit_member(recipe, run, int(name.partition("-")[2]))


def check_evidence(recipe: StenosisRecipe, data: Path) -> None:
    """Refuse a bundle that would say of itself what is not so.

    Raises:
        InputError: `evidence-not-real` where the data set is of the digital spine, `attribution-missing` where real data would carry the
            digital spine's licence.
    """
    if recipe.evidence != "real":
        return
    if (data / TABLE).is_file():
        raise InputError("evidence-not-real", f"the data set is of the digital spine: it has a {TABLE}", "Leave evidence=real out")
    if "digital spine" in f"{recipe.attribution} {recipe.trained_on}".lower():
        raise InputError("attribution-missing", "weights of real studies would name the digital spine as their source",
                         'Say whose data they are: "trained_on=..." "attribution=..." "licence=..."')


def _check_data(recipe: StenosisRecipe, data: Path, file: Path) -> None:
    """Let an interrupted preparation go on only with the data set that it began with."""
    names = sorted(study.study for study in open_studies(recipe.layout, data)[0])
    now = json.dumps({"studies": len(names), "sha256": content_hash("\n".join(names).encode())})
    if file.exists() and file.read_text("utf-8") != now:
        raise InputError("run-data-differs", "the run was begun with another data set",
                         "Name that one, or begin a new run without --resume")
    keep(file, now.encode())


def pack(recipe: StenosisRecipe, run: Path, out: Path, on_step: OnStep) -> Bundle:
    """The bundle of fitted members, calibrated on the validation studies by the engine that serves it."""
    part = level_part(recipe)
    held_files = split(kept(run / "cases"), recipe.val_share, recipe.seed)
    held = joined(load(held_files[1]), "labels")
    names = [f"reader-{k}" for k in range(recipe.members)]
    graphs = {f"{name}.onnx": _graph(recipe, run, k, held) for k, name in enumerate(names)}
    on_step("Calibrating", 0, 1)
    settings: dict[str, Any] = {**part.settings, "reader": {"members": names}, **_first()}
    heads = [[load_case(file, crops=False) for file in files] for files in held_files]
    settings["levels"] = {**settings["levels"], "on_sacrum": fit_on_sacrum([*heads[0], *heads[1]])}
    stir = load_stir(run)
    if stir is not None:
        size = settings["locator"]["size"]
        graphs[f"{NAME}.onnx"] = to_onnx(stir, torch.rand(1, 1, size, size), "slice", ["maps"])
        names = [*names, NAME]
        settings["locator"] = {**settings["locator"], "stir_members": [NAME]}
        settings["levels"]["on_sacrum_stir"] = stir_on_sacrum(recipe, run, stir, settings["locator"])
    contents = {**part.contents, **graphs}
    networks = {**part.networks, **{name: NetworkFile(f"{name}.onnx") for name in names}}
    seen = {case.image: part for part, cases in enumerate(heads) for case in cases}
    draft = run / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    first = write_bundle(draft, _manifest(recipe, networks, settings, seen, {}), {**contents, "card.md": b"draft\n"})
    settings |= calibrate.fitted(open_engine(first, precision="f32"), held, recipe)
    metrics = {"task": recipe.task, "evidence": recipe.evidence, "validation": _validation(run, recipe, held_files)}
    manifest = _manifest(recipe, networks, settings, seen, metrics)
    on_step("Calibrating", 1, 1)
    shutil.rmtree(draft)
    return write_bundle(out, manifest, {**contents, "card.md": card(manifest.as_dict(), metrics).encode()})


def _graph(recipe: StenosisRecipe, run: Path, member: int, held: Levels) -> bytes:
    tensors = plain(held, torch.arange(1).numpy(), recipe.plan, recipe.margin)
    return inputs_to_onnx(load_member(recipe, run, member), dict(zip(calibrate.INPUTS, tensors, strict=True)), list(OUTPUTS))


def _first() -> dict[str, Any]:
    """What a bundle says before it is calibrated."""
    plain_answers = {condition: {"offsets": [0.0, 0.0, 0.0], "temperature": 1.0, "sets": [1.0, 1.0, 1.0]} for condition in CONDITIONS}
    return {"answers": {pattern: plain_answers for pattern in PATTERNS.values()}, "weights": {name: list(WEIGHTS) for name in CONDITIONS},
            "measures": {}, "attention_scale": 1.0, "prior": []}


def _manifest(recipe: StenosisRecipe, networks: Mapping[str, NetworkFile], settings: Mapping[str, Any], seen: Mapping[str, int],
              metrics: Mapping[str, Any]) -> Manifest:
    return Manifest(task=recipe.task, name=recipe.task, version=recipe.version, evidence=recipe.evidence, trained_on=recipe.trained_on,
                    licence=recipe.licence, attribution=recipe.attribution, networks=networks, settings=settings, training_images=seen,
                    metrics=metrics)


def _validation(run: Path, recipe: StenosisRecipe, files: tuple[list[Path], list[Path]]) -> dict[str, Any]:
    curves = [json.loads((run / f"member-{k}.json").read_text("utf-8")) for k in range(recipe.members)]
    refused = json.loads((run / "refused.json").read_text("utf-8")) if (run / "refused.json").exists() else {}
    return {"taught": len(files[0]), "held": len(files[1]), "refused": len(refused),
            "recipe": {**asdict(recipe), "levels_from": Path(recipe.levels_from).name},
            "members": {f"reader-{k}": curve[-1] for k, curve in enumerate(curves)}}
