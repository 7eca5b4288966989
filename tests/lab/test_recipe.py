"""Recipes are read strictly, and a misspelt key is answered with the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT
from spondyl.core import InputError, NotFoundError
from spondyl.lab.mri_discs.recipe import Recipe
from spondyl.lab.mri_stenosis.fit import network_of
from spondyl.lab.mri_stenosis.recipe import StenosisRecipe
from spondyl.lab.recipe import read_recipe
from spondyl.lab.verbs import task_of

RECIPES = sorted((ROOT / "recipes").glob("mri-discs*.toml"))
STENOSIS = sorted((ROOT / "recipes").glob("mri-stenosis*.toml"))


@pytest.mark.parametrize("file", STENOSIS, ids=lambda file: file.stem)
def test_a_recipe_of_stenosis_is_read_and_its_network_has_its_size(file: Path):
    assert task_of(file) == "mri-stenosis"
    own = read_recipe(StenosisRecipe, file)
    assert own.scale in ("cpu", "gpu")
    net = network_of(own)
    assert net.sagittal.side.out_channels == own.features
    assert sum(part.numel() for part in net.parameters()) > 800_000


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_released_recipe_is_read_and_names_a_task_that_can_be_trained(file: Path):
    assert task_of(file) == "mri-discs"
    own = read_recipe(Recipe, file)
    assert len(own.pairs) == own.folds * (own.folds - 1) // 2
    assert own.licence
    assert own.attribution


def test_overrides_are_toml_values_or_text():
    own = read_recipe(Recipe, RECIPES[0], ["folds=3", "grader_lr=1e-4", "licence=all mine", "trained_on = 'x=y'"])
    assert (own.folds, own.grader_lr, own.licence, own.trained_on) == (3, 1e-4, "all mine", "x=y")


@pytest.mark.parametrize(
    ("override", "code", "said"),
    [
        ("grader_epoch=3", "recipe-key", "Did you mean 'grader_epochs'"),
        ("grader_epochs", "recipe-override", "not of the form key=value"),
        ("task=xray-grade", "recipe-value", "trains mri-discs, not 'xray-grade'"),
        ("folds=2", "recipe-value", "at least 3, got 2"),
        ("locator_size=100", "recipe-value", "multiple of 32"),
        ("gate_size=100", "recipe-value", "16"),
    ],
)
def test_a_wrong_key_or_value_is_named(override: str, code: str, said: str):
    with pytest.raises(InputError, match=said) as caught:
        read_recipe(Recipe, RECIPES[0], [override])
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("text", ["folds = ", "\xff\xfe"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str):
    (tmp_path / "r.toml").write_bytes(text.encode("latin-1"))
    for read in (lambda: read_recipe(Recipe, tmp_path / "r.toml"), lambda: task_of(tmp_path / "r.toml")):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.code == "recipe-unreadable"


def test_a_recipe_that_is_not_there_incomplete_or_for_nobody_is_refused(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        read_recipe(Recipe, tmp_path / "none.toml")
    assert caught.value.code == "recipe-unreadable"
    (tmp_path / "r.toml").write_text('task = "mri-disks"\n')
    with pytest.raises(InputError, match="incomplete"):
        read_recipe(Recipe, tmp_path / "r.toml")
    with pytest.raises(NotFoundError, match="Did you mean 'mri-discs'"):
        task_of(tmp_path / "r.toml")
