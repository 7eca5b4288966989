"""A tiny run, trained once a session from the released recipe with small numbers: data, networks, bundle."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from lab.small_pack import write_small_pack
from spondyl.inference import Bundle, Engine, open_engine, read_bundle, write_bundle
from spondyl.lab import verbs
from spondyl.lab.mri_discs import measure
from spondyl.lab.mri_discs.data import Cohort, read_cohort
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.recipe import read_recipe

RECIPE = ROOT / "recipes" / "mri-discs.toml"
SMALL = (
    "folds=3", "jobs=1", "evidence=in-silico", "trained_on=digital spine", "gate_size=64", "gate_epochs=40", "gate_phantoms=3",
    "gate_others=1", "locator_size=64", "locator_epochs=60", "locator_epochs_all=4", "locator_lr=1e-2", "crop_rows=48", "crop_columns=64",
    "grader_epochs=1", "grader_width=8",
)  # fmt: skip


@dataclass(frozen=True)
class Tiny:
    """A finished run.

    Attributes:
        data: The pack.
        runs: Where runs are kept.
        run: The run's folder.
        recipe: As trained.
        steps: Every step that was announced, as (what, done, of).
    """

    data: Path
    runs: Path
    run: Path
    recipe: Recipe
    steps: tuple[tuple[str, int, int], ...]

    @property
    def bundle(self) -> Bundle:
        return read_bundle(self.run / "bundle")

    @property
    def cohort(self) -> Cohort:
        return read_cohort(self.recipe.layout, self.data, self.recipe.folds, self.recipe.seed)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Trained, packed and measured as `spondyl train` does it."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("tiny")
    write_small_pack(root / "data")
    steps: list[tuple[str, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "DRAWS", 20)
        run = verbs.train(RECIPE, root / "data", SMALL, root / "runs", None, lambda *step: steps.append(step))
    return Tiny(root / "data", root / "runs", run, read_recipe(Recipe, RECIPE, SMALL), tuple(steps))


@pytest.fixture(scope="session")
def engine(tiny: Tiny) -> Engine:
    """The bundle in float32."""
    return open_engine(tiny.bundle, precision="f32")


@pytest.fixture(scope="session")
def lenient(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shelf with the same networks whose gate lets everything pass: one epoch makes no gatekeeper."""
    bundle = tiny.bundle
    settings = copy.deepcopy(dict(bundle.settings))
    settings["gate"] |= {"least_upright": 0.0, "sure_upright": 0.0}
    settings["locator"]["plausible"] = {"least_discs": 1, "least_mean_score": 0.0}
    contents = {name: bundle.read(name) for name in bundle.manifest.files}
    shelf = tmp_path_factory.mktemp("shelf")
    write_bundle(shelf / "mri-discs", replace(bundle.manifest, settings=settings), contents)
    return shelf
