"""Trained networks become a bundle: graphs, settings chosen on validation, bf16 only where it says the same, card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from spondyl.core import InputError
from spondyl.inference import Bundle, Manifest, NetworkFile, open_engine, write_bundle
from spondyl.lab.films.cache import FilmCache
from spondyl.lab.films.card import PIECES, RECIPE, card
from spondyl.lab.films.choices import choose
from spondyl.lab.films.detect import load_detector
from spondyl.lab.films.fit import load_member
from spondyl.lab.films.gate import load_gate
from spondyl.lab.films.parity import check_parity
from spondyl.lab.films.predict import OnStep, ask_classifiers, ask_detector, save
from spondyl.lab.films.recipe import FilmRecipe
from spondyl.lab.onnx_export import to_onnx
from spondyl.tasks.films.framing import FilmFrame
from spondyl.tasks.films.votes import STUDENT

COHORT_FILE = "cohort.json"
PHANTOM = "Spondyl digital spine"
"""The attribution of the recipes that ship: of drawn films."""
BOTH = ("f32", "bf16")
DETECTOR, GATE = "detector", "gate"


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A bundle before it is measured.

    Attributes:
        manifest: Without metrics.
        graphs: File name -> ONNX bytes.
        validation, parity, recipe: Of metrics.json.
    """

    manifest: Manifest
    graphs: Mapping[str, bytes]
    validation: dict[str, Any]
    parity: dict[str, Any]
    recipe: dict[str, Any]

    def write(self, folder: Path, metrics: Mapping[str, Any] | None = None) -> Bundle:
        """The bundle in a new folder; with `metrics` its card tells them."""
        manifest = replace(self.manifest, metrics={"recipe": self.recipe, **metrics} if metrics else {})
        words = card(manifest.as_dict(), manifest.metrics)
        return write_bundle(folder, manifest, {**self.graphs, "card.md": words.encode()})


def draft(run: Path, data: Path, recipe: FilmRecipe, caches: Mapping[str, FilmCache], on_step: OnStep) -> Draft:
    """The bundle of a run whose networks are trained.

    Args:
        data: Root of the data set: its cohort.json, if any, says that the data are in-silico.
        caches: "film", "gate" and, with a detector, "detector".
    """
    graphs = export(run, recipe, on_step)
    settings = _frames(recipe)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(_write(Path(folder), "plain", recipe, data, caches, settings, graphs, ("f32",)), precision="f32")
        places = caches["film"].places("val")
        networks = [*recipe.networks, *([STUDENT] if recipe.student else [])]
        said = ask_classifiers(engine, networks, caches["film"], places, on_step)
        own = {"least": recipe.detector_least, "overlap": recipe.detector_overlap, "most": recipe.detector_most}
        found = ask_detector(engine, DETECTOR, caches[DETECTOR], places, own, on_step) if recipe.detector else None
        save(run / "predictions" / "val.npz", caches["film"], places, said, found)
        choices = choose(recipe, [caches["film"].films[place] for place in places], said, found)
        for name, value in choices.settings.items():
            settings[name] = {**settings.get(name, {}), **value} if isinstance(value, Mapping) else value
        both = _write(Path(folder), "both", recipe, data, caches, settings, graphs, BOTH)
        parity = check_parity(both, caches, on_step)
    manifest = _manifest(recipe, data, caches, settings, graphs, parity["allowed"])
    return Draft(manifest, graphs, choices.report, parity, _main_values(recipe))


def _main_values(recipe: FilmRecipe) -> dict[str, Any]:
    """What decides most of the training; no folder of anybody's machine."""
    absent = {key for key, network in (("student_epochs", recipe.student), ("detector_epochs", recipe.detector)) if not network}
    return {key: getattr(recipe, key) for key in (*RECIPE, *PIECES) if key not in absent}


def export(run: Path, recipe: FilmRecipe, on_step: OnStep) -> dict[str, bytes]:
    """ONNX bytes by file name."""
    frame, finder, small = (recipe.rows, recipe.columns), (recipe.detector_rows, recipe.detector_columns), (recipe.gate_size,) * 2
    nets: list[tuple[str, torch.nn.Module, tuple[int, ...], list[str]]] = [
        (name, load_member(run / "members" / name), frame, ["logits", "cam"]) for name in recipe.networks
    ]
    if recipe.student:
        nets.append((STUDENT, load_member(run / STUDENT), frame, ["logits", "cam"]))
    if recipe.detector:
        nets.append((DETECTOR, load_detector(run / DETECTOR), finder, ["boxes", "scores"]))
    nets.append((GATE, load_gate(run / GATE), small, ["logits"]))
    graphs = {}
    for done, (name, net, shape, outputs) in enumerate(nets, start=1):
        graphs[f"{name}.onnx"] = to_onnx(net, torch.rand(1, 1, *shape), "film", outputs)
        on_step("Exporting networks", done, len(nets))
    return graphs


