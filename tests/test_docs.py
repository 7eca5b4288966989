"""The reference pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spondyl.apps.settings import Settings
from spondyl.core import vocabulary
from spondyl.tasks.dxa_osteoporosis.gate import REFUSALS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "spondyl"
RAISED = re.compile(r'\b(?:\w*Error|Refusal|Notice|Skipped)\(\s*(?:\w[\w.\[\]]*,\s*)?f?"([a-z0-9]+(?:-[a-z0-9]+)+)"')


def test_the_generated_pages_are_up_to_date() -> None:
    command = [sys.executable, ROOT / "docs" / "generate.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_every_code_that_the_source_raises_is_explained() -> None:
    codes = {code for path in SOURCE.rglob("*.py") for code in RAISED.findall(path.read_text("utf-8"))}
    assert len(codes) > 50
    page = (REFERENCE / "errors.md").read_text("utf-8")
    assert {code for code in codes if f"| `{code}` |" not in page} == set()


def test_every_refusal_of_a_table_is_explained() -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    for code, said, _ in REFUSALS.values():
        assert f"| `{code}` | refused | tasks | {said} |" in page


@pytest.mark.parametrize("name", vocabulary())
def test_every_finding_is_listed(name: str) -> None:
    assert f"| `{name}` |" in (REFERENCE / "findings.md").read_text("utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed(name: str) -> None:
    assert f"| `SPONDYL_{name.upper()}` |" in (REFERENCE / "settings.md").read_text("utf-8")


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_make_target_that_the_words_name_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        assert set(re.findall(r"`make ([a-z]+)", page.read_text("utf-8"))) <= targets
