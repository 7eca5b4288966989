"""The part of the bundle that finds the levels: gate and locator of `mri-discs`, taken over as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spondyl.inference import Bundle, Engine, Manifest, NetworkFile, open_engine, read_bundle, write_bundle
from spondyl.inference.shelf import Shelf
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe

LEAST_LEVEL = 0.6
"""Least probability at which a level is named; lower than that of `mri-discs`, chosen on validation studies [O]."""
TAKEN = ("gate", "locator", "levels")
"""Parts of that bundle's settings that come along."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelPart:
    """Networks with their files, and the settings that go with them."""

    networks: Mapping[str, NetworkFile]
    contents: Mapping[str, bytes]
    settings: Mapping[str, Any]
    source: Bundle


def level_part(recipe: StenosisRecipe) -> LevelPart:
    """The first gates and locators of the recipe's `levels_from`; in f32 only, as they were not checked here in any other arithmetic.

    Raises:
        NotFoundError, BundleError: There is no such bundle, or it has no such networks.
    """
    source = read_bundle(Path(recipe.levels_from)) if Path(recipe.levels_from).is_dir() else Shelf().bundle(recipe.levels_from)
    settings = {name: dict(source.settings[name]) for name in TAKEN}
    for kind, count in (("gate", recipe.gates), ("locator", recipe.locators)):
        settings[kind]["members"] = list(settings[kind]["members"])[:count]
    names = [*settings["gate"]["members"], *settings["locator"]["members"]]
    networks = {name: NetworkFile(source.network(name).file) for name in names}
    settings["levels"].pop("on_sacrum_out_of_fold", None)
    settings["levels"] |= {"least": LEAST_LEVEL, "on_sacrum_at_edge": settings["levels"]["on_sacrum"]}
    settings["crops"] = asdict(recipe.plan)
    return LevelPart(networks, {file.file: source.read(file.file) for file in networks.values()}, settings, source)


def level_engine(recipe: StenosisRecipe, folder: Path) -> Engine:
    """An engine that finds levels and nothing else, from a bundle that is written into `folder` where it is not there yet."""
    if folder.exists():
        return open_engine(read_bundle(folder), precision="f32", threads=1)
    part = level_part(recipe)
    manifest = Manifest(task=recipe.task, name=recipe.task, version=recipe.version, evidence=recipe.evidence, trained_on=recipe.trained_on,
                        licence=recipe.licence, networks=part.networks, settings=part.settings)
    draft = folder.with_name(folder.name + ".part")
    write_bundle(draft, manifest, {**part.contents, "card.md": b"finds levels; grades nothing\n"})
    draft.replace(folder)
    return open_engine(read_bundle(folder), precision="f32", threads=1)