def for_bundle(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a bundle carries of metrics.json: nothing that names a film, and no histories."""
    body = {key: value for key, value in metrics.items() if key not in ("history", "data", "test")}
    for part, names in (("data", "skipped"), ("test", "cases")):
        if part in metrics:
            body[part] = {key: value for key, value in metrics[part].items() if key != names}
    return body


def cohort_of(data: Path) -> dict[str, Any]:
    """What the root of a data set says of itself where the digital spine made it; nothing for other data.

    Args:
        data: The root, or the folder "dataset" in it.

    Raises:
        InputError: `cohort-unreadable`: data of which nobody can say whether they are in-silico are not taken for patients'.
    """
    folders = [data, *([data.resolve().parent] if data.resolve().name == "dataset" else [])]
    file = next((folder / COHORT_FILE for folder in folders if (folder / COHORT_FILE).exists()), None)
    if file is None:
        return {}
    try:
        body = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(type(error).__name__) from None
    if not isinstance(body, dict):
        raise _damaged("it is no JSON object")
    kept = ("layout", "profile", "seed", "role", "labels", "style", "evidence")
    settings = body.get("settings") or ()
    changed = {"changed": ", ".join(f"{name}={value}" for name, value in settings)} if settings else {}
    return {key: body[key] for key in kept if key in body} | changed


def cohorts_of(recipe: FilmRecipe, data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """`cohort_of` the data set, and of the one that is learnt from only (empty where there is none)."""
    return cohort_of(data), cohort_of(Path(recipe.also)) if recipe.also else {}


def _damaged(why: str) -> InputError:
    return InputError("cohort-unreadable", f"{COHORT_FILE} of the data set cannot be read: {why}",
                      "Copy it again from where the cohort was made: it says whether the films are in-silico")


def evidence_of(data: Path) -> str:
    """ "in-silico" where the digital spine made the data, else "real"."""
    return "in-silico" if cohort_of(data).get("evidence") == "in-silico" else "real"


def _frames(recipe: FilmRecipe) -> dict[str, Any]:
    """What networks see, and who answers."""
    seen = FilmFrame(recipe.gate_size, recipe.gate_size, recipe.low, recipe.high)
    sure = {"least": recipe.gate_least, "sure": recipe.gate_sure, "sure_view": recipe.gate_sure_view}
    body: dict[str, Any] = {
        "frame": asdict(recipe.frame), "gate": {"network": GATE, "frame": asdict(seen), **sure},
        "reader": recipe.reader, "explanation": "cam",
    }  # fmt: skip
    return {**body, DETECTOR: {"network": DETECTOR, "frame": asdict(recipe.detector_frame)}} if recipe.detector else body


def _write(folder: Path, name: str, recipe: FilmRecipe, data: Path, caches: Mapping[str, FilmCache], settings: Mapping[str, Any],
           graphs: Mapping[str, bytes], precisions: tuple[str, ...]) -> Bundle:
    manifest = _manifest(recipe, data, caches, settings, graphs, ["film", DETECTOR, GATE, STUDENT] if precisions == BOTH else [])
    return write_bundle(folder / name, manifest, {**graphs, "card.md": b"draft"})


def _manifest(recipe: FilmRecipe, data: Path, caches: Mapping[str, FilmCache], settings: Mapping[str, Any], graphs: Mapping[str, bytes],
              bf16: list[str]) -> Manifest:
    def precisions(name: str) -> tuple[str, ...]:
        return BOTH if (name if name in (DETECTOR, GATE, STUDENT) else "film") in bf16 else ("f32",)

    names = [file.removesuffix(".onnx") for file in graphs]
    licence, attribution = terms(recipe, data)
    cache = caches["film"]
    seen = [*cache.places("train"), *cache.places("val")]
    return Manifest(
        task=recipe.task, name=recipe.task, version=recipe.version, evidence=evidence_of(data),
        trained_on=trained_on(recipe, data, cache), licence=licence, attribution=attribution, research_only=recipe.research_only,
        networks={name: NetworkFile(f"{name}.onnx", precisions(name)) for name in names}, settings=settings,
        training_images={cache.image_ids[place]: 0 for place in seen},
    )  # fmt: skip


def terms(recipe: FilmRecipe, data: Path) -> tuple[str, str]:
    """Licence and attribution of a bundle: the recipe's, but never the digital spine's for data that are not of it."""
    taught_by = [data, *([Path(recipe.also)] if recipe.also else [])]
    if "real" in map(evidence_of, taught_by) and recipe.attribution == PHANTOM:
        return "not stated by whoever trained it", ""
    return recipe.licence, recipe.attribution


def trained_on(recipe: FilmRecipe, data: Path, cache: FilmCache) -> str:
    """What a bundle learned from, in words."""
    groups = len({cache.films[place].group for place in cache.places("train")})
    own, also = cohorts_of(recipe, data)
    words = recipe.trained_on or _in_words(own, groups) or f"{groups} patients or studies in the layout that the recipe names"
    return f"{words}, some of them of {_in_words(also) or 'a second data set'}" if recipe.also else words


def _in_words(cohort: Mapping[str, Any], groups: int = 0) -> str:
    """A cohort of the digital spine; "" for other data."""
    if not cohort:
        return ""
    count, changed = f"{groups} subjects, " if groups else "", f" with {cohort['changed']}" if cohort.get("changed") else ""
    return f"the digital spine (in-silico, no patients): {count}profile {cohort.get('profile')}, seed {cohort.get('seed')}{changed}"
