"""What the tutorials and how-to pages tell a reader to type can be typed."""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import ROOT
from spondyl.apps.cli import app
from spondyl.inference import read_bundle

PAGES = sorted(path for shelf in ("tutorials", "how-to") for path in (ROOT / "docs" / shelf).glob("*.md"))
TUTORIAL = ROOT / "docs" / "tutorials" / "own-lesion-bundle.md"
RECIPE = "recipes/xray-lesions-quick.toml"
MOST_S, CORES = 15 * 60, 2
"""What the tutorial promises."""


def commands(page: Path) -> list[list[str]]:
    """Every line of the page's blocks that calls spondyl, as words; what follows on the same line is left out."""
    blocks = page.read_text("utf-8").split("```")[1::2]
    lines = [line.removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    return [shlex.split(line.split(";")[0])[1:] for line in lines if line.startswith("spondyl ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    for words in commands(page):
        asked = CliRunner().invoke(app, [*words, "--help"])  # unknown verbs and options are told before help is given
        assert asked.exit_code == 0, f"spondyl {shlex.join(words)}: {asked.output}"


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    for words in (["phantom", "bake", "--help"], ["train", "recipe.toml", "--fast", "--help"]):
        assert CliRunner().invoke(app, words).exit_code != 0


def test_the_quick_recipe_names_the_command_that_makes_its_films() -> None:
    made = next(words for words in commands(TUTORIAL) if words[:2] == ["phantom", "make"])
    assert f"#   spondyl {shlex.join(made)}\n" in (ROOT / RECIPE).read_text("utf-8")


@pytest.mark.slow
def test_the_tutorial_ends_in_a_bundle_in_the_time_that_it_promises(tmp_path: Path) -> None:
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    told = commands(TUTORIAL)
    wanted = [told[[words[0] for words in told].index(verb)] for verb in ("phantom", "train", "evaluate", "export")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for words in wanted:
        subprocess.run([Path(sys.executable).parent / "spondyl", *words], cwd=tmp_path, check=True, timeout=4 * MOST_S)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    bundle = read_bundle(tmp_path / "my-bundles" / "xray-lesions")
    assert bundle.note.evidence == "in-silico"
    assert bundle.metrics["test"]["films"] > 0
    assert (tmp_path / "runs" / "mine" / "index.html").is_file()
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < MOST_S * CORES
